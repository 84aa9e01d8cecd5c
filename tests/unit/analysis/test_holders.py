from __future__ import annotations

import pandas as pd

from tests.slurm_fakes import gpus_frame, jobs_frame
from watchdog.analysis.holders import with_holders

CELLS = pd.DataFrame(
    {"node": ["a", "a", "b"], "gpu_index": pd.array([0, 1, None], dtype="Int16"), "gpu_uuid": ["x", "y", "z"]}
)


def held(*rows, **holds):
    jobs = jobs_frame(*rows)
    return with_holders(CELLS, jobs, gpus_frame(jobs, holds))[["job", "user"]].to_numpy().tolist()


def test_a_gpu_names_the_job_and_user_that_hold_it():
    assert held({"job_id": "j7", "user": "ada"}, j7=(("a", 1),)) == [["", ""], ["j7", "ada"], ["", ""]]


def test_jobs_that_ended_or_wait_hold_nothing():
    rows = ({"job_id": "j1", "state": "COMPLETED"}, {"job_id": "j2", "state": "PENDING"})
    assert held(*rows, j1=(("a", 0),), j2=(("a", 1),)) == [["", ""]] * 3


def test_a_hold_without_an_index_names_no_gpu():
    assert held({"job_id": "j1"}, j1=(("a", None), ("b", None))) == [["", ""]] * 3


def test_a_shared_gpu_names_all_its_jobs():
    rows = ({"job_id": "j1", "user": "ada"}, {"job_id": "j2", "user": "ada"})
    assert held(*rows, j1=(("a", 0),), j2=(("a", 0),))[0] == ["j1, j2", "ada"]


def test_no_queue_is_no_name():
    assert held() == [["", ""]] * 3
