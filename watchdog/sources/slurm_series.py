"""Slurm through an exporter's series, scraped directly or asked of a Prometheus-compatible server."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from watchdog.base.clock import Clock
from watchdog.base.errors import ConfigError, SourceError, SourceUnavailableError
from watchdog.model.scheduler import Finished
from watchdog.model.slurm.records import ENDED, Snapshot
from watchdog.model.slurm.series import SNAPSHOT_AT
from watchdog.model.telemetry import SourceStatus, Window
from watchdog.sources.promapi import PromApi
from watchdog.sources.scrape import Target
from watchdog.sources.slurm_series_fetch import COMMANDS, LAST_SUCCESS, Fetch, from_pages, from_prometheus
from watchdog.sources.slurm_series_foreign import DIALECTS, dialect_of, foreign_snapshot
from watchdog.sources.slurm_series_read import Samples, own_snapshot

_NO_HISTORY = "an exporter tells of ended jobs only until Slurm forgets them (MinJobAge): sacct or slurmrestd know more"


class SlurmSeries:
    """A `Scheduler` over series. Any number of threads may ask."""

    def __init__(self, name: str, fetch: Fetch, clock: Clock) -> None:
        """Prepare; nothing is read yet.

        Args:
            name: for people: "Slurm exporter head:9341".
            fetch: gives the samples, apart for each exporter.
            clock: dates the series of exporters that do not say when they read.
        """
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._status = SourceStatus(name)

    @classmethod
    def scraped(cls, targets: Sequence[Target], clock: Clock) -> SlurmSeries:
        """Over exporters' pages; slurmctld's own series lie on several."""
        names = ", ".join(dict.fromkeys(target.name for target in targets))
        return cls(f"Slurm exporter {names}", from_pages(targets), clock)

    @classmethod
    def asked(cls, api: PromApi, clock: Clock) -> SlurmSeries:
        """Over a server that scrapes the exporters."""
        return cls(f"Slurm series of {api.name}", from_prometheus(api, clock), clock)

    def snapshot(self) -> Snapshot:
        """Everything now, from the exporter that tells most and read Slurm last.

        Raises:
            SourceError: the exporter or server does not answer, or has no series of Slurm.
        """
        began_at, began = self._clock.now(), self._clock.monotonic()
        try:
            groups, server_at = self._fetch()
            snapshot = _best(groups, began_at)
        except (SourceError, ConfigError) as error:
            with self._lock:
                self._status = replace(
                    self._status, last_attempt_at=began_at, samples=0, error=str(error), hint=error.hint, note=""
                )
            raise
        self._succeeded(began_at, began, snapshot, server_at)
        return snapshot

    def finished(self, window: Window) -> Finished:
        """Jobs of the present snapshot that ended in the window; older ones an exporter does not know."""
        ended = tuple(
            job
            for job in self.snapshot().jobs
            if job.state in ENDED and job.ended_at and window.since <= job.ended_at < window.until
        )
        return Finished(jobs=ended, problems=(_NO_HISTORY,))

    def status(self) -> SourceStatus:
        """The last read."""
        with self._lock:
            return self._status

    def _succeeded(self, began_at: datetime, began: float, snapshot: Snapshot, server_at: datetime | None) -> None:
        now = self._clock.now()
        skew = (server_at - now).total_seconds() if server_at else None
        with self._lock:
            self._status = replace(
                self._status,
                last_attempt_at=began_at,
                last_success_at=began_at,
                duration_seconds=self._clock.monotonic() - began,
                samples=len(snapshot.jobs) + len(snapshot.nodes),
                newest_sample_at=snapshot.taken_at,
                error="",
                hint="",
                clock_skew_seconds=skew,
                note="; ".join(snapshot.problems),
            )


def _best(groups: Mapping[str, Samples], now: datetime) -> Snapshot:
    """Of our own exporters the one that read Slurm last, else the first of others in the order of DIALECTS."""
    own = [samples for samples in groups.values() if SNAPSHOT_AT in samples]
    if own:
        return own_snapshot(max(own, key=lambda samples: samples.one(SNAPSHOT_AT) or 0.0))
    for samples in groups.values():
        if COMMANDS in samples:
            raise _blind(samples, now)
    spoken = [(dialect, samples) for samples in groups.values() if (dialect := dialect_of(samples))]
    if not spoken:
        raise SourceUnavailableError(
            "no exporter's series of Slurm are there",
            hint="Run `python -m watchdog exporter slurm` on a node with Slurm's commands, and have it scraped.",
        )
    dialect, samples = min(spoken, key=lambda pair: DIALECTS.index(pair[0]))
    return foreign_snapshot(samples, dialect, now)


def _blind(samples: Samples, now: datetime) -> SourceUnavailableError:
    read_at = samples.one(LAST_SUCCESS)
    since = f"for {now.timestamp() - read_at:.0f} s" if read_at else "since it started"
    return SourceUnavailableError(
        f"the Slurm exporter runs, but could not read Slurm {since}",
        hint="See its log, and whether slurmctld answers there: `scontrol ping`.",
    )
