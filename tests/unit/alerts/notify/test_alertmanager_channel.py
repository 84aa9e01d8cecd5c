"""Alertmanager is told of what is open again and again, and told when it is over."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from tests.unit.alerts.notify.test_words import EVIL
from tests.unit.alerts.stage import CRITICAL, INFO, finding, gpu, rule
from tests.unit.sources.peers import Says, peer
from watchdog.alerts.notify.alertmanager import AlertmanagerChannel
from watchdog.alerts.notify.notifier import Terms
from watchdog.base.errors import SourceAuthError, SourceFormatError
from watchdog.model.findings import Severity
from watchdog.sources.alertmanager import AlertmanagerApi, matcher

HOT = finding(gpu(), job_id="812", user="ann")


class Manager:
    """An Alertmanager that keeps what it is posted."""

    def __init__(self) -> None:
        self.status, self.alerts, self.posts = 200, {}, []

    def __call__(self, asked) -> Says:
        if self.status != 200:
            return Says("no", status=self.status)
        if not asked.body:
            wanted = asked.form.get("filter", "")
            return Says(json.dumps([each for each in self.alerts.values() if _fits(each, wanted)]))
        self.posts.append(json.loads(asked.body))
        for alert in self.posts[-1]:
            self.alerts[json.dumps(alert["labels"], sort_keys=True)] = alert
        return Says()

    def open(self, now: datetime) -> list[dict]:
        return [each for each in self.alerts.values() if datetime.fromisoformat(each["endsAt"]) > now]


def _fits(alert, wanted) -> bool:
    name, _, value = wanted.partition("=")
    return not wanted or alert["labels"].get(name) == value.strip('"')


@pytest.fixture
def manager():
    told = Manager()
    with peer(told) as server:
        told.url = server.url
        told.asked = server.asked
        yield told


@pytest.fixture
def watched(post_of, manager):
    """A `Post` whose only channel is that Alertmanager."""

    def make(*rules):
        post = post_of(rules=rules, terms=Terms(per_minute=1))
        api = AlertmanagerApi(manager.url, post.clock, token="s3cret")
        post.channels = (AlertmanagerChannel(api, post.clock, post.stage.engine.board, Severity.WARNING),)
        post.stage.channels = ("alertmanager",)
        post.start()
        return post

    return make


def test_an_alert_is_posted_with_labels_annotations_and_an_end_four_minutes_away(watched, manager):
    post = watched()
    post.stage.see(HOT)
    post.turn()
    [alert] = manager.open(post.clock.now())
    incident = post.stage.incidents[0].incident_id
    assert alert["labels"] == {
        "alertname": "hot",
        "severity": "warning",
        "node": "gpu01",
        "gpu": "GPU-gpu01-0",
        "job": "812",
        "incident": incident,
        "generator": "gpu-watchdog",
    }
    assert alert["annotations"]["description"] == "GPU 0 on gpu01, job 812 of ann: hot on gpu01"
    assert datetime.fromisoformat(alert["endsAt"]) == post.clock.now() + timedelta(minutes=4)
    assert alert["generatorURL"] == f"http://watchdog/alerts?incident={incident}"
    assert manager.asked[0].headers["Authorization"] == "Bearer s3cret"


def test_it_is_kept_open_while_it_is_open_here_and_ended_with_it(watched, manager):
    post = watched()
    [channel] = post.channels
    post.stage.see(HOT)
    post.turn()
    for _ in range(10):
        post.stage.wait(HOT, minutes=3)
        channel.refresh()
        assert len(manager.open(post.clock.now())) == 1
    post.stage.see(times=30)
    post.turn()
    assert manager.open(post.clock.now()) == []


def test_an_alert_that_cannot_be_seen_stays_open_there(watched, manager):
    from watchdog.model.findings import Blind

    post = watched()
    [channel] = post.channels
    post.stage.see(HOT)
    post.turn()
    post.stage.wait(minutes=20, blind=Blind(everybody=True, why="no exporter"))
    channel.refresh()
    [alert] = manager.open(post.clock.now())
    assert alert["annotations"]["unknown"] == "true"


def test_a_member_that_is_over_ends_while_its_incident_goes_on(watched, manager):
    post = watched(rule("hot"), rule("xid"))
    [channel] = post.channels
    both = (finding(gpu(0)), finding(gpu(0), "xid"), finding(gpu(1), "xid"))
    post.stage.see(*both)
    post.turn()
    channel.refresh()
    before = len(manager.open(post.clock.now()))
    post.stage.see(*both[:2], times=30)
    channel.refresh()
    assert (before, len(manager.open(post.clock.now()))) == (3, 2)


def test_what_got_worse_is_one_alert_not_two(watched, manager):
    post = watched()
    [channel] = post.channels
    post.stage.see(HOT)
    post.turn()
    post.stage.see(finding(gpu(), severity=CRITICAL, job_id="812"))
    post.turn()
    channel.refresh()
    assert [each["labels"]["severity"] for each in manager.open(post.clock.now())] == ["critical"]


def test_after_a_restart_the_end_is_told_too(watched, manager):
    post = watched()
    post.stage.see(HOT)
    post.turn()
    api, engine = AlertmanagerApi(manager.url, post.clock), post.stage.start()
    post.channels = (AlertmanagerChannel(api, post.clock, engine.board),)
    post.start()
    post.stage.see(times=30)
    post.turn()
    assert manager.open(post.clock.now()) == []


def test_what_nobody_is_told_of_is_not_kept_open_there(watched, manager):
    post = watched()
    post.stage.see(finding(gpu(), severity=INFO))
    post.turn()
    post.channels[0].refresh()
    assert manager.alerts == {}


def test_a_refusal_is_tried_again(watched, manager):
    post = watched()
    manager.status = 500
    post.stage.see(HOT)
    post.turn()
    assert "500" in post.notifier.channels()[0].error
    manager.status = 200
    post.turn(seconds=10)
    assert len(manager.open(post.clock.now())) == 1


def test_a_test_alert_ends_by_itself(watched, manager):
    post = watched()
    assert post.notifier.test("alertmanager").startswith("delivered")
    assert [each["labels"]["alertname"] for each in manager.open(post.clock.now())] == ["watchdog-test"]
    assert manager.open(post.clock.now() + timedelta(minutes=4)) == []


def test_hostile_text_is_harmless_for_whom_alertmanager_tells(watched, manager):
    post = watched()
    post.stage.see(finding(gpu(node=EVIL), explanation=EVIL))
    post.turn()
    [alert] = manager.open(post.clock.now())
    assert not any(sign in text for text in alert["annotations"].values() for sign in ("@everyone", "<", "://", "\n"))
    assert not any("\n" in text or "\x00" in text for text in alert["labels"].values())


def test_many_alerts_are_posted_in_parts(watched, manager):
    post = watched()
    post.stage.see(*(finding(gpu(number, f"n{number // 8}")) for number in range(600)))
    post.turn()
    post.channels[0].refresh()
    assert len(manager.open(post.clock.now())) == 600
    assert max(map(len, manager.posts)) <= 256


def test_answers_that_are_none_are_source_errors(post_of):
    clock = post_of().clock
    with peer(Says("<html>")) as server, pytest.raises(SourceFormatError, match="did not send a list"):
        AlertmanagerApi(server.url, clock).alerts()
    with peer(Says("no", status=401)) as server, pytest.raises(SourceAuthError) as caught:
        AlertmanagerApi(server.url, clock, token="s3cret").alerts()
    assert "s3cret" not in str(caught.value) + caught.value.hint


def test_a_matcher_quotes_what_it_looks_for():
    assert matcher("node", 'a"b\\c') == r'node="a\"b\\c"'
