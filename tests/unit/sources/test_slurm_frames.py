import math
from datetime import timedelta

import pandas as pd

from tests.conftest import NOON
from watchdog.model.scheduler import JOB_GPUS, JOBS, NODES, PARTITIONS, STEPS
from watchdog.model.slurm.records import GpuHold, Job, JobState, Node, Partition, Step
from watchdog.sources.slurm_frames import job_gpus_frame, jobs_frame, nodes_frame, partitions_frame, steps_frame

JOB = Job(
    job_id="7_1", raw_id=8, name="a|b", user="ada", state=JobState.RUNNING, nodes=("gn001", "gn002", "gn003"), gpus=4,
    submitted_at=NOON, started_at=NOON + timedelta(microseconds=5), time_limit_seconds=math.inf,
    holds=(GpuHold("gn001", 2, (0, 3)), GpuHold("gn002", 2)), array_job_id=7,
)  # fmt: skip
WAITING = Job(job_id="9", raw_id=9, name="", user="bob", state=JobState.PENDING)


def test_no_records_make_empty_frames_of_the_contract():
    for contract, build in (
        (JOBS, jobs_frame), (JOB_GPUS, job_gpus_frame), (NODES, nodes_frame), (PARTITIONS, partitions_frame),
        (STEPS, steps_frame),
    ):  # fmt: skip
        frame = build([])
        assert len(frame) == 0
        contract.check(frame)


def test_a_job_is_a_row_and_what_is_not_known_is_null():
    frame = jobs_frame([JOB, WAITING])
    first, second = frame.iloc[0], frame.iloc[1]
    assert (first["job_id"], first["nodes"], first["gpus"], first["state"]) == ("7_1", "gn[001-003]", 4, "RUNNING")
    assert first["started_at"] == pd.Timestamp(NOON + timedelta(microseconds=5))
    assert first["time_limit_seconds"] == math.inf
    unknown = ["gpus", "cpus", "memory_bytes", "submitted_at", "exit_code", "array_job_id", "priority"]
    assert second[unknown].isna().all()


def test_each_gpu_is_a_row_and_unknown_places_are_one_row_a_node():
    frame = job_gpus_frame([JOB, WAITING])
    assert list(frame["node"]) == ["gn001", "gn001", "gn002"]
    assert frame["gpu_index"].tolist()[:2] == [0, 3]
    assert pd.isna(frame["gpu_index"].iloc[2])


def test_a_job_or_node_told_twice_is_one_row_the_last():
    assert jobs_frame([JOB, JOB])["job_id"].tolist() == ["7_1"]
    assert nodes_frame([Node("gn001", "IDLE"), Node("gn001", "DOWN")])["state"].tolist() == ["DOWN"]


def test_a_requeued_job_keeps_its_attempts_apart():
    again = Job(job_id="7_1", raw_id=8, name="", user="ada", state=JobState.RUNNING, submitted_at=NOON + timedelta(1))
    assert len(jobs_frame([JOB, again])) == 2


def test_nodes_join_their_flags_partitions_and_types():
    node = Node(
        "gn001", "IDLE", frozenset({"PLANNED", "DRAIN"}), partitions=("gpu", "debug"), gpus=6,
        gpu_types=(("a100", 4), ("h100", 2)),
    )  # fmt: skip
    row = nodes_frame([node]).iloc[0]
    assert (row["flags"], row["partitions"], row["gpu_type"]) == ("DRAIN,PLANNED", "gpu,debug", "a100+h100")
    assert not row["takes_work"]
    assert pd.isna(row["gpus_allocated"])


def test_partitions_and_steps_are_rows():
    part = partitions_frame([Partition("gpu", "UP", ("gn1", "gn2"), max_time_seconds=math.inf)]).iloc[0]
    assert (part["nodes"], part["max_time_seconds"]) == ("gn[1-2]", math.inf)
    step = steps_frame([Step("7", "batch", "batch", JobState.FAILED, 3, 0, NOON)]).iloc[0]
    assert (step["step_id"], step["exit_code"], step["started_at"]) == ("batch", 3, pd.Timestamp(NOON))
