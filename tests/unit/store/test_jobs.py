"""Jobs are kept from first sight to end."""

from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.unit.slurm_rows import HOUR, held, jobs, steps
from watchdog.model.scheduler import JOB_GPUS, JOBS, STEPS
from watchdog.model.telemetry import Window
from watchdog.store.connection import rows
from watchdog.store.jobs import JobStore

TICK = timedelta(seconds=30)
NO_JOBS, NO_GPUS, NO_STEPS = JOBS.empty(), JOB_GPUS.empty(), STEPS.empty()
DAY = Window(NOON - timedelta(days=1), NOON + timedelta(days=1))


@pytest.fixture
def kept(store):
    return JobStore(store)


def see(kept, tick, frame=NO_JOBS, gpus=NO_GPUS, *, whole=True):
    return kept.take(frame, gpus, NOON + tick * TICK, whole=whole)


def only(kept, job_id="7"):
    found = kept.job(job_id)
    assert len(found) == 1
    return found.iloc[0]


def test_a_job_is_kept_from_first_to_last_sight(kept):
    see(kept, 0, jobs({"job_id": "7", "state": "PENDING", "reason": "Resources"}))
    see(kept, 1, jobs({"job_id": "7", "started_at": NOON}))
    see(kept, 2, jobs({"job_id": "7", "started_at": NOON}))

    job = only(kept)
    assert job["state"] == "RUNNING"
    assert job["first_seen_at"] == NOON
    assert job["last_seen_at"] == NOON + 2 * TICK
    assert pd.isna(job["exit_code"])


def test_only_changes_are_written(kept):
    waiting = [{"job_id": str(n), "state": "PENDING", "reason": "Priority", "priority": n} for n in range(50)]
    assert see(kept, 0, jobs(*waiting)).written == 50
    older = [{**row, "priority": row["priority"] + 1} for row in waiting]
    assert see(kept, 1, jobs(*older)).written == 0
    older[3] |= {"state": "RUNNING", "reason": ""}
    assert see(kept, 2, jobs(*older)).written == 1


def test_the_same_snapshot_twice_changes_nothing(kept, store):
    table, gpus = jobs({"job_id": "7", "gpus": 2}), held("7", ("gpu01", 0), ("gpu01", 1))
    see(kept, 0, table, gpus)
    assert see(kept, 0, table, gpus).written == 0
    with store.read() as (cursor, _):
        assert rows(cursor, "SELECT count(*) FROM jobs") == [(1,)]
        assert rows(cursor, "SELECT count(*) FROM job_gpus") == [(2,)]


def test_a_job_that_vanishes_has_an_unknown_end_and_is_never_completed(kept):
    see(kept, 0, jobs({"job_id": "7"}))
    assert see(kept, 1).vanished == 1

    job = only(kept)
    assert job["state"] == "UNKNOWN"
    assert pd.isna(job["ended_at"])
    assert job["last_seen_at"] == NOON
    assert kept.unexplained_since(NOON - HOUR) == NOON


def test_accounting_explains_a_vanished_job_and_keeps_what_it_does_not_know(kept):
    see(kept, 0, jobs({"job_id": "7", "features": "nvlink", "gpu_type": "h100"}))
    see(kept, 1)
    told = jobs({"job_id": "7", "state": "FAILED", "exit_code": 3, "ended_at": NOON + TICK / 2})
    kept.finish(told, NO_GPUS, NO_STEPS, DAY, now=NOON + 2 * TICK)

    job = only(kept)
    assert (job["state"], job["exit_code"], job["features"], job["gpu_type"]) == ("FAILED", 3, "nvlink", "h100")
    assert job["ended_at"] == NOON + TICK / 2
    assert kept.unexplained_since(NOON - HOUR) is None
    assert kept.finish(told, NO_GPUS, NO_STEPS, DAY, now=NOON + 3 * TICK).written == 0


def test_a_job_that_ended_in_sight_stays_ended_when_slurm_forgets_it(kept):
    see(kept, 0, jobs({"job_id": "7", "state": "COMPLETED", "ended_at": NOON}))
    see(kept, 1)
    assert only(kept)["state"] == "COMPLETED"


def test_the_queue_does_not_overrule_accounting(kept):
    see(kept, 0, jobs({"job_id": "7"}))
    kept.finish(jobs({"job_id": "7", "state": "OUT_OF_MEMORY", "ended_at": NOON}), NO_GPUS, NO_STEPS, DAY, now=NOON)
    see(kept, 1, jobs({"job_id": "7", "state": "FAILED", "ended_at": NOON}))
    assert only(kept)["state"] == "OUT_OF_MEMORY"


def test_a_job_missing_from_a_partial_snapshot_is_given_ten_minutes(kept):
    see(kept, 0, jobs({"job_id": "7"}))
    see(kept, 1, whole=False)
    assert only(kept)["state"] == "RUNNING"
    see(kept, 2, jobs({"job_id": "7"}), whole=False)
    assert only(kept)["last_seen_at"] == NOON + 2 * TICK
    see(kept, 30, whole=False)
    assert only(kept)["state"] == "UNKNOWN"


