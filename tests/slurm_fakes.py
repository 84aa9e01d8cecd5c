"""A Slurm that answers from formulas: any size, any state, no server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from tests.conftest import NOON
from watchdog.model.scheduler import JOB_GPUS, JOBS, NODES, PARTITIONS
from watchdog.scheduler_loop import SchedulerState
from watchdog.services.history import History
from watchdog.services.jobs import Known
from watchdog.services.slurm_view import SlurmView
from watchdog.store.jobs import JobStore
from watchdog.store.node_states import NodeStateStore

JOB = {
    "job_id": "100", "raw_id": 100, "name": "train", "user": "ada", "account": "research", "partition": "gpu",
    "qos": "normal", "state": "RUNNING", "reason": "", "nodes": "", "node_count": 1, "cpus": 16,
    "memory_bytes": 64 * 2.0**30, "gpus": 2, "gpu_type": "h100", "priority": 1000.0,
    "submitted_at": NOON - timedelta(hours=3), "eligible_at": NOON - timedelta(hours=3), "started_at": None,
    "ended_at": None, "expected_start_at": None, "time_limit_seconds": 8 * 3600.0, "exit_code": None,
    "signal": None, "dependency": "", "reservation": "", "features": "", "array_job_id": None, "comment": "",
}  # fmt: skip
NODE = {
    "node": "node001", "state": "MIXED", "flags": "", "partitions": "gpu", "reason": "", "reason_by": "",
    "reason_at": None, "cpus": 64, "cpus_allocated": 0, "memory_bytes": 512 * 2.0**30, "memory_allocated_bytes": 0.0,
    "gpus": 8, "gpus_allocated": 0, "gpu_type": "h100", "takes_work": True, "booted_at": NOON - timedelta(days=9),
    "features": "",
}  # fmt: skip


def jobs_frame(*rows: dict) -> pd.DataFrame:
    """JOBS of these differences to JOB."""
    return _frame(JOBS, [JOB | {"raw_id": 100 + n} | row for n, row in enumerate(rows)])


def nodes_frame(*rows: dict) -> pd.DataFrame:
    """NODES of these differences to NODE."""
    return _frame(NODES, [NODE | row for row in rows])


def gpus_frame(jobs: pd.DataFrame, holds: dict[str, tuple[tuple[str, int | None], ...]]) -> pd.DataFrame:
    """JOB_GPUS: job_id to its (node, index)."""
    submitted = dict(zip(jobs["job_id"], jobs["submitted_at"], strict=True))
    rows = [
        {"job_id": job, "submitted_at": submitted[job], "node": node, "gpu_index": index}
        for job, places in holds.items()
        for node, index in places
    ]
    return _frame(JOB_GPUS, rows)


def _frame(contract, rows: list[dict]) -> pd.DataFrame:
    if not rows:
        return contract.empty()
    columns = {
        name: pd.Series([row[name] for row in rows], dtype=column.dtype if column.dtype != "int64" else "int64")
        for name, column in contract.columns.items()
    }
    return contract.conform(pd.DataFrame(columns))


@dataclass
class FakeSlurm:
    """A snapshot as `runtime.slurm` holds it.

    `running` jobs of two GPUs fill the nodes in order; `pending` ones wait, the first for six hours.
    """

    nodes_count: int = 4
    gpus_a_node: int = 8
    running: int = 6
    pending: int = 5
    taken_at: object = NOON - timedelta(seconds=12)
    problems: tuple[str, ...] = ()
    node_changes: dict[int, dict] = field(default_factory=dict)
    extra: tuple[dict, ...] = ()
    pending_changes: dict[int, dict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.jobs = jobs_frame(*self._running(), *self._pending(), *self.extra)
        self.job_gpus = gpus_frame(self.jobs, self._holds())
        self.nodes = nodes_frame(*self._nodes())
        row = {"partition": "gpu", "state": "UP", "is_default": True, "nodes": f"node[001-{self.nodes_count:03d}]"}
        self.partitions = _frame(PARTITIONS, [row | {"max_time_seconds": 86_400.0 * 2, "max_nodes": None}])

    def _places(self, number: int) -> tuple[tuple[str, int], ...]:
        first = number * 2
        return tuple((f"node{g // self.gpus_a_node + 1:03d}", g % self.gpus_a_node) for g in (first, first + 1))

    def _holds(self):
        return {str(1000 + n): self._places(n) for n in range(self.running)}

    def _running(self) -> list[dict]:
        users = ("ada", "bob", "cyd", "dan", "eve", "fay", "gus")
        return [
            {
                "job_id": str(1000 + n), "user": users[n % 7], "nodes": self._places(n)[0][0],
                "started_at": NOON - timedelta(minutes=20 + n % 300),
            }
            for n in range(self.running)
        ]  # fmt: skip

    def _pending(self) -> list[dict]:
        reasons = ("Resources", "Priority", "Dependency", "QOSMaxGRESPerUser", "JobHeldUser")
        rows = [
            {
                "job_id": str(500_000 + n), "state": "PENDING", "reason": reasons[n % 5], "gpus": 4, "name": f"wait-{n}",
                "submitted_at": NOON - timedelta(hours=6) + timedelta(seconds=n),
                "eligible_at": NOON - timedelta(hours=6) + timedelta(seconds=n),
            }
            for n in range(self.pending)
        ]  # fmt: skip
        return [row | self.pending_changes.get(n, {}) for n, row in enumerate(rows)]

    def _nodes(self) -> list[dict]:
        taken = pd.Series([node for places in self._holds().values() for node, _ in places]).value_counts()
        names = [f"node{n + 1:03d}" for n in range(self.nodes_count)]
        return [
            {
                "node": name, "gpus": self.gpus_a_node, "gpus_allocated": int(taken.get(name, 0)),
                "cpus_allocated": 8 * int(taken.get(name, 0)),
                "memory_allocated_bytes": 32 * 2.0**30 * int(taken.get(name, 0)),
                "state": "MIXED" if taken.get(name, 0) else "IDLE",
            } | self.node_changes.get(n, {})
            for n, name in enumerate(names)
        ]  # fmt: skip


def drained(reason: str = "GPU 3: Xid 79", **more) -> dict:
    """What makes a node a drained one."""
    took = {"reason_by": "root", "reason_at": NOON - timedelta(hours=26)}
    return {"state": "IDLE", "flags": "DRAIN", "takes_work": False, "reason": reason} | took | more


def view_of(slurm: FakeSlurm) -> SlurmView:
    """The snapshot as the runtime has it."""
    return SlurmView(slurm.jobs, slurm.job_gpus, slurm.nodes, slurm.partitions, slurm.taken_at, slurm.problems)


def with_slurm(runtime: SimpleNamespace, slurm: FakeSlurm | None, folder: Path | None = None) -> SimpleNamespace:
    """A runtime of tests.fakes that also reads Slurm; with a folder it keeps history, in a real store."""
    view = view_of(slurm) if slurm else None
    if folder:
        runtime.history = History(folder / "jobs.duckdb", runtime.clock)
        if view:
            keep(runtime.history, view)
    runtime.slurm = view
    runtime.slurm_state = lambda: SchedulerState(alive=True, error=runtime.slurm_error, hint="Start slurmctld.")
    runtime.slurm_error = ""
    runtime.known_jobs = lambda: Known(runtime.slurm or SlurmView(), runtime.history)
    runtime.node_states = lambda window: runtime.history.attempt(lambda store: NodeStateStore(store).states(window))
    return runtime


def keep(history: History, view: SlurmView) -> None:
    """What the loop does with a snapshot."""
    JobStore(history.store()).take(view.jobs, view.job_gpus, view.taken_at, whole=True)
    NodeStateStore(history.store()).take(view.nodes, view.taken_at, whole=True)
