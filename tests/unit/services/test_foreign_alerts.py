"""Alerts of others, as an Alertmanager has them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOON
from tests.unit.sources.peers import Says, peer
from watchdog.base.clock import FakeClock
from watchdog.base.errors import SourceUnavailableError
from watchdog.model.foreign_alert_frames import FOREIGN_ALERTS
from watchdog.services.foreign_alerts import foreign_alerts
from watchdog.sources.alertmanager import AlertmanagerApi

OTHER = {
    "fingerprint": "f1",
    "labels": {"alertname": "DiskFull", "severity": "page", "instance": "head.cluster:9100", "device": "sda"},
    "annotations": {"summary": "Disk of head is full", "description": "97 %"},
    "startsAt": "2026-03-01T11:00:00.123456789Z",
    "updatedAt": "2026-03-01T11:59:00+01:00",
    "receivers": [{"name": "ops"}],
    "status": {"state": "suppressed", "silencedBy": ["x"], "inhibitedBy": []},
}


def asked(answer) -> AlertmanagerApi:
    with peer(Says(json.dumps(answer))) as server:
        return foreign_alerts(AlertmanagerApi(server.url, FakeClock(NOON)))


def test_an_alert_is_a_row_with_its_node_and_labels():
    [row] = asked([OTHER]).to_dict("records")
    assert (row["alertname"], row["severity"], row["state"], row["node"]) == ("DiskFull", "page", "suppressed", "head")
    assert (row["labels"], row["receivers"]) == ('device="sda", instance="head.cluster:9100"', "ops")
    assert row["started_at"].isoformat() == "2026-03-01T11:00:00.123456+00:00"


def test_our_own_are_not_asked_for():
    with peer(Says("[]")) as server:
        assert foreign_alerts(AlertmanagerApi(server.url, FakeClock(NOON))).empty
    assert server.asked[0].form == {"filter": 'generator!="gpu-watchdog"'}


def test_of_one_without_a_summary_the_description_is_there():
    [row] = asked([OTHER | {"annotations": {"description": "97 %"}}]).to_dict("records")
    assert (row["summary"], row["description"]) == ("", "97 %")


def test_nobody_answering_is_an_error_not_an_empty_list():
    with peer(Says()) as server:
        api = AlertmanagerApi(server.url, FakeClock(NOON))
    with pytest.raises(SourceUnavailableError):
        foreign_alerts(api)


class Told:
    """Stands for the API."""

    def __init__(self, answer) -> None:
        self.answer = answer

    def alerts(self, *_):
        return self.answer


_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(OTHER, _JSON)), max_size=4))
def test_whatever_is_sent_is_a_table_or_left_out(answer):
    FOREIGN_ALERTS.check(foreign_alerts(Told(answer)))