def test_a_job_that_comes_back_runs_again(kept):
    see(kept, 0, jobs({"job_id": "7"}))
    see(kept, 1)
    see(kept, 2, jobs({"job_id": "7"}))
    assert only(kept)["state"] == "RUNNING"


def test_a_requeued_job_is_another_run_of_the_same_id(kept):
    see(kept, 0, jobs({"job_id": "7", "started_at": NOON - HOUR}))
    again = jobs({"job_id": "7", "state": "PENDING", "reason": "BeginTime", "submitted_at": NOON})
    see(kept, 1, again)
    runs = kept.job("7")
    assert list(runs["state"]) == ["PENDING", "UNKNOWN"]
    assert list(runs["submitted_at"]) == [NOON, NOON - 2 * HOUR]


def test_the_waiting_rest_of_an_array_is_no_job_of_unknown_end(kept):
    rest = {"state": "PENDING", "array_job_id": 7}
    see(kept, 0, jobs({"job_id": "7_[1-3]", **rest}))
    see(kept, 1, jobs({"job_id": "7_[2-3]", **rest}, {"job_id": "7_1", "array_job_id": 7}))
    see(kept, 2, jobs(*({"job_id": f"7_{n}", "array_job_id": 7} for n in (1, 2, 3))))
    assert sorted(kept.jobs(DAY)["job_id"]) == ["7_1", "7_2", "7_3"]
    assert set(kept.jobs(DAY)["state"]) == {"RUNNING"}


def test_a_job_without_a_submission_time_is_kept_once(kept):
    unknown = {"job_id": "7", "submitted_at": None}
    see(kept, 0, jobs(unknown))
    see(kept, 1, jobs({**unknown, "state": "COMPLETING"}))
    assert only(kept)["state"] == "COMPLETING"


def test_the_gpus_of_a_job_are_known_after_its_end(kept):
    see(kept, 0, jobs({"job_id": "7"}), held("7", ("gpu01", 3), ("gpu02", 0)))
    see(kept, 1)
    assert list(kept.gpus_of("7")["gpu_index"]) == [3, 0]
    assert len(kept.gpus(DAY)) == 2
    assert len(kept.gpus(Window(NOON + HOUR, NOON + 2 * HOUR))) == 0


def test_gpus_that_become_known_later_replace_unnumbered_ones_but_not_the_other_way_round(kept):
    unnumbered, numbered = held("7", ("gpu01", None)), held("7", ("gpu01", 4), ("gpu01", 5))
    for tick, gpus in enumerate((unnumbered, numbered, unnumbered)):
        see(kept, tick, jobs({"job_id": "7"}), gpus)
    assert list(kept.gpus_of("7")["gpu_index"]) == [4, 5]


def test_steps_are_kept_once_with_their_newest_state(kept):
    step = {"job_id": "7", "step_id": "0", "name": "python", "started_at": NOON - HOUR}
    ended = jobs({"job_id": "7", "state": "COMPLETED", "ended_at": NOON})
    for state in ("RUNNING", "FAILED", "FAILED"):
        kept.finish(ended, NO_GPUS, steps({**step, "state": state}), DAY, now=NOON)
    assert list(kept.steps("7")["state"]) == ["FAILED"]
    assert kept.accounted_until() == DAY.until


def test_hostile_names_are_only_data(kept):
    name = "'); DROP TABLE jobs; --|\n<script>\x1b[31m\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")
    see(kept, 0, jobs({"job_id": "7", "name": name, "user": "o'hara"}))
    assert only(kept)["name"] == name
    assert len(kept.job("7' OR 1=1 --")) == 0


def test_a_window_has_the_jobs_that_waited_or_ran_in_it(kept):
    old = {"state": "COMPLETED", "submitted_at": NOON - 9 * HOUR, "ended_at": NOON - 5 * HOUR}
    see(kept, 0, jobs({"job_id": "1", **old}, {"job_id": "2", "submitted_at": NOON - HOUR}))
    assert list(kept.jobs(Window(NOON - 8 * HOUR, NOON - 6 * HOUR))["job_id"]) == ["1"]
    assert list(kept.jobs(Window(NOON - 5 * HOUR, NOON))["job_id"]) == ["2", "1"]
    assert list(kept.jobs(Window(NOON - 4 * HOUR, NOON))["job_id"]) == ["2"]


def test_old_jobs_go_with_their_gpus_and_steps(kept, store):
    gone = {"job_id": "1", "state": "COMPLETED", "submitted_at": NOON - 9 * HOUR, "ended_at": NOON - 5 * HOUR}
    step = {"job_id": "1", "step_id": "0", "name": "x", "state": "COMPLETED", "ended_at": NOON - 5 * HOUR}
    gpus = held("1", ("gpu01", 0), submitted_at=NOON - 9 * HOUR)
    kept.finish(jobs(gone), gpus, steps(step), DAY, now=NOON)
    see(kept, 0, jobs({"job_id": "2"}), held("2", ("gpu01", 0)))
    kept.expire(NOON - 4 * HOUR)
    assert list(kept.jobs(DAY)["job_id"]) == ["2"]
    with store.read() as (cursor, _):
        assert rows(cursor, "SELECT count(*) FROM job_gpus") == [(1,)]
        assert rows(cursor, "SELECT count(*) FROM job_steps") == [(0,)]
