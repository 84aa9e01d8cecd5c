"""Jobs in JSON: `squeue --json`, `scontrol show job --json` and slurmrestd's `/jobs`, v0.0.36 to v0.0.45."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm import gres, hostlist, lifetimes
from watchdog.model.slurm.ids import JobId
from watchdog.model.slurm.jsonish import Record, at, exit_of, inner, listed, minutes, number, text, whole, words
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import WAITING, GpuHold, Job, JobState
from watchdog.model.slurm.squeue import said
from watchdog.model.slurm.states import job_state_of


def jobs(answer: Any, problems: Problems) -> tuple[Job, ...]:  # noqa: ANN401
    """The jobs in a decoded answer.

    Raises:
        SourceFormatError: the answer has no jobs.
    """
    found = (_job(record, problems) for record in listed(answer, "jobs"))
    return tuple(job for job in found if job is not None)


def _job(record: Record, problems: Problems) -> Job | None:
    raw = whole(record.get("job_id"))
    if raw is None:
        problems.add("a job in JSON has no id")
        return None
    name, read, state = name_of(record, raw), problems.read, job_state_of(words(record.get("job_state")))
    nodes = _nodes(state, record, problems)
    tres = text(record.get("tres_alloc_str")) or text(record.get("tres_req_str"))
    gpus, kind = _gpus(tres, record, problems)
    start, end = at(record.get("start_time")), at(record.get("end_time"))
    started, ended, expected = lifetimes.lived(state, start, end, ran=bool(nodes))
    code, signal = exit_of(record.get("exit_code")) if lifetimes.over(state) else lifetimes.NO_EXIT
    return Job(
        job_id=name.job,
        raw_id=raw,
        name=text(record.get("name")),
        user=text(record.get("user_name")) or text(record.get("user_id")),
        state=state,
        account=text(record.get("account")),
        partition=text(record.get("partition")),
        qos=text(record.get("qos")),
        reason=said(text(record.get("state_description")) or text(record.get("state_reason"))),
        nodes=nodes,
        node_count=whole(record.get("node_count")),
        cpus=_cpus(record, tres),
        memory_bytes=read(gres.memory_bytes, gres.tres(tres).get("mem", ""), "memory of a job"),
        gpus=gpus,
        gpu_type=kind,
        holds=() if state in WAITING else tuple(_holds(nodes, words(record.get("gres_detail")), problems)),
        priority=number(record.get("priority")),
        submitted_at=at(record.get("submit_time")),
        eligible_at=at(record.get("eligible_time")),
        started_at=started,
        ended_at=ended,
        expected_start_at=expected,
        time_limit_seconds=minutes(record.get("time_limit")),
        exit_code=code,
        signal=signal,
        dependency=text(record.get("dependency")),
        reservation=text(record.get("resv_name")),
        features=text(record.get("features")),
        array_job_id=name.base if name.task is not None or name.tasks else None,
        array_tasks=name.tasks,
        comment=text(record.get("comment")),
    )


def name_of(record: Record, raw: int) -> JobId:
    """How people write the job: by its array and task, or its heterogeneous job and component."""
    array, het = whole(record.get("array_job_id")), whole(record.get("het_job_id"))
    if array:
        tasks = text(record.get("array_task_string"))
        task = None if tasks else whole(record.get("array_task_id"))
        return JobId(array, task=task, tasks=tasks)
    if het:
        return JobId(het, component=whole(record.get("het_job_offset")) or 0)
    return JobId(raw)


def _nodes(state: JobState, record: Record, problems: Problems) -> tuple[str, ...]:
    keys = ("nodes", "scheduled_nodes", "required_nodes") if state in WAITING else ("nodes",)
    lists = (problems.read(hostlist.expand, text(record.get(key)), "a node list") for key in keys)
    return next((names for names in lists if names), ())


def _gpus(tres: str, record: Record, problems: Problems) -> tuple[int | None, str]:
    """GPUs and their type, from what is allocated or asked for in all."""
    if not tres:
        return None, ""
    count, kind = problems.read(gres.tres_gpus, tres, "resources of a job") or (None, "")
    asked = problems.read(gres.tres_gpus, text(record.get("tres_per_node")), "GPUs that a job asks for") or (0, "")
    if count == 0 and asked[0]:
        # Slurm without a database daemon counts no GPUs in TRES.
        count = asked[0] * (whole(record.get("node_count")) or 1)
    return count, kind or (asked[1] if count else "")


def _cpus(record: Record, tres: str) -> int | None:
    count = whole(record.get("cpus"))
    if count is not None:
        return count
    allocated = gres.tres(tres).get("cpu", "") or text(inner(record, "job_resources", "cpus"))
    return int(allocated) if allocated.isascii() and allocated.isdecimal() else None


def _holds(nodes: tuple[str, ...], details: Iterable[str], problems: Problems) -> Iterator[GpuHold]:
    """One text a node, in the order of the nodes; where the numbers differ nobody can tell whose is whose."""
    texts = list(details)
    if texts and len(texts) != len(nodes):
        problems.add("GPUs of a job are told for another number of nodes than it has")
        return
    for node, resources in zip(nodes, texts, strict=True) if texts else ():
        try:
            count, _, indexes = gres.gpus(gres.gres(resources))
        except SourceFormatError as error:
            problems.add("GPUs of a job could not be read", str(error))
            continue
        if count:
            yield GpuHold(node, count, indexes)
