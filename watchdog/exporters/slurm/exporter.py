"""The Slurm exporter without a web server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from watchdog.base.clock import Clock, SystemClock
from watchdog.exporters.collector import Attempt, Collector
from watchdog.exporters.command import Runner
from watchdog.exporters.failure import CollectError
from watchdog.exporters.slurm.commands import Runs, Slurm, environment
from watchdog.exporters.slurm.cut import chosen
from watchdog.exporters.slurm.node_page import node_page
from watchdog.exporters.slurm.queue import Queue
from watchdog.exporters.slurm.queue_page import queue_page
from watchdog.exporters.slurm.rare import Rare, rare_parts
from watchdog.model.exposition import family_text
from watchdog.model.slurm import scontrol
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import Node, Partition, Snapshot
from watchdog.model.slurm.series import JOBS_CUT
from watchdog.model.slurm.series_text import snapshot_parts

__all__ = ["SlurmExporter", "SlurmOptions"]

# A little early is in time: beats and periods do not fall on the same instant.
_PARTITIONS_SECONDS = 180.0 - 1.0


@dataclass(frozen=True)
class SlurmOptions:
    """Settings of the Slurm exporter.

    Attributes:
        interval_seconds: between two readings; at the default no more than 240 commands are run in an hour.
        timeout_seconds: after it a silent command is killed.
        max_jobs: how many jobs get series of their own.
    """

    interval_seconds: float = 60.0
    timeout_seconds: float = 20.0
    max_jobs: int = 5000


class SlurmExporter:
    """Reads Slurm in the background; `page()` is always ready at once."""

    def __init__(
        self, options: SlurmOptions | None = None, clock: Clock | None = None, runner: Runs | None = None
    ) -> None:
        self.options = options or SlurmOptions()
        self._clock = clock or SystemClock()
        self._slurm = Slurm(runner or Runner(self.options.timeout_seconds, environment()))
        self._queue = Queue(self._slurm, lambda: secrets.token_hex(4))
        self._rare = Rare(self._slurm, self._clock, rare_parts(self.options.max_jobs))
        self._partitions: tuple[Partition, ...] = ()
        self._partitions_at: float | None = None
        self._collector = Collector(self._collect, self._clock, self.options.interval_seconds, extra=self._slurm.text)

    def start(self) -> None:
        """Start collecting."""
        self._collector.start()

    def stop(self) -> None:
        """Stop; waits a few seconds at most."""
        self._collector.stop()

    def page(self) -> bytes:
        """The metrics page in Prometheus' text format, from the last snapshot."""
        return self._collector.page()

    def health(self) -> tuple[bool, str]:
        """Whether the exporter itself lives, and a sentence."""
        return self._collector.health()

    def collect_once(self) -> Attempt:
        """Collect now, in this thread, without `start`; for `--once`."""
        return self._collector.collect_once()

    def _collect(self) -> bytes:
        return b"".join(part.encode() for part in self._parts())

    def _parts(self) -> Iterator[str]:
        problems, taken_at = Problems(), self._clock.now()
        nodes = self._nodes(problems)
        jobs = self._queue.read(problems)
        partitions = self._known_partitions(problems)
        shown = chosen(jobs, self.options.max_jobs)
        yield from snapshot_parts(Snapshot(taken_at, shown, nodes, partitions, problems.words()))
        yield node_page(Snapshot(taken_at, jobs, nodes, partitions))
        yield queue_page(jobs)
        yield _counts(len(jobs), len(jobs) - len(shown))
        yield self._rare.page()

    def _nodes(self, problems: Problems) -> tuple[Node, ...]:
        out = self._slurm.ask("nodes", scontrol.NODE_ARGUMENTS)
        return scontrol.nodes(out.decode("utf-8", "replace"), problems)

    def _known_partitions(self, problems: Problems) -> tuple[Partition, ...]:
        """Partitions; they are asked for rarely."""
        now = self._clock.monotonic()
        if self._partitions_at is None or now - self._partitions_at >= _PARTITIONS_SECONDS:
            self._partitions_at = now
            try:
                out = self._slurm.ask("partitions", scontrol.PARTITION_ARGUMENTS)
            except CollectError as error:
                problems.add("partitions could not be read", str(error))
                return self._partitions
            self._partitions = scontrol.partitions(out.decode("utf-8", "replace"), problems)
        return self._partitions


def _counts(told: int, cut: int) -> str:
    return family_text(
        "slurm_exporter_jobs", "gauge", "Records of jobs that Slurm told of.", [("", told)]
    ) + family_text(JOBS_CUT, "gauge", "Jobs without series of their own, since there were too many.", [("", cut)])
