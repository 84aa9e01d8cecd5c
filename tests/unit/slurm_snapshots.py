"""Snapshots of Slurm for tests: a small one by hand, and hypothesis' hostile ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from tests.conftest import NOON
from watchdog.model.slurm.hostlist import compress, expand
from watchdog.model.slurm.records import UNLIMITED, GpuHold, Job, JobState, Node, Partition, Snapshot

MINUTE = timedelta(minutes=1)


def job(job_id="1", state=JobState.RUNNING, **fields) -> Job:
    """A job of two GPUs on gn001."""
    running = state is JobState.RUNNING
    given = {
        "raw_id": int(job_id.partition("_")[0]), "name": "train", "user": "ada", "account": "research",
        "partition": "gpu", "qos": "normal", "cpus": 8, "gpus": 2, "gpu_type": "h100", "node_count": 1,
        "memory_bytes": 2.0**33, "priority": 1000.0, "submitted_at": NOON - 5 * MINUTE,
        "nodes": ("gn001",) if running else (), "started_at": NOON - MINUTE if running else None,
        "holds": (GpuHold("gn001", 2, (0, 1)),) if running else (), "time_limit_seconds": 3600.0,
    }  # fmt: skip
    return Job(job_id=job_id, state=state, **{**given, **fields})


def node(name="gn001", state="MIXED", **fields) -> Node:
    """A node of four GPUs, two of them in use."""
    given = {
        "partitions": ("gpu",), "cpus": 32, "cpus_allocated": 8, "memory_bytes": 2.0**38,
        "memory_allocated_bytes": 2.0**33, "gpus": 4, "gpus_allocated": 2, "gpu_types": (("h100", 4),),
        "gpu_indexes_used": (0, 1),
    }  # fmt: skip
    return Node(node=name, state=state, **{**given, **fields})


def snapshot(*jobs: Job, nodes=(), partitions=(), problems=()) -> Snapshot:
    """Taken at noon."""
    return Snapshot(NOON, tuple(jobs), tuple(nodes), tuple(partitions), tuple(problems))


_TEXT = st.text(max_size=30) | st.sampled_from(["a|b", 'say "hi"', "two\nlines", "back\\slash\\n", "🦙", "x" * 10_000])
_NAME = st.text("abcxyz019-", min_size=1, max_size=8)
# Lists of nodes come back in the order in which Slurm writes them.
_NODES = st.frozensets(_NAME.map(lambda name: f"n{name}"), max_size=4).map(lambda names: expand(compress(names)))
_COUNT = st.none() | st.integers(0, 2**40)
_AMOUNT = st.none() | st.floats(0, 1e18)
_MICROS = st.integers(1_000_000, 7_000_000_000_000_000)
_THEN = _MICROS.map(lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros))
_INSTANT = st.none() | _THEN
_INDEXES = st.frozensets(st.integers(0, 64), max_size=4).map(lambda places: tuple(sorted(places)))


@st.composite
def _jobs(draw) -> Job:
    raw, task = draw(st.integers(1, 2**31)), draw(st.sampled_from(["", "_3", "_[5-10%2]", "+1"]))
    nodes = draw(_NODES)
    return Job(
        job_id=f"{raw}{task}", raw_id=raw, state=draw(st.sampled_from(list(JobState))), nodes=nodes,
        **{name: draw(_TEXT) for name in ("name", "user", "account", "partition", "qos", "reason", "gpu_type",
                                          "dependency", "reservation", "features", "array_tasks", "comment")},
        **{name: draw(_COUNT) for name in ("node_count", "cpus", "gpus", "array_job_id", "exit_code", "signal")},
        **{name: draw(_INSTANT) for name in ("submitted_at", "eligible_at", "started_at", "ended_at",
                                             "expected_start_at")},
        memory_bytes=draw(_AMOUNT), priority=draw(_AMOUNT), time_limit_seconds=draw(_AMOUNT | st.just(UNLIMITED)),
        holds=tuple(GpuHold(name, draw(st.integers(0, 99)), draw(_INDEXES)) for name in sorted(nodes)),
    )  # fmt: skip


@st.composite
def _nodes(draw, name: str) -> Node:
    kinds = draw(st.dictionaries(_NAME | st.just(""), st.integers(0, 16), max_size=3))
    return Node(
        node=name, flags=draw(st.frozensets(st.sampled_from(["DRAIN", "COMPLETING", "NOT_RESPONDING"]))),
        partitions=draw(_NODES), gpu_types=tuple(sorted(kinds.items())), gpu_indexes_used=draw(_INDEXES),
        **{text: draw(_TEXT) for text in ("state", "reason", "reason_by", "features", "version")},
        **{count: draw(_COUNT) for count in ("cpus", "cpus_allocated", "gpus", "gpus_allocated")},
        reason_at=draw(_INSTANT), booted_at=draw(_INSTANT), memory_bytes=draw(_AMOUNT),
        memory_allocated_bytes=draw(_AMOUNT),
    )  # fmt: skip


@st.composite
def snapshots(draw) -> Snapshot:
    """Any snapshot that Slurm's rules for names allow; what people write may be anything."""
    partitions = [
        Partition(partition=name, state=draw(_TEXT), nodes=draw(_NODES), is_default=draw(st.booleans()),
                  max_time_seconds=draw(_AMOUNT | st.just(UNLIMITED)), default_time_seconds=draw(_AMOUNT),
                  max_nodes=draw(_COUNT), priority_tier=draw(_COUNT), preempt_mode=draw(_TEXT))
        for name in draw(_NODES)
    ]  # fmt: skip
    return Snapshot(
        taken_at=draw(_THEN),
        jobs=tuple(draw(st.lists(_jobs(), max_size=3, unique_by=lambda one: one.job_id))),
        nodes=tuple(draw(_nodes(name)) for name in draw(_NODES)),
        partitions=tuple(partitions),
        problems=tuple(draw(st.lists(_TEXT, max_size=2, unique=True))),
    )
