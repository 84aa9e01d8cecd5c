"""Who held GPUs in a window without using them?"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.fakes import FakeCluster
from tests.slurm_fakes import gpus_frame, jobs_frame
from watchdog.model.telemetry import Answer, Window
from watchdog.services.job_waste import held_waste, total

HOUR = Window(NOON - timedelta(hours=1), NOON)


# Utilization of GPU n by the fraction of the hour; None is no reading.
SHAPES = (lambda _: 0.0, lambda part: 0.8 if part < 0.5 else 0.0, lambda _: 0.9, lambda _: None)


class Shaped(FakeCluster):
    """Its GPUs work as SHAPES say."""

    def range(self, metrics, window, step, **more) -> Answer:
        answer = super().range(metrics, window, step, **more)
        part = (answer.frame["bucket_at"] - pd.Timestamp(HOUR.since)) / pd.Timedelta(hours=1)
        values = [SHAPES[index](at) for index, at in zip(answer.frame["gpu_index"], part, strict=True)]
        frame = answer.frame.assign(value=pd.Series(values, index=answer.frame.index, dtype="float64"))
        return Answer(frame[frame["value"].notna()].reset_index(drop=True))


def wasted(*jobs, holds, rates=None, window=HOUR):
    cluster = Shaped(nodes=1, gpus_a_node=4)
    table = jobs_frame(*({"started_at": NOON - timedelta(hours=3)} | job for job in jobs))
    held = table, gpus_frame(table, {job: tuple(("node001", n) for n in places) for job, places in holds.items()})
    return held_waste(cluster, held, cluster.gpus(NOON), window, rates or {}, NOON)


FOUR = (
    {"job_id": "1", "user": "ada", "account": "lab"}, {"job_id": "2", "user": "bob", "account": "lab"},
    {"job_id": "3", "user": "cyd", "account": "lab"}, {"job_id": "4", "user": "dan", "account": "unread"},
)  # fmt: skip
EACH_ONE = {"1": (0,), "2": (1,), "3": (2,), "4": (3,)}


def test_hours_of_a_gpu_are_never_used_idle_besides_work_or_unknown():
    table = wasted(*FOUR, holds=EACH_ONE).tables["user"].set_index("user")

    assert table.loc["ada", ["idle_hours", "never_used_hours", "after_hours", "unknown_hours"]].tolist() == [1, 1, 0, 0]
    assert table.loc["bob", ["never_used_hours", "after_hours"]].tolist() == [0, pytest.approx(0.5)]
    assert table.loc["cyd", "idle_hours"] == 0
    assert pd.isna(table.loc["dan", "idle_hours"])
    assert table.loc["dan", "unknown_hours"] == 1


def test_worst_come_first_and_unknown_ones_last():
    assert wasted(*FOUR, holds=EACH_ONE).tables["user"]["user"].tolist() == ["ada", "bob", "cyd", "dan"]
    assert wasted(*FOUR, holds=EACH_ONE).tables["account"]["account"].tolist() == ["lab", "unread"]


def test_the_sum_counts_no_unknown_hour_as_idle():
    sums = total(wasted(*FOUR, holds=EACH_ONE, rates={"": 2.0}).tables["user"])

    assert (sums.held_hours, sums.never_used_hours, sums.unknown_hours) == (4, 1, 1)
    assert sums.idle_hours == pytest.approx(1.5)
    assert sums.idle_usd == pytest.approx(3.0)


def test_without_a_price_nothing_is_said_of_money():
    assert total(wasted(*FOUR, holds=EACH_ONE).tables["user"]).idle_usd is None


def test_only_what_lies_in_the_window_counts():
    half = Window(NOON - timedelta(minutes=30), NOON)
    table = wasted(*FOUR, holds=EACH_ONE, window=half).tables["user"].set_index("user")

    assert table["held_hours"].tolist() == [0.5] * 4
    assert table.loc["bob", "never_used_hours"] == pytest.approx(0.5)


def test_nobody_held_a_gpu_is_an_empty_table_and_asks_nobody():
    cluster = FakeCluster(nodes=1)
    table = jobs_frame({"job_id": "1", "gpus": 0, "started_at": NOON - timedelta(hours=3)})
    answer = held_waste(cluster, (table, gpus_frame(table, {})), cluster.gpus(NOON), HOUR, {}, NOON)

    assert not len(answer.tables["user"])
    assert cluster.asked == []
