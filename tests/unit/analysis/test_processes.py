"""GPUs that were held without any process: by job, user and partition; what nobody counted stays unknown."""

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NOON
from tests.unit.analysis.frames import series
from tests.unit.slurm_rows import HOUR, held, history, inventory
from watchdog.analysis.advice import advice
from watchdog.analysis.efficiency import Use, bucket_readings, gpu_use, held_spans
from watchdog.analysis.held_readings import PROCESSES, process_readings
from watchdog.analysis.job_efficiency import job_efficiency
from watchdog.analysis.job_waste import waste_by
from watchdog.model.scheduler import STEPS

MINUTE = timedelta(minutes=1)
PLACES = inventory(*({"node": "gpu01", "gpu_uuid": f"GPU-{i}", "gpu_index": i} for i in range(4)))


def minutes(metric, gpu, *values):
    """One value a minute of the last hour; None leaves a minute out."""
    return [(metric, f"GPU-{gpu}", 60 - n, value) for n, value in enumerate(values) if value is not None]


def busy(gpu, *values):
    return minutes("gpu_util_ratio", gpu, *values)


def counted(gpu, *values):
    return minutes(PROCESSES, gpu, *values)


def use_of(*rows, places=((0,),), table=None):
    """The use of jobs that have run for an hour on gpu01."""
    jobs = history(*(table or [{"job_id": str(n + 1), "started_at": NOON - HOUR} for n in range(len(places))]))
    gpus = pd.concat([held(str(n + 1), *(("gpu01", i) for i in at)) for n, at in enumerate(places)])
    read = series(*(row for part in rows for row in part), node="gpu01")
    holds = held_spans(jobs, gpus, PLACES, NOON)
    return jobs, gpu_use(holds, bucket_readings(read, MINUTE), process_readings(read, MINUTE))


def test_a_gpu_without_any_process_all_the_time_is_told_from_one_that_a_process_held():
    idle = [0.0] * 60
    _, use = use_of(busy(0, *idle), counted(0, *idle), busy(1, *idle), counted(1, *[0.0] * 59, 1.0), places=((0, 1),))
    assert list(use["use"]) == [Use.NO_PROCESS, Use.NEVER_USED]
    assert list(use["most_processes"]) == [0, 1]


def test_where_nobody_counts_processes_it_is_not_known_whether_there_were_any():
    jobs, use = use_of(busy(0, *[0.0] * 60))
    assert list(use["use"]) == [Use.NEVER_USED]
    assert not use["processes_known"].iloc[0]
    table = waste_by(use, jobs, "user", {})
    assert table["never_used_hours"].iloc[0] == pytest.approx(1)
    assert pd.isna(table["no_process_hours"].iloc[0])


def test_processes_counted_for_a_part_of_the_time_say_nothing_about_the_rest():
    idle = [0.0] * 60
    assert list(use_of(busy(0, *idle), counted(0, *[0.0] * 40))[1]["use"]) == [Use.NEVER_USED]
    assert list(use_of(busy(0, *idle), counted(0, *[0.0] * 43))[1]["use"]) == [Use.NO_PROCESS]


def test_without_readings_of_utilization_no_processes_are_still_unknown():
    assert list(use_of(counted(0, *[0.0] * 60))[1]["use"]) == [Use.UNKNOWN]


def test_an_exporter_that_sees_no_process_on_a_busy_gpu_is_not_believed_on_its_node():
    idle = [0.0] * 60
    rows = (busy(0, *idle), counted(0, *idle), busy(1, *[0.9] * 60), counted(1, *idle))
    assert list(use_of(*rows, places=((0, 1),))[1]["use"]) == [Use.NEVER_USED, Use.USED]
    assert list(use_of(*rows, places=((0,), (1,)))[1]["use"]) == [Use.NEVER_USED, Use.USED]


