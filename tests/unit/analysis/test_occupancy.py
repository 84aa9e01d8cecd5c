from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NOON
from tests.slurm_fakes import gpus_frame, jobs_frame, nodes_frame
from watchdog.analysis.cpu_lanes import CPU
from watchdog.analysis.occupancy import SOME, occupancy
from watchdog.model.telemetry import Window

WINDOW = Window(NOON - timedelta(hours=1), NOON)
NODES = nodes_frame({"node": "a", "gpus": 2}, {"node": "b", "gpus": 1}, {"node": "cpu", "gpus": None})


def minutes_ago(count: float):
    return NOON - timedelta(minutes=count)


def seen(holds, *rows, nodes=NODES, **more):
    jobs = jobs_frame(*rows)
    return occupancy(jobs, gpus_frame(jobs, holds), nodes, WINDOW, **more)


def test_every_gpu_of_a_node_has_a_row_also_when_nobody_held_it_and_a_node_without_gpus_has_one():
    found = seen({"1": (("a", 1),)}, {"job_id": "1", "started_at": minutes_ago(10)})

    assert found.rows == (("a", "0"), ("a", "1"), ("b", "0"), ("cpu", CPU))
    assert found.bars[["node", "place"]].to_numpy().tolist() == [["a", "1"]]
    assert found.bars["ended_at"].isna().all()


@pytest.mark.parametrize(
    ("start", "end", "drawn"),
    [(70, 61, False), (70, 59, True), (30, 10, True), (-1, None, False), (None, None, False), (90, None, True)],
)
def test_jobs_that_touch_the_window_are_drawn_and_others_not(start, end, drawn):
    row = {
        "job_id": "1",
        "started_at": None if start is None else minutes_ago(start),
        "ended_at": None if end is None else minutes_ago(end),
    }
    assert bool(len(seen({"1": (("a", 0),)}, row).bars)) is drawn


def test_a_gpu_that_slurm_does_not_name_gets_a_row_of_its_own():
    found = seen({"1": (("b", None),)}, {"job_id": "1", "started_at": minutes_ago(10)})

    assert ("b", SOME) in found.rows
    assert found.bars["place"].tolist() == [SOME]


def test_a_job_that_vanished_is_drawn_until_it_was_last_seen():
    jobs = jobs_frame({"job_id": "1", "state": "UNKNOWN", "started_at": minutes_ago(50)})
    jobs = jobs.assign(last_seen_at=pd.Timestamp(minutes_ago(20)))
    found = occupancy(jobs, gpus_frame(jobs, {"1": (("a", 0),)}), NODES, WINDOW)

    assert found.bars["ended_at"].tolist() == [pd.Timestamp(minutes_ago(20))]


def test_the_five_who_held_most_have_their_name_and_the_rest_none():
    rows = [{"job_id": str(n), "user": f"user{n}", "started_at": minutes_ago(50 - n)} for n in range(7)]
    found = seen({str(n): (("a", n),) for n in range(7)}, *rows)

    assert found.bars.loc[found.bars["owner"] == "", "user"].tolist() == ["user5", "user6"]


def test_too_many_bars_lose_the_shortest_and_say_how_many():
    rows = [{"job_id": str(n), "started_at": minutes_ago(n + 1)} for n in range(9)]
    found = seen({str(n): (("a", 0),) for n in range(9)}, *rows, most=4)

    assert sorted(found.bars["job_id"]) == ["5", "6", "7", "8"]
    assert found.cut == 5


def test_nothing_to_show_is_an_empty_answer_with_rows():
    found = seen({})
    assert not len(found.bars)
    assert len(found.rows) == 4


def without_gpus(job_id, start, end=None, **more):
    ended = None if end is None else minutes_ago(end)
    return {"job_id": job_id, "gpus": 0, "nodes": "cpu", "started_at": minutes_ago(start), "ended_at": ended} | more


def test_jobs_without_gpus_are_in_lanes_of_their_nodes_and_share_one_where_they_do_not_overlap():
    rows = [without_gpus("1", 50, 30), without_gpus("2", 40, 20), without_gpus("3", 30, 10, nodes="a,cpu")]
    found = seen({}, *rows)
    placed = {(job, node): place for job, node, place in found.bars[["job_id", "node", "place"]].to_numpy()}

    assert placed == {("1", "cpu"): CPU, ("2", "cpu"): "CPU 2", ("3", "cpu"): CPU, ("3", "a"): CPU}
    assert found.rows == (("a", "0"), ("a", "1"), ("a", CPU), ("b", "0"), ("cpu", CPU), ("cpu", "CPU 2"))


def test_more_jobs_at_once_than_lanes_lose_the_shortest_and_say_how_many():
    found = seen({}, *(without_gpus(str(n), 10 + n) for n in range(9)))

    assert sorted(found.bars["job_id"]) == ["6", "7", "8"]
    assert found.cut == 6


def test_a_job_of_which_nobody_says_how_many_gpus_it_has_is_not_called_one_without():
    assert not len(seen({}, without_gpus("1", 10, gpus=None)).bars)


@pytest.mark.parametrize("text", ["", "cpu[", "cpu[9-1]", "x" * 10_000, "[1-99999999]"])
def test_a_list_of_nodes_that_cannot_be_read_names_nobody(text):
    found = seen({}, without_gpus("1", 10, nodes=text), without_gpus("2", 10))

    assert found.bars["job_id"].tolist() == ["2"]


SPANS = st.lists(st.tuples(st.integers(0, 90), st.integers(1, 60)), max_size=30)


@settings(deadline=None, max_examples=50)
@given(SPANS)
def test_no_two_bars_of_a_lane_overlap_and_none_is_lost_unsaid(spans):
    rows = [without_gpus(str(n), start + length, start) for n, (start, length) in enumerate(spans)]
    found = seen({}, *rows)
    bars = found.bars.sort_values("started_at")
    inside = [row for row in rows if row["ended_at"] > WINDOW.since]

    assert len(bars) + found.cut == len(inside)
    for _, lane in bars.groupby("place"):
        assert (lane["started_at"].iloc[1:].to_numpy() >= lane["ended_at"].iloc[:-1].to_numpy()).all()
