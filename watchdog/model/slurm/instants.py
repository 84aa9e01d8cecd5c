"""Slurm's instants: local times without a zone (`2026-11-24T08:00:00`), or seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from watchdog.base.errors import SourceFormatError

_UNSAID = {"", "n/a", "none", "unknown", "(null)", "invalid", "not_set", "0"}
# Slurm's own marks for "never" and "not set" (INFINITE, NO_VAL) are no instants.
_LAST = 253_402_300_799


@lru_cache(maxsize=16_384)
def instant(said: str | float | None, zone: tzinfo = UTC) -> datetime | None:
    """What was said, aware, in UTC; None where Slurm says N/A, Unknown, None, 0, or "never".

    Args:
        said: A time as Slurm prints it, or seconds since 1970, as number or text.
        zone: The zone of the machine that printed a time without one.

    Raises:
        SourceFormatError: it is no time.
    """
    if said is None:
        return None
    if isinstance(said, (int, float)):
        return _epoch(said)
    word = said.strip()
    if word.lower() in _UNSAID:
        return None
    if word.isascii() and word.isdecimal():
        return _epoch(float(word[:20]))
    try:
        read = datetime.fromisoformat(word)
        if read.tzinfo is None:
            read = read.replace(tzinfo=zone)
        return read if read.tzinfo is UTC else read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SourceFormatError(f"not a time: {said[:40]!r}") from error


def _epoch(number: float) -> datetime | None:
    # Also drops NaN. 0xFFFFFFFE and 0xFFFFFFFF are 32 bit NO_VAL and INFINITE.
    if not 0 < number < _LAST or number in {4294967294, 4294967295}:
        return None
    return datetime.fromtimestamp(number, UTC)