def test_the_process_of_the_job_before_is_not_this_ones():
    half = NOON - HOUR / 2
    first = {"job_id": "1", "started_at": NOON - HOUR, "ended_at": half, "state": "COMPLETED"}
    rows = (busy(0, *[0.9] * 30, *[0.0] * 30), counted(0, *[1.0] * 30, *[0.0] * 30))
    _, use = use_of(*rows, places=((0,), (0,)), table=[first, {"job_id": "2", "started_at": half}])
    assert list(use.sort_values("job_id")["use"]) == [Use.USED, Use.NO_PROCESS]


def test_parts_of_a_gpu_are_added():
    rows = [(PROCESSES, "GPU-0/mig-1", 1, 0.0), (PROCESSES, "GPU-0/mig-2", 1, 2.0)]
    assert list(process_readings(series(*rows), MINUTE)["process_count"]) == [2.0]


def three_kinds():
    """Four GPUs: no process, a process without work, work that ended after 30 minutes, work."""
    idle = [0.0] * 60
    rows = [busy(0, *idle), counted(0, *idle), busy(1, *idle), counted(1, *[1.0] * 60)]
    rows += [busy(2, *[0.9] * 30, *[0.0] * 30), counted(2, *[1.0] * 60), busy(3, *[0.9] * 60), counted(3, *[1.0] * 60)]
    return rows


@pytest.mark.parametrize("by", ["job", "user", "account", "partition"])
def test_idle_hours_are_parted_for_each_grouping(by):
    jobs, use = use_of(*three_kinds(), places=((0, 1, 2, 3),))
    row = waste_by(use, jobs, by, {}).iloc[0]
    assert row["held_hours"] == 4
    assert row["idle_hours"] == pytest.approx(2.5)
    assert row["never_used_hours"] == pytest.approx(2)
    assert row["no_process_hours"] == pytest.approx(1)
    assert row["went_idle_hours"] == pytest.approx(0.5)
    assert "uncounted_hours" not in row


def told(*rows, places, **job):
    jobs, use = use_of(*rows, places=places, table=[{"job_id": "1", "started_at": NOON - HOUR, **job}])
    row = jobs.iloc[0].to_dict()
    answer = job_efficiency(row, use, STEPS.empty(), {}, NOON)
    return answer, [tip.text.replace("\u00a0", " ") for tip in advice(row, answer)]


def test_the_advice_says_on_how_many_gpus_no_process_ever_ran():
    answer, texts = told(*three_kinds(), places=((0, 1, 2, 3),))
    assert (answer.never_used, answer.no_process) == (2, 1)
    assert (answer.never_used_hours, answer.no_process_hours) == (2, 1)
    assert "2 of its 4 GPUs were never used (2.0 GPU-h); no process ever ran on 1 of them." in texts


def test_a_job_that_opened_none_of_its_gpus_is_told_so():
    idle = [0.0] * 60
    _, texts = told(busy(0, *idle), counted(0, *idle), places=((0,),))
    assert texts[0] == (
        "No process ever ran on its GPU; its program needs no GPU or found none: run it on nodes without GPUs."
    )
    _, texts = told(busy(0, *idle), counted(0, *[1.0] * 60), places=((0,),))
    assert texts[0].startswith("Its GPU was never used, though a process was there")


def test_without_a_count_the_advice_says_nothing_of_processes():
    answer, texts = told(busy(0, *[0.0] * 60), places=((0,),))
    assert answer.no_process_hours is None
    assert texts[0] == "Its GPU was never used: run it on nodes without GPUs."


READING = st.none() | st.sampled_from([0.0, 0.5, 1.0, 3.0])


@settings(deadline=None, max_examples=25)
@given(loads=st.lists(READING, min_size=60, max_size=60), counts=st.lists(READING, min_size=60, max_size=60))
def test_no_process_is_said_only_where_every_counted_minute_had_none(loads, counts):
    use = use_of(busy(0, *(None if n is None else min(n, 1.0) for n in loads)), counted(0, *counts))[1].iloc[0]
    if use["use"] == Use.NO_PROCESS:
        seen = [n for n in counts if n is not None]
        assert len(seen) >= 42
        assert not any(seen)
        assert not any(loads)
    assert use["most_processes"] >= 0 or not use["processes_known"]
