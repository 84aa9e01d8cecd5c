"""GPUs are put together by job, and named shortly."""

from datetime import timedelta

import numpy as np
import pytest

from tests.unit.analysis.health.build import AT, facts, with_slurm
from watchdog.analysis.health.held import held_jobs, its, quantile, trailing, which, within_job
from watchdog.analysis.health.sight import as_far_as_read, fresh_slurm, slurm_lags, slurm_unseen
from watchdog.model.findings import Judged, Subject


def test_a_gpu_without_a_job_or_with_an_unknown_one_belongs_to_nobody():
    held = held_jobs(facts(job_id=["7", "", None, "7", "9"]))
    assert list(held.ids) == ["7", "9"]
    assert held.of.tolist() == [0, -1, -1, 0, 1]
    assert held.sizes.tolist() == [2, 1]


def test_a_jobs_mean_leaves_out_gpus_without_a_reading():
    held = held_jobs(facts(job_id=["7", "7", "9", "", "9"]))
    mean = held.means(np.array([[1, np.nan], [3, 5], [np.nan, np.nan], [9, 9], [np.nan, 2]], dtype=np.float32))
    assert mean[0].tolist() == [2, 5]
    assert np.isnan(mean[1, 0])
    assert mean[1, 1] == 2


def test_a_fleet_without_jobs_has_no_means():
    assert held_jobs(facts()).means(np.zeros((5, 3), dtype=np.float32)).shape == (0, 3)


def test_what_was_before_the_job_is_not_the_jobs():
    base = facts(job_id=["7", "8", "", "", ""], job_started_at=[AT - timedelta(minutes=10), None, None, None, None])
    kept = within_job(base, held_jobs(base), np.ones((5, 60), dtype=np.float32), 0)
    assert (~np.isnan(kept)).sum(axis=1).tolist() == [11, 60, 60, 60, 60]


@pytest.mark.parametrize(
    ("rows", "words"),
    [([3], "GPU 3 on gpu01"), ([0, 2], "GPUs 0, 2 on gpu01"), ([0, 1, 2, 3, 4], "GPUs 0-4 on gpu01")],
)
def test_gpus_are_named_by_their_places(rows, words):
    assert which(held_jobs(facts()), np.array(rows)) == words


def test_gpus_of_several_nodes_are_counted():
    base = facts(node=["gpu01", "gpu01", "gpu02", "gpu03", "gpu03"])
    assert which(held_jobs(base), np.arange(5)) == "5 GPUs on gpu[01-03]"


def test_a_part_of_a_jobs_gpus_is_told_as_a_part():
    base = facts(job_id="7")
    held = held_jobs(base)
    assert its(held, 0, np.array([1])) == "1 of its 5 GPUs (GPU 1 on gpu01)"
    assert its(held, 0, np.arange(5)) == "its 5 GPUs (GPUs 0-4 on gpu01)"


def test_a_quantile_of_no_readings_is_unknown():
    found = quantile(np.array([[1.0, 2, 3, 4], [np.nan] * 4, [np.nan, 5, np.nan, np.nan]]), 0.75)
    assert found[0] == 3
    assert np.isnan(found[1])
    assert found[2] == 5


def test_a_run_ends_where_the_row_ends():
    assert trailing(np.array([[True, False, True, True], [True] * 4, [True, True, True, False]])).tolist() == [2, 4, 0]


def test_slurm_of_six_minutes_ago_says_nothing_of_now():
    base = with_slurm(facts(), taken_at=AT - timedelta(minutes=6))
    assert fresh_slurm(base) is None
    assert slurm_lags(base)
    assert slurm_unseen(base).blind.everybody
    assert not slurm_lags(facts())


def test_where_a_part_of_slurm_is_missing_nobody_is_called_fine():
    base = with_slurm(facts(), whole=False)
    assert as_far_as_read(base, Judged()).blind.covers(Subject(job_id="1"))
    assert not as_far_as_read(with_slurm(facts()), Judged()).blind.everybody
