"""Tables of squeue and sacct."""

import math
import re
from collections.abc import Callable
from pathlib import Path

from tests.unit.sources.slurm_recordings.tables import accounts, cut, decoded, piped, queue, text
from watchdog.model.slurm import duration, job_details, json_jobs
from watchdog.model.slurm.gres import memory_bytes
from watchdog.model.slurm.ids import job_id
from watchdog.model.slurm.lifetimes import exit_of
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import JobState
from watchdog.model.slurm.states import job_state

SQUEUE_LOWER_O = {
    "JobID": 0, "JobArrayID": 3, "Name": 5, "UserName": 6, "Account": 7, "QOS": 8, "Partition": 4, "State": 9,
    "Reason": 11, "TimeLimit": 13, "NumNodes": 15, "NumCPUs": 16, "tres-per-node": 18, "NodeList": 19,
    "SubmitTime": 24, "StartTime": 22, "EndTime": 23, "PriorityLong": 25, "Dependency": 26,
}  # fmt: skip
SQUEUE_UPPER_O = {
    "JobID": 0, "JobArrayID": 0, "Partition": 3, "UserName": 4, "State": 5, "Reason": 7, "tres-alloc": 8,
    "tres-per-node": 9, "NumNodes": 10, "NodeList": 11, "SubmitTime": 13, "StartTime": 14, "EndTime": 15,
    "exit_code": 17, "QOS": 19, "Account": 20, "Name": 21,
}  # fmt: skip
UPPER_O_WIDTHS = (12, 12, 14, 12, 10, 14, 4, 32, 80, 24, 6, 24, 40, 20, 20, 20, 10, 8, 4, 10, 10, 24)
SITE_QUEUE = {
    "tres-per-node": 0, "JobArrayID": 2, "JobID": 3, "Name": 4, "TimeLimit": 5, "State": 9, "UserName": 10,
    "NumCPUs": 11, "NumNodes": 12, "NodeList": 15, "SubmitTime": 20, "StartTime": 18, "Partition": 24, "Account": 25,
    "QOS": 26, "Reason": 27, "tres-alloc": 28,
}  # fmt: skip
SHORT_QUEUE = {"JobID": 0, "JobArrayID": 0, "Account": 1, "UserName": 2, "Partition": 3, "State": 4, "NumNodes": 5,
               "NumCPUs": 6, "tres-alloc": 7}  # fmt: skip


def queue_of(rows, places):
    problems = Problems()
    found = queue(rows, places, problems)
    assert problems.words() == ()
    assert len(found) == len(rows)
    assert JobState.UNKNOWN not in {job.state for job in found}
    return found


def lower_o(path: Path):
    # A pipe or a newline in a name breaks the row: that is why we never ask so.
    rows = [row for row in piped(path)[1:] if len(row) == 28]
    found = queue_of(rows, SQUEUE_LOWER_O)
    single = {job.raw_id for job in json_queue(path.parent) if "|" not in job.name + job.comment}
    assert len(single - {job.raw_id for job in found}) <= ("odd" in path.parent.name) + len(text(path).split("_[")) - 1


def upper_o(path: Path):
    rows = [row for row in cut(path, UPPER_O_WIDTHS) if row[0].isdigit() and row[-1] == ""]
    found = {job.raw_id: job for job in queue_of(rows, SQUEUE_UPPER_O)}
    for job in json_queue(path.parent):
        same = found[job.raw_id]
        assert (job.gpus, job.gpu_type, job.memory_bytes) == (same.gpus, same.gpu_type, same.memory_bytes)
        assert (job.account, job.qos, job.submitted_at) == (same.account, same.qos, same.submitted_at)


def json_queue(folder: Path):
    """The jobs of the same moment in JSON, but for the waiting rest of arrays, which text shows task by task."""
    source = folder / "scontrol-job.json"
    found = json_jobs.jobs(decoded(source if source.exists() else folder / "squeue.json"), Problems())
    return [job for job in found if not job.array_tasks]


def for_people(path: Path):
    """The columns that people see by default: ids and states."""
    rows = [row for row in cut(path, (18, 10, 9, 9, 3)) if row[0][:1].isdigit()]
    assert len(rows) >= len(text(path).splitlines()) - 3
    # Two letters wide: OOM is cut.
    codes = {"OOM" if row[4] == "OO" else row[4] for row in rows}
    assert JobState.UNKNOWN not in {job_state(code) for code in codes}
    assert all(job_id(row[0].partition(".")[0]).base for row in rows)


def queue_states(column: int) -> Callable[[Path], None]:
    def read(path: Path):
        rows = piped(path, "," if "vpenso" in path.as_posix() else "|")
        assert {job_state(row[column]) for row in rows} <= set(JobState) - {JobState.UNKNOWN}

    return read


def short_queue(path: Path):
    assert queue_of(piped(path), SHORT_QUEUE)


def short_view(path: Path):
    """As the short queue, with the account or user alone."""
    rows = piped(path)
    assert all(job.gpus is not None for job in queue_of(rows, {"JobID": 0, "JobArrayID": 0, "UserName": 1, "State": 2,
               "NumNodes": 3, "NumCPUs": 4, "tres-alloc": 5}))  # fmt: skip


def site_queue(path: Path):
    found = queue_of(piped(path, "|#"), SITE_QUEUE)
    assert [job.gpus for job in found] == [2, 1, 256, 0, 160]
    for job in found:
        waits = job.state is JobState.PENDING
        assert waits or (job.submitted_at <= job.started_at and len(job.nodes) == job.node_count)


def details(path: Path):
    problems = Problems()
    found = job_details.holds(text(path), problems)
    twice = "repeated" in path.name or "unique" in path.name
    assert problems.words() == () or twice
    assert set(found) <= {int(number) for number in re.findall(r"(?m)^JobId=(\d+)", text(path))}
    assert sum(len(holds) for holds in found.values()) >= bool(re.search(r"GRES=gpu\S*\(IDX", text(path)) and not twice)


def sacct(path: Path):
    problems = Problems()
    jobs, steps = accounts(path, problems)
    lines = len(text(path).splitlines()) - 1
    odd = [words for words in problems.words() if "too many or too few fields" not in words]
    assert odd == []
    assert len(jobs) + len(steps) >= (lines - 1 if "slurm-lab" in path.as_posix() else 1)
    assert JobState.UNKNOWN not in {one.state for one in (*jobs, *steps)}


def sacct_for_people(path: Path):
    for row in list(cut(path, (13, 11, 11, 11, 11, 11, 8)))[2:]:
        if row[0][:1].isdigit():
            assert job_id(row[0].rstrip("+")).base
            # Ten letters wide: a longer word is cut, and ends in a plus.
            assert any(state.startswith(row[5].rstrip("+")) for state in JobState)
            assert exit_of(row[6]) is not None


def sacct_amounts(path: Path):
    for row in piped(path):
        assert job_id(row[0]).base
        assert all(math.isfinite(duration.seconds(cell)) for cell in row[4:7] if cell)
        assert all(memory_bytes(cell) for cell in row[7:9] if cell)
