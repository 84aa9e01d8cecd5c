"""Finished jobs and their steps as `sacct -p` prints them. Text, because JSON of 22.05 lies about exit codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm import duration, gres, hostlist, lifetimes
from watchdog.model.slurm.ids import JobId, job_id
from watchdog.model.slurm.instants import instant
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import Job, JobState, Step
from watchdog.model.slurm.rows import Marks, delimited
from watchdog.model.slurm.squeue import number, said, whole
from watchdog.model.slurm.states import job_state

FIELDS = (
    "JobID", "JobIDRaw", "JobName", "User", "Account", "QOS", "Partition", "State", "ExitCode", "Submit", "Eligible",
    "Start", "End", "TimelimitRaw", "NNodes", "NCPUS", "ReqTRES", "AllocTRES", "TRESUsageInMax", "MaxRSS", "NodeList",
    "Priority", "Reason", "Reservation", "Constraints", "Comment",
)  # fmt: skip
# What sacct knows on the side; older recordings may lack these.
_OPTIONAL = {"TRESUsageInMax", "MaxRSS", "Priority", "Reason", "Reservation", "Constraints", "Comment", "ReqTRES"}


def arguments(since: datetime, until: datetime, ends: Marks) -> list[str]:
    """The command line for all users' jobs that were there in a window, each attempt of a requeued one, in UTC."""
    return [
        "sacct",
        "--noheader",
        "--parsable",
        "--allusers",
        "--duplicates",
        f"--delimiter={ends.field}",
        f"--starttime={_written(since)}",
        # sacct drops fractions of a second.
        f"--endtime={_written(until + timedelta(seconds=1))}",
        f"--format={','.join(FIELDS)}",
    ]


def records(
    text: str, ends: Marks, problems: Problems, *, fields: tuple[str, ...] = FIELDS, zone: tzinfo = UTC
) -> tuple[tuple[Job, ...], tuple[Step, ...]]:
    """Jobs and steps in what `arguments` made sacct print, running and waiting ones included.

    Args:
        text: What it printed.
        ends: The mark it was called with.
        problems: Takes a note of what cannot be read.
        fields: The fields it was asked for.
        zone: The time zone it ran in.
    """
    jobs: dict[tuple[str, datetime | None], Job] = {}
    steps: dict[tuple[str, str, datetime | None], Step] = {}
    lacking = tuple(_OPTIONAL - set(fields))
    for row in delimited(text, ends, len(fields), problems, "sacct"):
        cells = dict(zip(fields, row, strict=True))
        cells.update(dict.fromkeys(lacking, ""))
        try:
            name = job_id(cells["JobID"])
        except SourceFormatError as error:
            problems.add("a row of sacct has no job", str(error))
            continue
        if name.step:
            step = _step(name, cells, zone, problems)
            steps[step.job_id, step.step_id, step.started_at] = step
        else:
            job = _job(name, cells, zone, problems)
            jobs[job.job_id, job.submitted_at] = job
    return tuple(jobs.values()), tuple(steps.values())


def _job(name: JobId, cells: dict[str, str], zone: tzinfo, problems: Problems) -> Job:
    read, state = problems.read, job_state(cells["State"])
    nodes = read(hostlist.expand, cells["NodeList"], "a node list") or ()
    tres = cells["AllocTRES"] or cells["ReqTRES"]
    count, kind = read(gres.tres_gpus, tres, "resources of a job") or (None, "")
    start, end = _instant(cells["Start"], zone, problems), _instant(cells["End"], zone, problems)
    started, ended, expected = lifetimes.lived(state, start, end, ran=bool(nodes))
    if state is JobState.REQUEUED:
        # An attempt that was given up: it held its nodes until then.
        started, ended, expected = start, end, None
    code, signal = _exit(state, cells["ExitCode"], problems)
    return Job(
        job_id=name.job,
        raw_id=whole(cells["JobIDRaw"].partition(".")[0]) or name.base,
        name=cells["JobName"],
        user=cells["User"],
        state=state,
        account=cells["Account"],
        partition=cells["Partition"],
        qos=cells["QOS"],
        reason=said(cells["Reason"]),
        nodes=nodes,
        node_count=whole(cells["NNodes"]),
        cpus=whole(cells["NCPUS"]) or whole(gres.tres(tres).get("cpu", "")),
        memory_bytes=read(gres.memory_bytes, gres.tres(tres).get("mem", ""), "memory of a job"),
        gpus=count,
        gpu_type=kind,
        priority=number(cells["Priority"]),
        submitted_at=_instant(cells["Submit"], zone, problems),
        eligible_at=_instant(cells["Eligible"], zone, problems),
        started_at=started,
        ended_at=ended,
        expected_start_at=expected,
        time_limit_seconds=read(duration.seconds, cells["TimelimitRaw"], "a time limit"),
        exit_code=code,
        signal=signal,
        reservation=said(cells["Reservation"]),
        features=said(cells["Constraints"]),
        array_job_id=name.base if name.task is not None or name.tasks else None,
        array_tasks=name.tasks,
        comment=cells["Comment"],
    )


def _step(name: JobId, cells: dict[str, str], zone: tzinfo, problems: Problems) -> Step:
    state = job_state(cells["State"])
    code, signal = _exit(state, cells["ExitCode"], problems)
    start, end = _instant(cells["Start"], zone, problems), _instant(cells["End"], zone, problems)
    memory = cells["MaxRSS"] or gres.tres(cells["TRESUsageInMax"]).get("mem", "")
    return Step(
        job_id=name.job,
        step_id=name.step,
        name=cells["JobName"],
        state=state,
        exit_code=code,
        signal=signal,
        started_at=start,
        ended_at=end if lifetimes.over(state) else None,
        nodes=problems.read(hostlist.expand, cells["NodeList"], "a node list") or (),
        max_memory_bytes=problems.read(gres.memory_bytes, memory, "memory of a step"),
    )


def _exit(state: JobState, text: str, problems: Problems) -> lifetimes.Exit:
    if not lifetimes.over(state):
        return lifetimes.NO_EXIT
    return problems.read(lifetimes.exit_of, text, "an exit code") or lifetimes.NO_EXIT


def _instant(text: str, zone: tzinfo, problems: Problems) -> datetime | None:
    try:
        return instant(text, zone)
    except SourceFormatError as error:
        problems.add("a time of a job could not be read", str(error))
        return None


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
