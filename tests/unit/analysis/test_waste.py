from __future__ import annotations

import math
from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.unit.analysis.frames import gpus, series
from watchdog.analysis.lines import as_band, with_gaps
from watchdog.analysis.waste import waste
from watchdog.model.telemetry import Window

HOUR = timedelta(hours=1)
WINDOW = Window(NOON - 2 * HOUR, NOON)


def test_idle_busy_and_unmeasured_hours_are_three_things():
    rows = series(("gpu_util_ratio", "a", 120, 0.0), ("gpu_util_ratio", "a", 60, 0.5), ("gpu_util_ratio", "b", 60, 1.0))
    hours = waste(rows, gpus("a", "b", "c"), WINDOW, HOUR)

    assert (hours.expected_hours, hours.measured_hours, hours.idle_hours, hours.unknown_hours) == (6.0, 3.0, 1.0, 3.0)
    assert hours.idle_ratio == pytest.approx(1 / 3)
    assert hours.mean_busy_ratio == pytest.approx(0.5)
    assert hours.missing_ratio == pytest.approx(0.5)


def test_over_no_data_nothing_is_known_and_nothing_is_idle():
    hours = waste(series(), gpus("a"), WINDOW, HOUR)

    assert hours.idle_hours == 0
    assert math.isnan(hours.idle_ratio)
    assert hours.missing_ratio == 1.0


def test_a_bucket_that_reaches_out_of_the_window_counts_by_its_part_inside():
    window = Window(NOON - 1.5 * HOUR, NOON)

    assert waste(series(("gpu_util_ratio", "a", 120, 0.0)), gpus("a"), window, HOUR).idle_hours == pytest.approx(0.5)


def test_a_gpu_is_expected_from_when_it_was_first_seen():
    assert waste(series(), gpus("a", first=NOON - HOUR), WINDOW, HOUR).expected_hours == pytest.approx(1.0)


def lines(*rows):
    frame = series(*(("gpu_util_ratio", line, minutes, value) for line, minutes, value in rows))
    return frame.rename(columns={"gpu_uuid": "line"})[["line", "bucket_at", "value"]].astype({"line": "string"})


def test_a_missing_bucket_breaks_the_line_with_a_null():
    gapped = with_gaps(lines(("a", 5, 1.0), ("a", 4, 1.0), ("a", 1, 1.0)), timedelta(minutes=1))

    assert gapped["value"].isna().tolist() == [False, False, True, False]
    assert gapped["bucket_at"].is_monotonic_increasing


def test_a_whole_line_stays_whole_and_lines_do_not_mix():
    frame = lines(("a", 2, 1.0), ("a", 1, 1.0), ("b", 9, 1.0), ("b", 8, 2.0))

    assert with_gaps(frame, timedelta(minutes=1))["value"].notna().all()


def test_many_lines_become_their_mean_between_the_outermost():
    band = as_band(lines(("a", 1, 0.0), ("b", 1, 1.0), ("c", 1, 0.5)), "average")

    assert band[["value", "low", "high"]].to_numpy().tolist() == [[0.5, 0.0, 1.0]]
