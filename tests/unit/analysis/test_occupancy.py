from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.slurm_fakes import gpus_frame, jobs_frame, nodes_frame
from watchdog.analysis.occupancy import SOME, occupancy
from watchdog.model.telemetry import Window

WINDOW = Window(NOON - timedelta(hours=1), NOON)
NODES = nodes_frame({"node": "a", "gpus": 2}, {"node": "b", "gpus": 1}, {"node": "cpu", "gpus": None})


def minutes_ago(count: float):
    return NOON - timedelta(minutes=count)


def seen(holds, *rows, nodes=NODES, **more):
    jobs = jobs_frame(*rows)
    return occupancy(jobs, gpus_frame(jobs, holds), nodes, WINDOW, **more)


def test_every_gpu_of_a_node_has_a_row_also_when_nobody_held_it():
    found = seen({"1": (("a", 1),)}, {"job_id": "1", "started_at": minutes_ago(10)})

    assert found.rows == (("a", "0"), ("a", "1"), ("b", "0"))
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
    assert len(found.rows) == 3
