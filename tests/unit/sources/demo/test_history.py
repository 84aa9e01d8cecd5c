"""The past in frames is what the pages said."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from tests.unit.sources.demo.support import START, STEP, ZERO, by_gpu, cluster
from watchdog.base.errors import SourceUnavailableError
from watchdog.model.frames import SAMPLES
from watchdog.model.metrics import BY_EXPORTED_NAME
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.scenarios import every_fault

SMALL = {"nodes": 2, "gpus": 2}


def past(demo, since, until, step=STEP):
    return list(demo.history(since, until, step))


def test_chunks_are_half_hours_in_the_contract_and_cover_the_window():
    demo = cluster(**SMALL)
    frames = past(demo, ZERO - timedelta(hours=2), ZERO)
    assert len(frames) == 4
    for frame in frames:
        SAMPLES.check(frame)
    at = pd.concat([frame["sampled_at"] for frame in frames])
    assert at.min() == ZERO - timedelta(hours=2)
    assert at.max() == ZERO - STEP
    assert at.nunique() == 480


def test_the_past_ends_where_live_begins():
    demo = DemoCluster(DemoConfig(), START)
    frames = past(demo, ZERO - timedelta(minutes=10), ZERO + STEP)
    fresh = DemoCluster(DemoConfig(), START)
    assert demo.page("gpu01", ZERO) == fresh.page("gpu01", ZERO)
    assert_same(frames[-1], fresh, ZERO)


@pytest.mark.parametrize("hours", [1, 2, 3, 4, 5])
def test_frames_equal_pages_at_any_instant_through_every_fault(hours):
    at = ZERO - timedelta(hours=hours, minutes=2)
    frames = past(cluster(every_fault()), at, at + STEP)
    assert_same(frames[0], cluster(every_fault()), at)


def assert_same(frame, demo, at):
    frame = frame[frame["sampled_at"] == at]
    found = {(row.node, row.gpu_index, row.metric, row.part): row.value for row in frame.astype(object).itertuples()}
    assert found == said(demo, at)


def said(demo, at):
    """What the pages say, in base units."""
    return {
        (node, gpu, metric.key, f"xid={xid}" if xid else ""): quantity(value, exported)
        for node in demo.node_names
        for gpu, values in answered(demo, node, at).items()
        for name, _, xid, value in ((*name.partition("/"), value) for name, value in values.items())
        for metric, exported in exported_as(name)
    }


def answered(demo, node, at):
    try:
        return by_gpu(demo.page(node, at))
    except SourceUnavailableError:
        return {}


def exported_as(name):
    """The parser adds `_total` to counters that lack it."""
    return BY_EXPORTED_NAME.get(name) or BY_EXPORTED_NAME.get(name.removesuffix("_total"), ())


def quantity(value, exported):
    return float((int(value) & exported.bit) > 0) if exported.bit else value * exported.factor


def test_a_coarser_step_shows_the_same_instants():
    fine = past(cluster(**SMALL), ZERO - timedelta(minutes=30), ZERO)[0]
    coarse = past(cluster(**SMALL), ZERO - timedelta(minutes=30), ZERO, timedelta(minutes=2))[0]
    thinned = fine[fine["sampled_at"].isin(coarse["sampled_at"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(thinned, coarse)
    odd = past(cluster(**SMALL), ZERO - timedelta(minutes=30), ZERO, timedelta(seconds=20))
    assert set(np.diff(odd[0]["sampled_at"].unique()) // np.timedelta64(1, "s")) == {30}, "rounded up to the grid"


def test_asking_for_the_past_again_or_while_living_on_changes_nothing():
    demo = cluster(**SMALL)
    demo.advance(ZERO + timedelta(hours=1))
    page, engine = demo.page("gpu01", ZERO + timedelta(hours=1)), demo._engine
    first, second = (past(demo, ZERO - timedelta(minutes=30), ZERO)[0] for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert demo._engine is engine, "or the hour would have to be lived again"
    assert demo.page("gpu01", ZERO + timedelta(hours=1)) == page


def test_instants_are_multiples_of_the_step_wherever_the_window_begins():
    (frame,) = past(cluster(**SMALL), ZERO - timedelta(minutes=20, seconds=-8), ZERO, timedelta(minutes=1))
    assert frame["sampled_at"].min() == ZERO - timedelta(minutes=19)
    assert set(frame["sampled_at"].dt.second) == {0}


def test_there_is_nothing_before_the_beginning_and_nothing_in_an_empty_window():
    demo = cluster(**SMALL)
    assert past(demo, demo.begins_at - timedelta(hours=3), demo.begins_at) == []
    assert past(demo, ZERO, ZERO) == []
    (first, *_) = past(demo, demo.begins_at - timedelta(hours=3), demo.begins_at + timedelta(minutes=10))
    assert first["sampled_at"].min() == demo.begins_at


def test_an_exporter_that_was_dead_leaves_a_gap():
    demo = DemoCluster(DemoConfig(), START)
    demo.advance(START)
    (dead,) = [fault for fault in demo.faults() if fault.kind == "exporter_dead"]
    frames = past(demo, dead.since, dead.until)
    nodes = set().union(*(set(frame["node"].astype(str)) for frame in frames))
    assert nodes == set(demo.node_names) - {dead.node}
