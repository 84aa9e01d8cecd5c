"""The sign of life goes out while the watch is sound, and only then."""

from __future__ import annotations

import pytest

from tests.conftest import NOON
from tests.unit.sources.peers import Says, peer
from watchdog.alerts.notify.heartbeat import Heartbeat
from watchdog.base.clock import FakeClock


class Watch:
    problem = ""


@pytest.fixture
def watch():
    return Watch()


def heartbeat(receiver, watch) -> Heartbeat:
    return Heartbeat(f"{receiver.url}/ping/s3cret", FakeClock(NOON), lambda: watch.problem)


def test_it_is_posted_with_a_line_that_a_push_gateway_reads(watch):
    with peer(Says()) as receiver:
        beat = heartbeat(receiver, watch)
        beat.beat()
    assert [(each.path, each.body) for each in receiver.asked] == [
        ("/ping/s3cret", f"watchdog_heartbeat_timestamp_seconds {NOON.timestamp():.0f}\n")
    ]
    assert (beat.state.sent_at, beat.state.error) == (NOON, "")


def test_it_falls_silent_while_the_watch_is_not_sound(watch, caplog):
    with peer(Says()) as receiver:
        beat = heartbeat(receiver, watch)
        watch.problem = "the collector is not running"
        beat.beat()
        beat.beat()
        assert receiver.asked == []
        assert beat.state.held_back == watch.problem
        watch.problem = ""
        beat.beat()
    assert (len(receiver.asked), beat.state.held_back) == (1, "")
    assert caplog.text.count("no heartbeat") == 1


def test_a_receiver_that_knows_only_get_is_asked_so_from_then_on(watch):
    with peer(lambda asked: Says(status=405 if asked.body else 200)) as receiver:
        beat = heartbeat(receiver, watch)
        beat.beat()
        beat.beat()
    assert [bool(each.body) for each in receiver.asked] == [True, False, False]
    assert beat.state.sent_at == NOON


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_refusal_is_kept_for_people_without_the_address(watch, caplog, status):
    with peer(Says(status=status)) as receiver:
        beat = heartbeat(receiver, watch)
        beat.beat()
    assert str(status) in beat.state.error
    assert beat.state.sent_at is None
    assert "s3cret" not in beat.state.error + caplog.text


def test_nobody_listening_is_no_heartbeat(watch):
    with peer(Says()) as receiver:
        beat = heartbeat(receiver, watch)
    beat.beat()
    assert (beat.state.sent_at, beat.state.error) == (
        None,
        "the receiver of heartbeats does not answer: connection refused",
    )
