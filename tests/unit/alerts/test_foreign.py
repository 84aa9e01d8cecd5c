"""Alerts of others: whatever an Alertmanager sends, and never our own back again."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from watchdog.alerts.foreign import Foreign, foreign

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["labels", "annotations", "startsAt", "status", "x"])


def test_an_alert_is_read_with_where_since_and_state():
    alert = {
        "labels": {"alertname": "DiskFull", "severity": "page", "instance": "n1:9100"},
        "annotations": {"description": "97 %"},
        "startsAt": "2026-03-01T11:00:00.000Z",
        "status": {"state": "suppressed"},
    }
    since = datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert foreign([alert]) == (Foreign("DiskFull", "page", "n1:9100", "97 %", since, "suppressed"),)


def test_what_we_posted_ourselves_is_left_out():
    assert foreign([{"labels": {"alertname": "hot", "generator": "gpu-watchdog"}}]) == ()


@given(st.lists(st.dictionaries(KEYS, JSON, max_size=5), max_size=4))
def test_no_answer_breaks_it(alerts):
    for each in foreign(alerts):
        assert len(each.summary) <= 500
