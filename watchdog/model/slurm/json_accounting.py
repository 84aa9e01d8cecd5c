"""Finished jobs and their steps in slurmrestd's `/slurmdb/…/jobs` and in `sacct --json`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from watchdog.model.slurm import hostlist, lifetimes
from watchdog.model.slurm.ids import JobId
from watchdog.model.slurm.jsonish import Record, at, exit_of, inner, listed, minutes, number, text, whole, words
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import Job, JobState, Step
from watchdog.model.slurm.squeue import said
from watchdog.model.slurm.states import job_state_of

_MIB = 2**20


def records(answer: Any, problems: Problems) -> tuple[tuple[Job, ...], tuple[Step, ...]]:  # noqa: ANN401
    """Jobs and steps in a decoded answer, running and waiting ones included.

    Raises:
        SourceFormatError: the answer has no jobs.
    """
    jobs: list[Job] = []
    steps: list[Step] = []
    for record in listed(answer, "jobs"):
        raw = whole(record.get("job_id"))
        if raw is None:
            problems.add("a job of the accounting has no id")
            continue
        name = _name(record, raw)
        jobs.append(_job(name, raw, record, problems))
        steps.extend(_step(name, step, problems) for step in record.get("steps") or () if isinstance(step, dict))
    return tuple(jobs), tuple(steps)


def _name(record: Record, raw: int) -> JobId:
    array, het = whole(inner(record, "array", "job_id")), whole(inner(record, "het", "job_id"))
    if array:
        tasks = text(inner(record, "array", "task"))
        return JobId(array, task=None if tasks else whole(inner(record, "array", "task_id")), tasks=tasks)
    if het:
        return JobId(het, component=whole(inner(record, "het", "job_offset")) or 0)
    return JobId(raw)


def _job(name: JobId, raw: int, record: Record, problems: Problems) -> Job:
    state = job_state_of(words(inner(record, "state", "current")))
    nodes = problems.read(hostlist.expand, text(record.get("nodes")), "a node list") or ()
    tres = list(_tres(inner(record, "tres", "allocated"))) or list(_tres(inner(record, "tres", "requested")))
    amounts = {key: count for key, count in tres if count is not None}
    kinds = [key.removeprefix("gres/gpu:") for key in amounts if key.startswith("gres/gpu:")]
    start, end = at(inner(record, "time", "start")), at(inner(record, "time", "end"))
    started, ended, expected = lifetimes.lived(state, start, end, ran=bool(nodes))
    if state is JobState.REQUEUED:
        started, ended, expected = start, end, None
    code, signal = _exit(state, record.get("exit_code"), problems)
    return Job(
        job_id=name.job,
        raw_id=raw,
        name=text(record.get("name")),
        user=text(record.get("user")) or text(inner(record, "association", "user")),
        state=state,
        account=text(record.get("account")),
        partition=text(record.get("partition")),
        qos=text(record.get("qos")),
        reason=said(text(inner(record, "state", "reason"))),
        nodes=nodes,
        node_count=whole(record.get("allocation_nodes")) or None,
        cpus=whole(amounts.get("cpu")) or whole(inner(record, "required", "CPUs")),
        memory_bytes=amounts["mem"] * _MIB if "mem" in amounts else None,
        gpus=int(amounts.get("gres/gpu", 0)) if amounts else None,
        gpu_type="+".join(kinds),
        priority=number(record.get("priority")),
        submitted_at=at(inner(record, "time", "submission")),
        eligible_at=at(inner(record, "time", "eligible")),
        started_at=started,
        ended_at=ended,
        expected_start_at=expected,
        time_limit_seconds=minutes(inner(record, "time", "limit")),
        exit_code=code,
        signal=signal,
        reservation=text(inner(record, "reservation", "name")) if inner(record, "reservation", "name") else "",
        features=text(record.get("constraints")),
        array_job_id=name.base if name.task is not None or name.tasks else None,
        array_tasks=name.tasks,
        comment=text(inner(record, "comment", "job")),
    )


def _step(name: JobId, record: Record, problems: Problems) -> Step:
    state = job_state_of(words(record.get("state")))
    code, signal = _exit(state, record.get("exit_code"), problems)
    step = text(inner(record, "step", "id"))
    end = at(inner(record, "time", "end"))
    consumed = dict(_tres(inner(record, "tres", "requested", "max")))
    memory = consumed.get("mem")
    return Step(
        job_id=name.job,
        step_id=step.partition(".")[2] or step,
        name=text(inner(record, "step", "name")),
        state=state,
        exit_code=code,
        signal=signal,
        started_at=at(inner(record, "time", "start")),
        ended_at=end if lifetimes.over(state) else None,
        nodes=problems.read(hostlist.expand, text(inner(record, "nodes", "range")), "a node list") or (),
        # Memory used is told in bytes, memory allocated in MiB.
        max_memory_bytes=memory,
    )


def _exit(state: JobState, said: Any, problems: Problems) -> lifetimes.Exit:  # noqa: ANN401
    """The exit, unless it contradicts the state: 22.05 says SUCCESS, 0 for what failed with any code."""
    if not lifetimes.over(state):
        return lifetimes.NO_EXIT
    code, signal = exit_of(said)
    if state is JobState.FAILED and (code, signal) == (0, 0):
        problems.add("the accounting says that a failed job exited with 0: its exit code is not known")
        return lifetimes.NO_EXIT
    return code, signal


def _tres(said: Any) -> Iterator[tuple[str, float | None]]:  # noqa: ANN401
    """`[{type: gres, name: gpu, count: 2}]` as ("gres/gpu", 2)."""
    records: Iterable[Any] = said if isinstance(said, list) else ()
    for record in records:
        if isinstance(record, dict):
            kind, name = text(record.get("type")), text(record.get("name"))
            yield (f"{kind}/{name}" if name else kind), number(record.get("count"))
