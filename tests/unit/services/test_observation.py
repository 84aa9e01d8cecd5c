"""What health checks look at is right: the minutes of the past, XIDs and resets by edge, and who holds what."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NOON
from tests.fakes import FakeCluster
from tests.unit import slurm_rows
from tests.unit.samples import samples
from watchdog.analysis.health.facts import TRACE_MINUTES, Slurm
from watchdog.analysis.health.holders import held_by
from watchdog.analysis.pivot import one_row_a_gpu
from watchdog.model.arrays import micros
from watchdog.model.buckets import bucketed
from watchdog.model.frames import SAMPLES, concat
from watchdog.model.telemetry import Statistic, Window
from watchdog.services.edges import Edges
from watchdog.services.observation import Around, Observation
from watchdog.services.tracer import Tracer

MINUTE = timedelta(minutes=1)
KINDS = {
    "power_watts": Statistic.AVG,
    "throttle_hw_thermal_flag": Statistic.MAX,
    "pcie_replay_count": Statistic.LAST,
}


def told(frame, at):
    """`frame` as the newest readings at `at`."""
    return frame[frame["sampled_at"] <= pd.Timestamp(at)].drop_duplicates(["metric", "gpu_uuid", "part"], keep="last")


@pytest.mark.parametrize(("metric", "statistic"), KINDS.items())
@settings(deadline=None, max_examples=60)
@given(gaps=st.lists(st.integers(1, 200), min_size=1, max_size=40), values=st.data())
def test_a_minute_of_the_trace_is_the_bucket_that_history_would_give(metric, statistic, gaps, values):
    at = [NOON + timedelta(seconds=int(s)) for s in np.cumsum(gaps)]
    numbers = values.draw(st.lists(st.integers(0, 1000), min_size=len(at), max_size=len(at)))
    frame = samples(len(at), metric=metric).assign(sampled_at=pd.to_datetime(at, utc=True).as_unit("us"), value=numbers)
    frame["value"] = frame["value"].astype(float)
    tracer = Tracer()
    for instant in at:
        tracer.take(one_row_a_gpu(told(frame, instant), tuple(KINDS)))
    trace = tracer.trace(["GPU-a"], micros(at[-1]))
    expected = bucketed(frame, Window(NOON, at[-1] + MINUTE), MINUTE, statistic)
    expected = expected[expected["bucket_at"] > pd.Timestamp(at[-1]) - TRACE_MINUTES * MINUTE]
    shown = trace.last(metric, len(trace.minutes))[0]
    assert shown[~np.isnan(shown)] == pytest.approx(expected["value"].to_numpy(), rel=1e-5)
    assert list(trace.minutes[~np.isnan(shown)]) == [micros(bucket) for bucket in expected["bucket_at"]]


def test_a_past_read_from_history_fills_the_minutes_before_the_first_reading():
    past = bucketed(
        samples(240, value=50.0, start=NOON - 60 * MINUTE), Window(NOON - 60 * MINUTE, NOON), MINUTE, Statistic.AVG
    )
    tracer = Tracer()
    tracer.fill(past)
    tracer.take(one_row_a_gpu(samples(1, value=70.0), tuple(KINDS)))
    watts = tracer.trace(["GPU-a"], micros(NOON)).last("power_watts", TRACE_MINUTES)[0]
    assert watts[-1] == 70.0
    assert (watts[:-1] == 50.0).all()


def test_a_gpu_that_nobody_has_read_has_no_minutes():
    tracer = Tracer()
    tracer.take(one_row_a_gpu(samples(1), tuple(KINDS)))
    trace = tracer.trace(["GPU-new", "GPU-a"], micros(NOON))
    assert np.isnan(trace.last("power_watts", 5)[0]).all()
    assert trace.last("power_watts", 5)[1, -1] == 0.0


def xid(count, at, code=79, metric="xid_errors_count"):
    part = f"xid={code}" if metric == "xid_errors_count" else ""
    value = count if metric == "xid_errors_count" else code
    return samples(1, metric=metric, start=at, value=value).assign(part=pd.Categorical([part]))


def taken(edges, *frames):
    frame = concat(SAMPLES, list(frames))
    edges.take(frame, one_row_a_gpu(frame, ("energy_joules",)))


def test_an_xid_counter_that_appears_on_a_gpu_we_know_is_an_event():
    edges = Edges()
    taken(edges, samples(1, metric="energy_joules", value=5.0))
    taken(edges, samples(1, metric="energy_joules", value=6.0, start=NOON + MINUTE), xid(1, NOON + MINUTE))
    assert list(edges.xids(NOON + MINUTE)["xid"]) == [79]


def test_an_xid_counter_that_was_there_before_us_is_no_event():
    edges = Edges()
    taken(edges, xid(3, NOON))
    taken(edges, xid(3, NOON + MINUTE))
    assert edges.xids(NOON + MINUTE).empty


def test_the_same_xid_twice_is_two_events_and_a_sticky_gauge_none():
    edges = Edges()
    taken(edges, xid(1, NOON), xid(0, NOON, metric="xid_code"))
    for minute, count in ((10, 2), (20, 3)):
        at = NOON + minute * MINUTE
        taken(edges, xid(count, at), xid(0, at, metric="xid_code"))
    assert list(edges.xids(NOON + 20 * MINUTE)["at"]) == [NOON + 10 * MINUTE, NOON + 20 * MINUTE]


def test_an_event_is_forgotten_after_a_day():
    edges = Edges()
    taken(edges, samples(1, metric="energy_joules"))
    taken(edges, xid(1, NOON))
    assert len(edges.xids(NOON + timedelta(hours=23)))
    assert edges.xids(NOON + timedelta(hours=24)).empty


def test_a_counter_of_energy_that_goes_back_is_a_reset():
    edges = Edges()
    taken(edges, samples(1, metric="energy_joules", value=500.0))
    taken(edges, samples(1, metric="energy_joules", value=2.0, start=NOON + MINUTE))
    taken(edges, samples(1, metric="energy_joules", value=9.0, start=NOON + 2 * MINUTE))
    assert list(edges.resets(NOON + 2 * MINUTE)["at"]) == [NOON + MINUTE]


def places(*indexes):
    return pd.DataFrame({"node": "node01", "gpu_index": pd.array(indexes, dtype="Int16")})


def test_a_gpu_is_held_by_its_job_free_or_unknown():
    jobs = slurm_rows.jobs({"job_id": "7", "gpus": 2}, {"job_id": "8", "state": "COMPLETED"})
    gpus = concat_rows(slurm_rows.held("7", ("node01", 1)), slurm_rows.held("8", ("node01", 2)))
    cells = held_by(places(0, 1, 2), jobs, gpus)
    assert list(cells["job_id"]) == ["", "7", ""]


def test_where_slurm_names_no_places_nobody_is_said_to_be_free():
    cells = held_by(places(0, 1), slurm_rows.jobs({"job_id": "7"}), slurm_rows.held("7", ("node01", None)))
    assert cells["job_id"].isna().all()


def test_without_slurm_nothing_is_said_of_holders():
    assert held_by(places(0), None, None)["job_id"].isna().all()


def concat_rows(*frames):
    return pd.concat(frames, ignore_index=True)


def test_a_silent_gpu_is_a_row_without_readings():
    cluster = FakeCluster(nodes=2, gpus_a_node=4, faults={(0, 2): "lost"})
    facts = Observation(cluster, cluster.gpus).facts(NOON, Around())
    assert len(facts.cells) == 8
    assert list(np.flatnonzero(facts.silent)) == [2]
    assert facts.trace.count == 8


def test_a_stale_view_of_slurm_says_nothing_of_holders():
    cluster = FakeCluster(nodes=1)
    old = Slurm(taken_at=NOON - timedelta(minutes=20), jobs=slurm_rows.jobs({"job_id": "7"}))
    facts = Observation(cluster, cluster.gpus).facts(NOON, Around(slurm=old))
    assert facts.cells["job_id"].isna().all()


def test_the_hour_before_is_recalled_from_history():
    cluster = FakeCluster(nodes=1)
    watch = Observation(cluster, cluster.gpus)
    watch.recall(NOON)
    facts = watch.facts(NOON, Around())
    assert (~np.isnan(facts.trace.last("gpu_temperature_celsius", 59))).all()
    assert facts.watching_since == NOON - TRACE_MINUTES * MINUTE
