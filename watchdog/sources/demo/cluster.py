"""The demo cluster: one continuous story of machines, jobs and faults, asked for at any instant."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pandas as pd

from watchdog.base.errors import SourceUnavailableError
from watchdog.model.slurm.series_text import snapshot_text
from watchdog.sources.demo import history
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.engine import Engine
from watchdog.sources.demo.faults import Fault
from watchdog.sources.demo.records import DemoJob, DemoNode, fault_record, job_record, node_records
from watchdog.sources.demo.slurm_records import slurm_snapshot
from watchdog.sources.demo.text import GpuPages

_KEPT = timedelta(hours=24)


class DemoCluster:
    """Answers for the newest grid instant that anybody has asked for; time never runs back.

    Safe to use from several threads. `now` is always an aware instant.
    """

    def __init__(self, config: DemoConfig, start: datetime) -> None:
        self._config, self._start = config, start
        self._engine = Engine(config, start)
        self._pages = GpuPages(self._engine.fleet)
        self._lock = threading.RLock()

    @property
    def node_names(self) -> tuple[str, ...]:
        """The nodes, in order."""
        return self._engine.fleet.node_names

    @property
    def begins_at(self) -> datetime:
        """Before this instant there is no history."""
        return self._engine.time.zero - timedelta(seconds=self._config.past_seconds)

    def advance(self, now: datetime) -> None:
        """Live on until `now`."""
        with self._lock:
            self._engine.run_until(now)

    def page(self, node: str, now: datetime) -> bytes:
        """The GPU exporter's page of a node; SourceUnavailableError where the exporter does not answer."""
        index = self.node_names.index(node)
        with self._lock:
            self._engine.run_until(now)
            readings = self._engine.readings
        if readings.down[index]:
            raise SourceUnavailableError(f"{node}: no route to host", hint="The node is down; look at it in Slurm.")
        if readings.refuses[index]:
            raise SourceUnavailableError(
                f"{node}: connection refused", hint="Restart the exporter there: systemctl restart watchdog-exporter."
            )
        return self._pages.page(index, readings)

    def samples(self, now: datetime) -> pd.DataFrame:
        """What all pages show now, in SAMPLES; nothing of an exporter that does not answer."""
        with self._lock:
            self._engine.run_until(now)
            step = self._engine.step_length
            return next(history.frames(self._engine, self._engine.now, self._engine.now + step, step))

    def slurm_page(self, now: datetime) -> bytes:
        """The Slurm exporter's page, without its sums: queue, running and just finished jobs, nodes."""
        with self._lock:
            return snapshot_text(slurm_snapshot(now, self.jobs(now), self.nodes(now))).encode()

    def jobs(self, now: datetime) -> tuple[DemoJob, ...]:
        """Queued, running, and those finished in the last 24 hours."""
        with self._lock:
            self._engine.run_until(now)
            scheduler, time = self._engine.scheduler, self._engine.time
            oldest = time.story(now - _KEPT)
            jobs = [
                *scheduler.pending,
                *scheduler.running.values(),
                *(j for j in scheduler.finished if j.ends > oldest),
            ]
            records = (job_record(job, scheduler.fleet, time) for job in jobs)
            return tuple(sorted(records, key=lambda record: record.job_id))

    def nodes(self, now: datetime) -> tuple[DemoNode, ...]:
        """Every node and its state."""
        with self._lock:
            self._engine.run_until(now)
            return node_records(self._engine.scheduler, self._engine.time)

    def faults(self) -> tuple[Fault, ...]:
        """Ground truth: every fault that has begun so far, in order of its begin."""
        with self._lock:
            fleet, time = self._engine.fleet, self._engine.time
            return tuple(fault_record(hit, fleet, time) for hit in self._engine.injector.history)

    def clock_skew(self, node: str) -> timedelta:
        """How far the node's clock is ahead."""
        with self._lock:
            return timedelta(seconds=float(self._engine.readings.skew[self.node_names.index(node)]))

    def history(self, since: datetime, until: datetime, step: timedelta) -> Iterator[pd.DataFrame]:
        """Samples in [since, until) at multiples of `step`, a frame in SAMPLES for each half hour.

        They are what the pages showed or will show at those instants. Nothing before `begins_at`.
        """
        engine = Engine(self._config, self._start)
        yield from history.frames(engine, since, until, step)
        with self._lock:
            if engine.tick > self._engine.tick:  # the same story, only further on
                self._engine = engine
