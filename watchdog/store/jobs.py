"""Jobs from first sight to end, the GPUs they held and their steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa

from watchdog.model.job_history import JOB_HISTORY
from watchdog.model.scheduler import JOB_GPUS, JOBS, STEPS
from watchdog.model.slurm.records import ACTIVE, ENDED, WAITING, JobState
from watchdog.model.telemetry import Window
from watchdog.store import job_changes as changes
from watchdog.store.connection import Cursor, rows
from watchdog.store.database import Store
from watchdog.store.watermarks import get, put

SEEN, ACCOUNTED = "slurm snapshot", "slurm accounting"
# A snapshot with problems may have lost jobs: they are given this long to come back.
GRACE = timedelta(minutes=10)
_ENDED = tuple(sorted(ENDED - {JobState.UNKNOWN}))
_OPEN = tuple(sorted(WAITING | ACTIVE))
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Kept:
    """What a write changed: rows of jobs written, jobs that vanished."""

    written: int = 0
    vanished: int = 0


class JobStore:
    """The history of jobs in a `Store`; every method may raise StoreError, and a write that raised changed nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def take(self, jobs: pd.DataFrame, gpus: pd.DataFrame, taken_at: datetime, *, whole: bool) -> Kept:
        """Keep what a snapshot (JOBS, JOB_GPUS) changed, in one transaction.

        A job that is not in it any more and did not end in sight becomes UNKNOWN, without an end: at once, or
        after GRACE where the snapshot is not `whole`.
        """
        with self._store.write() as cursor:
            before = get(cursor, SEEN) or taken_at
            _register(cursor, jobs, gpus)
            written = changes.take_seen(cursor, taken_at, _oldest(jobs), _ENDED)
            changes.take_gpus(cursor, _oldest(gpus))
            vanished = changes.mark_absent(cursor, before)
            limit = taken_at + _MICROSECOND if whole else taken_at - GRACE
            changes.give_up(cursor, limit, _OPEN)
            put(cursor, SEEN, max(before, taken_at))
        return Kept(written, vanished)

    def finish(
        self, jobs: pd.DataFrame, gpus: pd.DataFrame, steps: pd.DataFrame, window: Window, *, now: datetime
    ) -> Kept:
        """Keep what accounting says of the jobs that ended in `window` (JOBS, JOB_GPUS, STEPS).

        Its word on state and end wins; what it does not know stays as it was seen.
        """
        ended = jobs[jobs["ended_at"].notna()]
        with self._store.write() as cursor:
            _register(cursor, ended, gpus)
            written = changes.take_accounted(cursor, now, _oldest(ended))
            changes.take_gpus(cursor, _oldest(gpus))
            changes.take_steps(cursor, _table(steps))
            changes.give_up(cursor, now - GRACE, ())
            put(cursor, ACCOUNTED, max(window.until, get(cursor, ACCOUNTED) or window.until))
        return Kept(written)

    def seen_until(self) -> datetime | None:
        """When the newest snapshot was taken; None before the first."""
        with self._store.read() as (cursor, _):
            return get(cursor, SEEN)

    def since(self) -> datetime | None:
        """From when on it is known which jobs ran: the oldest end that is kept, else the first look; None before it.

        The first look alone would not do: of a time long ago only jobs that still run are kept.
        """
        with self._store.read() as (cursor, _):
            sql = "SELECT coalesce(min(coalesce(ended_at, last_seen_at)), min(first_seen_at)) FROM jobs"
            oldest = rows(cursor, sql)[0][0]
        return oldest.astimezone(UTC) if oldest else None

    def accounted_until(self) -> datetime | None:
        """Until when accounting was read; None before the first time."""
        with self._store.read() as (cursor, _):
            return get(cursor, ACCOUNTED)

    def unexplained_since(self, since: datetime) -> datetime | None:
        """Last sight of the oldest job that vanished after `since` and that accounting has not explained."""
        with self._store.read() as (cursor, _):
            sql = "SELECT min(last_seen_at) FROM jobs WHERE last_seen_at >= ? AND state = ?"
            oldest = rows(cursor, sql, [since, JobState.UNKNOWN])[0][0]
        return oldest.astimezone(UTC) if oldest else None

    def jobs(self, window: Window, *, most: int = 100_000) -> pd.DataFrame:
        """Jobs that waited or ran in the window (JOB_HISTORY), newest submission first."""
        return self._jobs(*_overlap(window), most)

    def job(self, job_id: str) -> pd.DataFrame:
        """Every run of a job (JOB_HISTORY), the newest first: a requeued job runs again under its id."""
        return self._jobs("job_id = ?", [job_id], 1_000)

    def gpus(self, window: Window) -> pd.DataFrame:
        """The GPUs of the jobs of the window (JOB_GPUS)."""
        where, values = _overlap(window)
        with self._store.read() as (cursor, _):
            values = [get(cursor, SEEN), *values]
            frame = cursor.execute(
                f"SELECT g.* FROM job_gpus AS g SEMI JOIN (SELECT job_id, submitted_at FROM {_LIVING} WHERE {where}) AS j "
                "ON g.job_id = j.job_id AND g.submitted_at IS NOT DISTINCT FROM j.submitted_at",
                values,
            ).df()
        return JOB_GPUS.conform(frame)

    def gpus_of(self, job_id: str) -> pd.DataFrame:
        """The GPUs of every run of a job (JOB_GPUS)."""
        with self._store.read() as (cursor, _):
            frame = cursor.execute("SELECT * FROM job_gpus WHERE job_id = ? ORDER BY ALL", [job_id]).df()
        return JOB_GPUS.conform(frame)

    def steps(self, job_id: str) -> pd.DataFrame:
        """The steps of every run of a job (STEPS), in the order they began."""
        with self._store.read() as (cursor, _):
            sql = "SELECT * FROM job_steps WHERE job_id = ? ORDER BY started_at, step_id"
            return STEPS.conform(cursor.execute(sql, [job_id]).df())

    def expire(self, before: datetime) -> None:
        """Forget jobs that were last seen before then, with their GPUs and steps."""
        with self._store.write() as cursor:
            changes.forget(cursor, before)

    def _jobs(self, where: str, values: list[object], most: int) -> pd.DataFrame:
        with self._store.read() as (cursor, _):
            sql = f"SELECT * FROM {_LIVING} WHERE {where} ORDER BY submitted_at DESC NULLS LAST, job_id LIMIT {most}"
            return JOB_HISTORY.conform(cursor.execute(sql, [get(cursor, SEEN), *values]).df())


_LIVING = "(SELECT * REPLACE (coalesce(last_seen_at, ?, first_seen_at) AS last_seen_at) FROM jobs) AS living"


def _overlap(window: Window) -> tuple[str, list[object]]:
    where = "coalesce(ended_at, last_seen_at) >= ? AND coalesce(submitted_at, started_at, first_seen_at) < ?"
    return where, [window.since, window.until]


def _register(cursor: Cursor, jobs: pd.DataFrame, gpus: pd.DataFrame) -> None:
    cursor.register("seen", _table(jobs[[*JOBS.columns]].drop_duplicates(list(JOBS.key))))
    cursor.register("seen_gpus", _table(gpus[[*JOB_GPUS.columns]]))


def _table(frame: pd.DataFrame) -> pa.Table:
    # Arrow hands texts to DuckDB ten times as fast as pandas.
    return pa.Table.from_pandas(frame, preserve_index=False)


def _oldest(frame: pd.DataFrame) -> datetime:
    """The first submission; the epoch where one has none, as then any row may be meant."""
    first = frame["submitted_at"].min()
    unknown = frame["submitted_at"].isna().any() or pd.isna(first)
    return datetime(1970, 1, 1, tzinfo=UTC) if unknown else first.to_pydatetime()
