"""The queue as `squeue -O` prints it: every field of a job but the places of its GPUs, in all versions since 20.11."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm import duration, gres, hostlist, lifetimes
from watchdog.model.slurm.ids import JobId, job_id
from watchdog.model.slurm.instants import instant
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import WAITING, GpuHold, Job, JobState
from watchdog.model.slurm.rows import Marks, format_of, rows
from watchdog.model.slurm.states import job_state

FIELDS = (
    "JobID", "JobArrayID", "ArrayJobID", "Name", "UserName", "Account", "QOS", "Partition", "State", "Reason",
    "TimeLimit", "NumNodes", "NumCPUs", "tres-alloc", "tres-per-node", "NodeList", "ReqNodes", "SchedNodes",
    "SubmitTime", "EligibleTime", "StartTime", "EndTime", "PriorityLong", "Dependency", "Reservation", "Feature",
    "exit_code", "Comment",
)  # fmt: skip
_UNSAID = {"(null)", "N/A", "n/a", "None", "none"}


def arguments(ends: Marks) -> list[str]:
    """The whole command line: every job that slurmctld still knows, also of hidden partitions."""
    return ["squeue", "--noheader", "--all", "--states=all", f"--Format={format_of(FIELDS, ends)}"]


def jobs(
    text: str,
    ends: Marks,
    problems: Problems,
    *,
    holds: Mapping[int, tuple[GpuHold, ...]] | None = None,
    zone: tzinfo = UTC,
) -> tuple[Job, ...]:
    """The jobs in what `arguments` made squeue print.

    Args:
        text: What it printed, decoded leniently.
        ends: The marks it was called with.
        problems: Takes a note of rows and fields that cannot be read.
        holds: GPUs by raw id, from `job_details.holds`.
        zone: The time zone it ran in.
    """
    held = holds or {}
    found = (_job(row, held, zone, problems) for row in rows(text, ends, len(FIELDS), problems, "squeue"))
    return tuple(job for job in found if job is not None)


def texts(text: str, ends: Marks) -> set[str]:
    """Names and comments that hold a newline: what could forge lines in `scontrol show job`."""
    if text.count("\n") <= text.count(ends.row):
        return set()
    found = (row.split(ends.field) for row in text.split(ends.row))
    return {cell for row in found if len(row) == len(FIELDS) for cell in (row[3], row[-1]) if "\n" in cell}


def _job(row: list[str], held: Mapping[int, tuple[GpuHold, ...]], zone: tzinfo, problems: Problems) -> Job | None:
    try:
        name, raw = job_id(row[1]), job_id(row[0]).base
    except SourceFormatError as error:
        problems.add("a job of squeue has no id", str(error))
        return None
    read, state = problems.read, job_state(row[8])
    nodes = _nodes(state, row[15:18], problems)
    memory, gpus, kind = _amounts(row[13], row[14], row[11], problems)
    code, signal = (read(lifetimes.exit_of, row[26], "an exit code") if lifetimes.over(state) else None) or (
        lifetimes.NO_EXIT
    )
    submitted, eligible, start, end = _times(row[18:22], zone, problems)
    started, ended, expected = lifetimes.lived(state, start, end, ran=bool(nodes))
    return Job(
        job_id=name.job,
        raw_id=raw,
        name=row[3],
        user=said(row[4]),
        state=state,
        account=said(row[5]),
        partition=said(row[7]),
        qos=said(row[6]),
        reason=said(row[9]),
        nodes=nodes,
        node_count=whole(row[11]),
        cpus=whole(row[12]),
        memory_bytes=memory,
        gpus=gpus,
        gpu_type=kind,
        holds=held.get(raw, ()) if state not in WAITING else (),
        priority=number(row[22]),
        submitted_at=submitted,
        eligible_at=eligible,
        started_at=started,
        ended_at=ended,
        expected_start_at=expected,
        time_limit_seconds=read(duration.seconds, row[10], "a time limit"),
        exit_code=code,
        signal=signal,
        dependency=said(row[23]),
        reservation=said(row[24]),
        features=said(row[25]),
        array_job_id=_array(name, row[2]),
        array_tasks=name.tasks,
        comment=said(row[27]),
    )


def _times(texts: list[str], zone: tzinfo, problems: Problems) -> list[datetime | None]:
    try:
        return [instant(text, zone) for text in texts]
    except SourceFormatError:
        return [problems.read(lambda word: instant(word, zone), text, "a time of a job") for text in texts]


def _amounts(
    allocated: str, per_node: str, node_count: str, problems: Problems
) -> tuple[float | None, int | None, str]:
    """Memory, GPUs and their type: of the job's TRES, or else of what it asks for on each node."""
    try:
        memory = gres.memory_bytes(gres.tres(allocated).get("mem", ""))
        asked, kind = gres.tres_gpus(per_node)
        if not gres.tres(allocated):
            # Of --gpus the requests of one node say nothing.
            return memory, asked * (whole(node_count) or 1) or None, kind
        count, typed = gres.tres_gpus(allocated)
        if not count and asked:
            # Slurm without a database daemon counts no GPUs in TRES.
            count = asked * (whole(node_count) or 1)
    except SourceFormatError as error:
        problems.add("resources of a job could not be read", str(error))
        return None, None, ""
    return memory, count, typed or (kind if count else "")


def _nodes(state: JobState, lists: list[str], problems: Problems) -> tuple[str, ...]:
    """Those it has; of a waiting job those it is scheduled to, or requires."""
    given, required, scheduled = lists
    if state not in WAITING:
        return problems.read(hostlist.expand, given, "a node list") or ()
    if not given and not required and scheduled in _UNSAID:
        return ()
    lists = [given, scheduled, required]
    return next((names for text in lists if (names := problems.read(hostlist.expand, text, "a node list"))), ())


def _array(name: JobId, array: str) -> int | None:
    return whole(array) if name.task is not None or name.tasks else None


def said(text: str) -> str:
    """`text`, or "" where it is one of Slurm's words for nothing."""
    return "" if text in _UNSAID else text


def whole(text: str) -> int | None:
    """A count, also of a range ("1-4" nodes: the least); None where there is none."""
    word = text if text.isdigit() else text.partition("-")[0].strip()
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 16 else None


def number(text: str) -> float | None:
    """A plain number; None for others."""
    try:
        return float(text) if text.strip().replace(".", "", 1).isdecimal() else None
    except ValueError:
        return None
