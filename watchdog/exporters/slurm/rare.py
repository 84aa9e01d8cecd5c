"""What is asked for rarely: it costs Slurm more than it changes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC

from watchdog.base.clock import Clock
from watchdog.exporters.failure import CollectError
from watchdog.exporters.slurm import shares
from watchdog.exporters.slurm.commands import Slurm
from watchdog.exporters.slurm.holdings import licenses_page, parse_licenses, parse_reservations, reservations_page
from watchdog.exporters.slurm.sdiag import parse_sdiag, scheduler_page
from watchdog.model.exposition import family_text, labels_text

log = logging.getLogger(__name__)

_STALE_PERIODS = 3
# A little early is in time: beats and periods do not fall on the same instant.
_EARLY_SECONDS = 1.0


@dataclass(frozen=True)
class Part:
    """One such thing: its command, how often in seconds, and its series."""

    name: str
    argv: Sequence[str]
    every_seconds: float
    page: Callable[[str], str]


def rare_parts(most_users: int) -> tuple[Part, ...]:
    """Scheduler statistics, licences, reservations and fair share."""
    return (
        Part("scheduler", ("sdiag",), 240, lambda text: scheduler_page(parse_sdiag(text))),
        Part("licenses", ("scontrol", "-o", "show", "licenses"), 600, lambda text: licenses_page(parse_licenses(text))),
        Part(
            "reservations",
            ("scontrol", "-o", "show", "reservations"),
            600,
            lambda text: reservations_page(parse_reservations(text, UTC)),
        ),
        Part(
            "fairshare",
            ("sshare", "-a", "-n", "-P", "-o", shares.COLUMNS),
            900,
            lambda text: shares.shares_page(shares.parse_sshare(text), most_users),
        ),
    )


class Rare:
    """Keeps the series of each part until they are too old; a failing part costs only itself."""

    def __init__(self, slurm: Slurm, clock: Clock, parts: Sequence[Part]) -> None:
        self._slurm = slurm
        self._clock = clock
        self._parts = parts
        self._tried: dict[str, float] = {}
        self._pages: dict[str, tuple[float, str]] = {}
        self._read_at: dict[str, float] = {}

    def page(self) -> str:
        """Ask what is due, and return all that is not too old, with the times of reading."""
        for part in self._parts:
            if self._is_due(part):
                self._read(part)
        now = self._clock.monotonic()
        fresh = [
            page
            for part in self._parts
            for at, page in [self._pages.get(part.name, (0.0, ""))]
            if now - at <= _STALE_PERIODS * part.every_seconds
        ]
        ages = [(labels_text({"part": name}), at) for name, at in sorted(self._read_at.items())]
        text = "When a part that is asked for rarely was last read, in Unix time."
        return "".join(fresh) + family_text("slurm_exporter_part_timestamp_seconds", "gauge", text, ages)

    def _is_due(self, part: Part) -> bool:
        tried = self._tried.get(part.name)
        return tried is None or self._clock.monotonic() - tried >= part.every_seconds - _EARLY_SECONDS

    def _read(self, part: Part) -> None:
        now = self._clock.monotonic()
        self._tried[part.name] = now
        try:
            out = self._slurm.ask(part.name, part.argv)
        except CollectError as error:
            log.warning("%s: %s. %s", part.name, error, error.hint)
            return
        self._pages[part.name] = (now, part.page(out.decode("utf-8", "replace")))
        self._read_at[part.name] = self._clock.now().timestamp()
