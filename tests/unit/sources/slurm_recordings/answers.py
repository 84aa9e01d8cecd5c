"""Answers in JSON: of commands, and of slurmrestd with its refusals."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NOON
from tests.unit.sources.slurm_recorded import API, recorded_answers, serving
from tests.unit.sources.slurm_recordings.tables import decoded, text
from watchdog.base.clock import FakeClock
from watchdog.base.errors import SourceAuthError, SourceError, SourceFormatError, SourceUnavailableError
from watchdog.model.slurm import json_accounting, json_jobs, json_nodes
from watchdog.model.slurm.gres import memory_bytes
from watchdog.model.slurm.instants import instant
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import JobState
from watchdog.model.slurm.states import NODE_BASES, job_state, node_state
from watchdog.sources.slurm_rest import SlurmRest


def in_json(key: str, reader: Callable) -> Callable[[Path], None]:
    """All records under a key are read, without a problem."""

    def read(path: Path):
        answer, problems = decoded(path), Problems()
        found = reader(answer, problems)
        assert len(found) == len(answer[key])
        assert [words for words in problems.words() if "no node flags" not in words] == []
        assert all(str(one.state) for one in found)

    return read


def accounting(path: Path):
    answer, problems = decoded(path), Problems()
    jobs, steps = json_accounting.records(answer, problems)
    assert len(jobs) == len(answer["jobs"])
    assert len(steps) == sum(len(job["steps"]) for job in answer["jobs"])
    assert [words for words in problems.words() if "exit code is not known" not in words] == []


def grouped(path: Path):
    """From 23.02 on `sinfo --json` groups nodes: it is refused, never read as a cluster without nodes."""
    answer = decoded(path)
    if "nodes" in answer:
        in_json("nodes", json_nodes.nodes)(path)
    else:
        assert answer["sinfo"]
        with pytest.raises(SourceFormatError):
            json_nodes.nodes(answer, Problems())


def json_lines(path: Path):
    """A queue or nodes as another exporter asks for them: states, times and amounts are understood."""
    for row in map(json.loads, filter(well_formed, text(path).splitlines())):
        assert memory_bytes(str(row["mem"]))
        if "state" in row:
            assert job_state(row["state"]) is not JobState.UNKNOWN
            assert instant(row["end_time"]) or row["state"] == "PENDING"
        else:
            assert node_state(row["s"])[0] in NODE_BASES


def well_formed(line: str) -> bool:
    """Two lines were spoiled on purpose."""
    return line.startswith("{") and ": xx" not in line


def made_up(path: Path):
    """Values that a generator made up from the specification: whatever they are, all of it is gone through."""
    answer, readers = (
        decoded(path),
        {"jobs": json_jobs.jobs, "nodes": json_nodes.nodes, "partitions": json_nodes.partitions},
    )
    ((key, reader),) = [(key, reader) for key, reader in readers.items() if key in answer]
    assert len(reader(answer, Problems())) == len(
        {str(one.get("job_id", one.get("name"))) + (key != "nodes") * str(n) for n, one in enumerate(answer[key])}
    )


def refused(path: Path):
    """What slurmrestd said no with, at the status that it said it with."""
    version = path.parent.parent.name
    status = re.search(rf"(?m)^{path.stem}: (\d+)", text(path.parent / "INDEX.txt"))[1]
    where = f"/slurm/v0.0.{API[version]}/jobs"
    with serving(recorded_answers(version) | {where: (int(status), path.read_bytes())}) as (url, _):
        slurm = SlurmRest(FakeClock(NOON), url, user="ada", token="secret")
        with pytest.raises(SourceError) as caught:
            slurm.snapshot()
    kinds = {"no-auth": SourceAuthError, "no-name": SourceAuthError, "no-such-path": SourceFormatError,
             "no-such-version": SourceFormatError}  # fmt: skip
    assert isinstance(
        caught.value, kinds.get(path.stem.removeprefix("error-"), SourceUnavailableError | SourceAuthError)
    )
    assert caught.value.hint


def answered(path: Path):
    """Named as an error, and yet an answer: the token alone was enough."""
    if "jobs" in decoded_or_empty(path):
        return in_json("jobs", json_jobs.jobs)(path)
    return refused(path)


def decoded_or_empty(path: Path):
    try:
        return decoded(path)
    except ValueError:
        return {}


def described(path: Path):
    version = path.parent.parent.name
    answers = recorded_answers(version)
    # 24.11 lists its paths with a slash at the end.
    answers |= {f"{where}/": answer for where, answer in answers.items()}
    with serving(answers | {"/openapi": (200, path.read_bytes())}) as (url, asked):
        assert SlurmRest(FakeClock(NOON), url).snapshot().jobs
    assert asked[1][0].rstrip("/") == f"/slurm/v0.0.{API[version]}/jobs"


jobs_json = in_json("jobs", json_jobs.jobs)
nodes_json = in_json("nodes", json_nodes.nodes)
partitions_json = in_json("partitions", json_nodes.partitions)
