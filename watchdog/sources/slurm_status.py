"""How the last read of Slurm went, for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from watchdog.base.clock import Clock
from watchdog.base.errors import SourceError
from watchdog.model.telemetry import SourceStatus


@dataclass
class Reading:
    """What one read found; filled in while it runs."""

    records: int = 0
    newest_at: datetime | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)


class StatusKeeper:
    """Keeps the status of a source up to date around each read."""

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock = clock
        self.status = SourceStatus(name=name)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Note what happens inside; a SourceError is noted and goes on."""
        reading, began = Reading(), self._clock.monotonic()
        self.status = replace(self.status, last_attempt_at=self._clock.now())
        try:
            yield reading
        except SourceError as error:
            took = self._clock.monotonic() - began
            self.status = replace(self.status, duration_seconds=took, error=str(error), hint=error.hint)
            raise
        self.status = replace(
            self.status,
            last_success_at=self._clock.now(),
            duration_seconds=self._clock.monotonic() - began,
            samples=reading.records,
            newest_sample_at=reading.newest_at or self.status.newest_sample_at,
            error="",
            hint="",
            note="; ".join(reading.notes)[:500],
        )
