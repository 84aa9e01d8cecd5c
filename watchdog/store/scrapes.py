"""What happened at the last read of each source, and its failures of late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from watchdog.model.telemetry import SourceStatus
from watchdog.store.connection import Cursor, rows

KEPT_FAILURES = 50
_COLUMNS = (
    "name, attempted_at, success_at, duration_seconds, samples, newest_sample_at, error, hint, clock_skew_seconds"
)


@dataclass(frozen=True)
class Failure:
    """One failed read of a source."""

    name: str
    attempted_at: datetime
    error: str
    hint: str


def save_scrapes(cursor: Cursor, statuses: Sequence[SourceStatus]) -> None:
    """Replace what is known of these sources; an instant that a status does not give is kept."""
    known = {status.name: status for status in load_scrapes(cursor)}
    latest = {status.name: _merged(known.get(status.name), status) for status in statuses}
    _insert(cursor, list(latest.values()))
    failed = [status for status in latest.values() if status.error and status.last_attempt_at]
    if failed:
        values = [x for s in failed for x in (s.name, s.last_attempt_at, s.error, s.hint)]
        rows(cursor, f"INSERT INTO source_failures VALUES {_marks(len(failed), 4)}", values)
        rows(
            cursor,
            "DELETE FROM source_failures AS f USING (SELECT name, attempted_at, "
            "row_number() OVER (PARTITION BY name ORDER BY attempted_at DESC) AS age FROM source_failures) AS old "
            f"WHERE old.age > {KEPT_FAILURES} AND f.name = old.name AND f.attempted_at = old.attempted_at",
        )


def load_scrapes(cursor: Cursor) -> tuple[SourceStatus, ...]:
    """The last read of each source, by name."""
    return tuple(
        SourceStatus(name, _utc(attempt), _utc(success), seconds, samples or 0, _utc(newest), error, hint, skew)
        for name, attempt, success, seconds, samples, newest, error, hint, skew in rows(
            cursor,
            f"SELECT {_COLUMNS} FROM source_scrapes ORDER BY name",
        )
    )


def load_failures(cursor: Cursor) -> tuple[Failure, ...]:
    """Failures, newest first; at most KEPT_FAILURES a source."""
    got = rows(cursor, "SELECT name, attempted_at, error, hint FROM source_failures ORDER BY attempted_at DESC, name")
    return tuple(Failure(name, at.astimezone(UTC), error, hint) for name, at, error, hint in got)


def forget_scrapes(cursor: Cursor, before: datetime) -> None:
    """Drop sources that nobody tried to read since `before`."""
    rows(cursor, "DELETE FROM source_scrapes WHERE attempted_at < ?", [before])
    rows(cursor, "DELETE FROM source_failures WHERE attempted_at < ?", [before])


def _insert(cursor: Cursor, statuses: list[SourceStatus]) -> None:
    if not statuses:
        return
    rows(cursor, "DELETE FROM source_scrapes WHERE list_contains(?, name)", [[s.name for s in statuses]])
    values = [
        x
        for s in statuses
        for x in (
            *(s.name, s.last_attempt_at, s.last_success_at, s.duration_seconds, s.samples),
            *(s.newest_sample_at, s.error, s.hint, s.clock_skew_seconds),
        )
    ]
    rows(cursor, f"INSERT INTO source_scrapes VALUES {_marks(len(statuses), 9)}", values)


def _merged(old: SourceStatus | None, new: SourceStatus) -> SourceStatus:
    if old is None:
        return new
    return SourceStatus(
        name=new.name,
        last_attempt_at=new.last_attempt_at or old.last_attempt_at,
        last_success_at=new.last_success_at or old.last_success_at,
        duration_seconds=new.duration_seconds,
        samples=new.samples,
        newest_sample_at=new.newest_sample_at or old.newest_sample_at,
        error=new.error,
        hint=new.hint,
        clock_skew_seconds=new.clock_skew_seconds,
    )


def _marks(count: int, width: int) -> str:
    one = f"({', '.join('?' * width)})"
    return ", ".join([one] * count)


def _utc(instant: datetime | None) -> datetime | None:
    return instant.astimezone(UTC) if instant else None
