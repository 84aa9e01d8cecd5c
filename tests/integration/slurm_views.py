"""The lab as seen through the commands, slurmrestd, and the exporter's series."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.lab.cluster import SlurmLab
from watchdog.base.clock import SystemClock
from watchdog.exporters.slurm.exporter import SlurmExporter
from watchdog.model.slurm.records import ENDED, Job, Node, Snapshot
from watchdog.sources.scrape import Target
from watchdog.sources.slurm_cli import SlurmCli
from watchdog.sources.slurm_rest import SlurmRest
from watchdog.sources.slurm_series import SlurmSeries

PATIENCE_SECONDS = 30.0


class Views:
    """Three ways to look at one lab."""

    def __init__(self, lab: SlurmLab) -> None:
        self.lab = lab
        clock = SystemClock()
        self.exporter = SlurmExporter(clock=clock)
        self.cli = SlurmCli(clock)
        self.rest = SlurmRest(clock, f"unix://{lab.rest_socket}")
        self.series = SlurmSeries.scraped([Target("exporter", self._page)], clock)

    def _page(self) -> bytes:
        attempt = self.exporter.collect_once()
        assert attempt.success, attempt.error
        return self.exporter.page()

    def snapshots(self) -> dict[str, Snapshot]:
        """Taken one after the other."""
        return {"cli": self.cli.snapshot(), "rest": self.rest.snapshot(), "series": self.series.snapshot()}

    def job(self, job_id: str, until: Callable[[Job], bool]) -> Job:
        """The job as all three see it, once they agree and it is as `until` says."""
        return self._agreed(lambda snap: _job_facts(snap, job_id), lambda snap: _job(snap, job_id), until)

    def node(self, name: str, until: Callable[[Node], bool]) -> Node:
        """The node, in the same way."""
        return self._agreed(lambda snap: _node_facts(snap, name), lambda snap: _node(snap, name), until)

    def gone(self, node: str) -> None:
        """Wait until none of them knows a node."""
        self._agreed(lambda snap: _node(snap, node) is None, lambda _: True, lambda _: _node(self.last, node) is None)

    def _agreed(self, facts, record, until):
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            # The cheapest first: only when it shows what we wait for, the others are asked.
            self.last = self.cli.snapshot()
            seen = record(self.last)
            if seen is not None and until(seen):
                views = self.snapshots()
                told = {name: facts(snap) for name, snap in views.items()}
                if told["cli"] == told["rest"] == told["series"] and until(record(views["cli"])):
                    return record(views["cli"])
                seen = told
            assert time.monotonic() < end, f"they do not agree, or it did not come: {seen}"
            time.sleep(0.2)


def _job(snap: Snapshot, job_id: str) -> Job | None:
    return next((job for job in snap.jobs if job.job_id == job_id), None)


def _node(snap: Snapshot, name: str) -> Node | None:
    return next((node for node in snap.nodes if node.node == name), None)


def _job_facts(snap: Snapshot, job_id: str):
    job = _job(snap, job_id)
    # Slurm forgets at the end what a job held; the exporter, which saw it run, does not.
    holds = job and job.state not in ENDED and job.holds
    return job and (
        holds, job.state, job.reason, job.nodes, job.gpus, job.gpu_type, job.cpus, job.memory_bytes, job.user,
        job.account, job.partition, job.name, job.submitted_at, job.started_at, job.ended_at, job.exit_code,
        job.signal, job.time_limit_seconds, job.array_job_id,
    )  # fmt: skip


def _node_facts(snap: Snapshot, name: str):
    node = _node(snap, name)
    return node and (
        node.state, node.flags, node.reason, node.reason_by, node.partitions, node.cpus, node.cpus_allocated,
        node.memory_bytes, node.gpus, node.gpus_allocated, node.gpu_types, node.gpu_indexes_used,
    )  # fmt: skip


@contextmanager
def viewed(lab: SlurmLab) -> Iterator[Views]:
    """Views of a lab; its jobs are ended afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SLURM_CONF", "PATH"):
            patch.setenv(name, lab.env[name])
        yield Views(lab)
    lab.run("scancel", "-f", "--state=PENDING")
    lab.run("scancel", "-f", "--state=RUNNING")
    lab.run("scancel", "-f", "--state=SUSPENDED")
