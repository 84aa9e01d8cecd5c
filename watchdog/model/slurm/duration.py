"""Slurm's durations: `1-02:03:04`, `5:00`, `30` (minutes), `UNLIMITED`."""

from __future__ import annotations

import re
from functools import lru_cache

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm.records import UNLIMITED

_ENDLESS = {"unlimited", "infinite"}
# INVALID is what Slurm prints where clocks disagree; Partition_Limit means "what the partition says".
_UNSAID = {"", "n/a", "none", "invalid", "partition_limit", "not_set", "unknown", "(null)"}
_DAYS = re.compile(r"(\d{1,9})-(\d{1,9})(?::(\d{1,9}))?(?::(\d{1,9}(?:\.\d{1,9})?))?", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,9}):)?(\d{1,9}):(\d{1,9}(?:\.\d{1,9})?)", re.ASCII)
_MINUTES = re.compile(r"\d{1,12}", re.ASCII)


@lru_cache(maxsize=4096)
def seconds(text: str) -> float | None:
    """`text` in seconds; UNLIMITED without a limit, None where Slurm does not say.

    A number alone is minutes, as everywhere in Slurm; `MM:SS` minutes and seconds; `D-HH` days and hours.

    Raises:
        SourceFormatError: it is no duration.
    """
    word = text.strip()
    if word.lower() in _ENDLESS:
        return UNLIMITED
    if word.lower() in _UNSAID:
        return None
    if match := _DAYS.fullmatch(word):
        return _total(match[1], match[2], match[3], match[4])
    if match := _CLOCK.fullmatch(word):
        return _total(None, match[1], match[2], match[3])
    if _MINUTES.fullmatch(word):
        return int(word) * 60.0
    raise SourceFormatError(f"not a duration: {text[:40]!r}")


def written(duration: float) -> str:
    """Seconds as Slurm writes them: `1-02:03:04`, `02:03:04`, `UNLIMITED`; fractions are dropped."""
    if duration == UNLIMITED:
        return "UNLIMITED"
    minutes, second = divmod(int(duration), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    clock = f"{hour:02}:{minute:02}:{second:02}"
    return f"{days}-{clock}" if days else clock


def _total(days: str | None, hours: str | None, minutes: str | None, second: str | None) -> float:
    return int(days or 0) * 86_400.0 + int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(second or 0)
