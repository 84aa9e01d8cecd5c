"""The growth of counters."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from watchdog.model.arrays import duration_micros
from watchdog.model.counters import growth
from watchdog.model.telemetry import LOOKBACK

SECOND = 1_000_000


def _growth(value, at=None, series=None):
    n = len(value)
    at = np.arange(n) * 15 * SECOND if at is None else np.array(at)
    return growth(np.zeros(n, dtype=np.int64) if series is None else np.array(series), at, np.array(value, dtype=float))


def test_a_counter_grows_by_its_differences():
    np.testing.assert_array_equal(_growth([5, 7, 7, 10]), [np.nan, 2, 0, 3])


def test_a_drop_is_a_reset_and_adds_the_new_value():
    np.testing.assert_array_equal(_growth([100, 3, 5]), [np.nan, 3, 2])


def test_the_first_sample_of_another_series_adds_nothing_known():
    np.testing.assert_array_equal(_growth([1, 2, 50, 60], series=[0, 0, 1, 1]), [np.nan, 1, np.nan, 10])


def test_a_sample_after_a_gap_longer_than_the_lookback_adds_nothing_known():
    lookback = duration_micros(LOOKBACK)
    np.testing.assert_array_equal(_growth([1, 2, 9], at=[0, lookback, 2 * lookback + 1]), [np.nan, 1, np.nan])


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=30))
def test_growth_is_never_negative_and_sums_to_the_rise_without_resets(values):
    rising = np.maximum.accumulate(values)
    assert (_growth(values)[1:] >= 0).all()
    assert np.nansum(_growth(rising)) == rising[-1] - rising[0]
