"""Samples into buckets, GPUs into nodes."""

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOON
from watchdog.model.buckets import bucketed, combined
from watchdog.model.frames import SAMPLES, SERIES
from watchdog.model.telemetry import By, Statistic, Window

MINUTE = timedelta(minutes=1)
HOUR = Window(NOON, NOON + timedelta(hours=1))


def samples(*rows, metric="power_watts"):
    """SAMPLES of rows (seconds after noon, node, uuid, value[, part])."""
    frame = pd.DataFrame(
        [
            {
                "metric": metric,
                "sampled_at": NOON + timedelta(seconds=second),
                "node": node,
                "gpu_uuid": uuid,
                "gpu_index": 0,
                "part": part[0] if part else "",
                "gpu_model": "",
                "value": float(value),
            }
            for second, node, uuid, value, *part in rows
        ]
    )
    frame["sampled_at"] = pd.to_datetime(frame["sampled_at"], utc=True)
    return SAMPLES.conform(frame)


def values(series):
    SERIES.check(series)
    return [((at - NOON).total_seconds(), v) for at, v in zip(series["bucket_at"], series["value"], strict=True)]


@pytest.mark.parametrize(
    ("statistic", "want"),
    [("avg", 2.0), ("min", 1.0), ("max", 3.0), ("last", 2.0)],
)
def test_a_bucket_is_the_statistic_of_its_samples(statistic, want):
    frame = samples((0, "n1", "GPU-a", 1), (59.999, "n1", "GPU-a", 2), (30, "n1", "GPU-a", 3), (60, "n1", "GPU-a", 9))
    assert values(bucketed(frame, HOUR, MINUTE, Statistic(statistic))) == [(0, want), (60, 9)]


def test_samples_outside_the_window_do_not_count():
    frame = samples((-1, "n1", "GPU-a", 1), (0, "n1", "GPU-a", 2), (3600, "n1", "GPU-a", 3))
    assert values(bucketed(frame, HOUR, MINUTE, Statistic.AVG)) == [(0, 2)]


def test_increase_counts_from_the_sample_before_the_window():
    frame = samples((-15, "n1", "GPU-a", 100), (5, "n1", "GPU-a", 107), (65, "n1", "GPU-a", 3), metric="energy_joules")
    assert values(bucketed(frame, HOUR, MINUTE, Statistic.INCREASE)) == [(0, 7), (60, 3)]


def test_increase_of_a_lone_sample_is_unknown_and_has_no_row():
    assert bucketed(samples((5, "n1", "GPU-a", 7)), HOUR, MINUTE, Statistic.INCREASE).empty


def test_nothing_gives_nothing():
    assert bucketed(SAMPLES.empty(), HOUR, MINUTE, Statistic.AVG).empty


def test_gpus_combine_to_their_node_as_the_metric_says():
    rows = [(0, "n1", "GPU-a", 10), (0, "n1", "GPU-b", 30), (0, "n2", "GPU-c", 5)]
    for metric, want in (("power_watts", [40, 5]), ("sm_clock_hertz", [20, 5]), ("gpu_temperature_celsius", [30, 5])):
        nodes = combined(bucketed(samples(*rows, metric=metric), HOUR, MINUTE, Statistic.AVG), By.NODE)
        SERIES.check(nodes)
        assert list(nodes["value"]) == want
        assert set(nodes["gpu_uuid"]) == {""}


def test_the_cluster_is_one_line_without_a_node():
    rows = [(0, "n1", "GPU-a", 10), (0, "n2", "GPU-c", 5), (60, "n2", "GPU-c", 6)]
    cluster = combined(bucketed(samples(*rows), HOUR, MINUTE, Statistic.AVG), By.CLUSTER)
    assert values(cluster) == [(0, 15), (60, 6)]
    assert set(cluster["node"]) == {""}


def test_a_gpu_s_own_value_counts_instead_of_its_instances():
    rows = [(0, "n1", "GPU-a", 10), (0, "n1", "GPU-a", 4, "mig=1g/1"), (0, "n1", "GPU-b", 3, "mig=1g/1")]
    series = bucketed(samples(*rows, metric="memory_used_bytes"), HOUR, MINUTE, Statistic.AVG)
    assert values(combined(series, By.NODE)) == [(0, 13)]


@given(st.lists(st.tuples(st.integers(0, 3599), st.sampled_from("ab"), st.integers(0, 9)), min_size=1, max_size=40))
def test_order_of_samples_does_not_matter(rows):
    unique = list({(second, gpu): value for second, gpu, value in rows}.items())
    frame = samples(*[(second, "n1", f"GPU-{gpu}", value) for (second, gpu), value in unique])
    want = frame.groupby([frame["gpu_uuid"].astype(str), frame["sampled_at"].dt.floor("1min")])["value"].mean()
    got = bucketed(frame.sample(frac=1, random_state=1), HOUR, MINUTE, Statistic.AVG)
    assert got.set_index([got["gpu_uuid"].astype(str), "bucket_at"])["value"].sort_index().tolist() == pytest.approx(
        want.sort_index().tolist()
    )
