"""The parts of the alerts page beside what is open: history, rules, silences, channels."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from tests.conftest import NOON
from tests.fakes import FakeCluster
from tests.pages.alert_stage import staged_runtime
from tests.pages.test_alerts import EVIL, HOT, LOST, button, said
from tests.unit.alerts.stage import Stage, rule
from watchdog.alerts.notify.heartbeat import HeartbeatState
from watchdog.alerts.notify.notifier import ChannelStatus, DeadLetter
from watchdog.base.clock import FakeClock
from watchdog.base.errors import SourceUnavailableError, StoreLockedError
from watchdog.model.alerts import Acknowledgement, Silence
from watchdog.model.findings import Severity
from watchdog.model.rules import Rule
from watchdog.services.foreign_alerts import foreign_alerts
from watchdog.services.history import History

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BUSY = Rule(
    "gpu-busy", "GPU busy", Severity.INFO, metric="gpu_util_ratio", threshold=0.9, clear=0.8, for_seconds=300,
    message="{gpu} at {value}",
)  # fmt: skip


@pytest.fixture
def stage(tmp_path):
    history = History(tmp_path / "watchdog.duckdb", FakeClock(NOON))
    yield Stage(rule("hot"), rule("node_down"), BUSY, history=history)
    history.close()


def field(page, label: str):
    return next(f for f in (*page.text_input, *page.number_input, *page.selectbox, *page.text_area) if f.label == label)


# History


def test_history_lists_what_fired_who_took_it_and_how_long_it_lasted(open_page, stage):
    stage.see(HOT, LOST)
    one = stage.engine.board().incidents[0].incident.incident_id
    stage.clock.sleep(60)
    stage.engine.acknowledge(one, Acknowledgement("Ann", stage.clock.now()), expected=None)
    stage.wait(HOT, minutes=20)
    page = open_page("alerts", runtime=staged_runtime(stage), tab="history")

    table = page.dataframe[0].value.set_index("what")
    assert set(table["state"]) == {"firing", "resolved"}
    assert table.loc["Node down: node002", "by"] == "Ann"
    assert table.loc["Node down: node002", "acked"].startswith("1")
    assert "Time to ack: 1" in said(page)
    assert "Incidents: 2" in said(page)


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({"rule": "hot"}, 1),
        ({"node": "node002"}, 1),
        ({"severity": "critical"}, 1),
        ({"who": "Ann"}, 1),
        ({"rule": "hot", "severity": "critical"}, 0),
    ],
)
def test_the_address_filters_history(open_page, stage, filters, left):
    stage.see(HOT, LOST)
    one = stage.engine.board().incidents[0].incident.incident_id
    stage.engine.note(one, "Ann", "seen")
    stage.clock.sleep(60)
    page = open_page("alerts", runtime=staged_runtime(stage), tab="history", **filters)

    assert f"Incidents: {left}" in said(page)
    assert [len(each.value) for each in page.dataframe] == [left] * bool(left)


def test_what_was_seen_late_says_so(open_page, stage):
    stage.see(HOT, late=True)
    stage.clock.sleep(60)
    page = open_page("alerts", runtime=staged_runtime(stage), tab="history")

    assert list(page.dataframe[0].value["seen"]) == ["late"]


def test_an_empty_history_says_how_far_to_look(open_page, stage):
    page = open_page("alerts", runtime=staged_runtime(stage.see()), tab="history")

    assert "No incident was open" in page.info[0].value


def test_a_locked_store_costs_the_history_and_nothing_else(open_page, stage):
    runtime = staged_runtime(stage.see(HOT))
    error = StoreLockedError("another process has it", hint="Stop the other one.")

    def refuse():
        raise error

    runtime.history = SimpleNamespace(store=refuse, error=error)
    assert "another process has it" in open_page("alerts", runtime=runtime, tab="history").error[0].value
    page = open_page("alerts", runtime=runtime)
    assert not page.error
    assert "1 incident needs you" in said(page)


# Rules


def open_rule(open_page, stage, rule_id="gpu-busy", cluster=None):
    return open_page("alerts", runtime=staged_runtime(stage, cluster), tab="rules", rule=rule_id)


def test_rules_say_how_they_stand_with_their_threshold_and_unit(open_page, stage):
    page = open_page("alerts", runtime=staged_runtime(stage.see(HOT)), tab="rules")

    table = page.dataframe[0].value.set_index("id")
    assert table.loc["hot", "stands"] == "▲ firing 1"
    assert table.loc["node-down", "stands"] == "✓ watching"
    assert table.loc["gpu-busy", "fires"].replace("\u00a0", " ") == "> 90 %, clears at 80 %"


def test_a_rule_on_a_metric_that_nobody_exports_says_so(open_page, stage):
    stage.engine.save_rule(replace(BUSY, metric="fan_ratio"), "Ann")
    stage.see()
    page = open_page("alerts", runtime=staged_runtime(stage), tab="rules")

    row = page.dataframe[0].value.set_index("id").loc["gpu-busy"]
    assert row["stands"] in {"? nobody exports this", "? cannot judge"}
    assert row["why"]


def test_a_threshold_is_typed_in_percent_and_kept_as_a_ratio(open_page, stage):
    page = open_rule(open_page, stage.see())
    assert field(page, "Threshold, %").value == 90
    field(page, "Threshold, %").set_value(95.0)
    field(page, "Your name").input("Ann")
    button(page, "Save").click().run()

    assert not page.error
    saved = next(each for each in stage.engine.rules() if each.rule_id == "gpu-busy")
    assert saved == replace(BUSY, threshold=0.95)
    assert "rule" not in page.query_params


def test_saving_without_a_change_changes_nothing(open_page, stage):
    odd = replace(BUSY, threshold=0.9000000001, for_seconds=100 / 3)
    stage.engine.save_rule(odd, "Ann")
    page = open_rule(open_page, stage.see())
    field(page, "Your name").input("Bo")
    button(page, "Save").click().run()

    assert next(each for each in stage.engine.rules() if each.rule_id == "gpu-busy") == odd


def test_an_impossible_rule_is_refused_at_its_field_and_keeps_what_was_typed(open_page, stage):
    page = open_rule(open_page, stage.see())
    field(page, "Threshold, %").set_value(150.0)
    field(page, "Message").input("{nonsense}")
    field(page, "Your name").input("Ann")
    button(page, "Save").click().run()

    text = said(page)
    assert "It would fire always or never." in text
    assert "lies between 0 % and 100 %" in text
    assert "What can be filled in" in text
    assert field(page, "Threshold, %").value == 150
    assert BUSY in stage.engine.rules()
    field(page, "Threshold, %").set_value(95.0).run()
    assert "It would fire always or never." not in said(page)


def test_a_preview_says_how_often_it_would_have_fired(open_page, stage):
    page = open_rule(open_page, stage.see(), cluster=FakeCluster(nodes=1))
    button(page, "Preview").click().run()

    assert "It would have fired" in said(page)
    assert len(page.dataframe[-1].value)
    field(page, "Threshold, %").set_value(99.5).run()
    assert "The form has changed since this preview." in said(page)
    button(page, "Preview").click().run()
    assert "It would not have fired" in said(page)


def test_a_preview_without_readings_never_says_that_it_would_not_fire(open_page, stage):
    page = open_rule(open_page, stage.see(), cluster=FakeCluster(missing=("gpu_util_ratio",)))
    button(page, "Preview").click().run()
    assert "Nothing can be said" in said(page)
    assert "would not have fired" not in said(page)

    dead = FakeCluster(history_error=SourceUnavailableError("Prometheus does not answer", hint="Start it."))
    page = open_rule(open_page, stage, cluster=dead)
    button(page, "Preview").click().run()
    assert "Prometheus does not answer" in page.error[0].value


def test_a_new_rule_is_written_and_can_be_deleted(open_page, stage):
    page = open_rule(open_page, stage.see(), "+new")
    field(page, "Title").input(EVIL)
    field(page, "Id").input("my-own")
    field(page, "Nodes").input("gpu0*, gpu1*")
    field(page, "Your name").input("Ann")
    button(page, "Save").click().run()
    own = next(each for each in stage.engine.rules() if each.rule_id == "my-own")
    assert own.scope.nodes == ("gpu0*", "gpu1*")

    page = open_rule(open_page, stage, "my-own")
    assert "![x](" not in "".join(each.value for each in page.header)
    field(page, "Your name").input("Ann")
    button(page, "Delete").click().run()
    assert all(each.rule_id != "my-own" for each in stage.engine.rules())


def test_what_somebody_else_saved_meanwhile_is_said_before_it_is_overwritten(open_page, stage):
    page = open_rule(open_page, stage.see())
    field(page, "Title").input("half a title").run()
    stage.engine.save_rule(replace(BUSY, threshold=0.97), "Bo")
    page.run()

    assert "was changed since you opened it" in page.warning[0].value
    assert field(page, "Title").value == "half a title"


def test_a_rule_that_is_not_there_is_said(open_page, stage):
    assert "no such rule" in open_rule(open_page, stage, "nonsense").info[0].value


# Silences


def test_silences_are_listed_with_their_end_and_can_be_ended(open_page, stage):
    stage.see(HOT)
    now = stage.clock.now()
    stage.engine.silence(Silence("one", "Ann", EVIL, now, now + HOUR, nodes=("node001",)))
    stage.engine.silence(Silence("two", "Bo", "power", now + HOUR, now + 2 * HOUR, rules=("*",)))
    page = open_page("alerts", runtime=staged_runtime(stage), tab="silences")

    text = said(page)
    assert "**holds**" in text
    assert "mutes 1 now" in text
    assert "**to come**" in text
    assert "![x](" not in "".join(each.value for each in page.markdown)
    button(page, "End now").click().run()
    [each for each in page.text_input if each.label == "Your name"][-1].input("Cy")
    button(page, "End it").click().run()
    assert [each.silence_id for each in stage.engine.board().silences] == ["two"]
    stage.clock.sleep(60)
    assert "by Ann" in said(open_page("alerts", runtime=staged_runtime(stage), tab="silences"))


def test_a_silence_of_nothing_is_refused_and_what_was_typed_stays(open_page, stage):
    page = open_page("alerts", runtime=staged_runtime(stage.see()), tab="silences")
    assert "Nothing is silenced." in page.info[0].value
    field(page, "Your name").input("Ann")
    field(page, "Note").input("new fans")
    button(page, "Silence").click().run()

    assert "names nothing" in page.error[0].value
    assert field(page, "Note").value == "new fans"
    field(page, "Nodes").input("node0*")
    button(page, "Silence").click().run()
    assert stage.engine.board().silences[0].nodes == ("node0*",)


# Channels


class FakeNotifier:
    def __init__(self) -> None:
        self.tried = []
        self.found = (
            ChannelStatus("mail", "mailto at example.org", 0, 0, NOON),
            ChannelStatus(EVIL, EVIL, None, None, None, error=EVIL, error_at=NOON),
        )
        self.dead = (DeadLetter("m1", "mail", "firing", "i1", EVIL, NOON, NOON, 8, "refused"),)

    def channels(self):
        return self.found

    def test(self, channel):
        self.tried.append(channel)
        return "not delivered: refused" if channel == EVIL else "delivered in 0.2 s"

    def dead_letters(self):
        return self.dead

    def again(self, message_id, channel):
        self.dead = ()


@pytest.fixture
def channels(open_page, stage):
    runtime = staged_runtime(stage.see())
    runtime.notifier = FakeNotifier()
    return runtime, open_page("alerts", runtime=runtime, tab="channels")


def test_channels_say_how_they_do_and_send_a_test(channels):
    runtime, page = channels
    text = said(page)
    assert "**works**" in text
    assert "**failing**" in text
    assert "an unknown number waiting" in text
    assert "![x](" not in "".join(each.value for each in page.markdown)

    button(page, "Send a test").click().run()
    assert runtime.notifier.tried == ["mail"]
    assert "delivered in" in page.success[0].value
    [each for each in page.button if each.label == "Send a test"][1].click().run()
    assert "not delivered" in page.error[0].value


def test_a_dead_letter_can_be_tried_again(channels):
    _, page = channels
    assert "given up after 8 attempts: refused" in said(page)
    button(page, "Try again").click().run()
    assert "No message was given up." in said(page)


def test_without_channels_it_says_how_to_set_one(open_page, stage):
    page = open_page("alerts", runtime=staged_runtime(stage.see()), tab="channels")

    told = "".join(each.value for each in page.info)
    assert "WATCHDOG_NOTIFY_URLS" in told
    assert "WATCHDOG_HEARTBEAT_URL" in told


@pytest.mark.parametrize(
    ("beat", "words"),
    [
        (HeartbeatState(sent_at=NOON), "**Sent**"),
        (HeartbeatState(held_back="the collector is not running"), "the collector is not running"),
        (HeartbeatState(error="refused"), "did not arrive: refused"),
        (HeartbeatState(), "follows within a minute"),
    ],
)
def test_the_sign_of_life_says_how_it_goes(open_page, stage, beat, words):
    runtime = staged_runtime(stage.see())
    runtime.heartbeat = SimpleNamespace(state=beat)
    assert words in said(open_page("alerts", runtime=runtime, tab="channels"))


def test_alerts_of_an_alertmanager_stand_beside_ours(open_page, stage):
    runtime = staged_runtime(stage.see())
    theirs = {"labels": {"alertname": "DiskFull", "instance": "n1"}, "startsAt": "2026-03-01T11:00:00Z"}
    runtime.alertmanager = SimpleNamespace(alerts=lambda *_: [{"fingerprint": "1"} | theirs])
    runtime.foreign_alerts = lambda: foreign_alerts(runtime.alertmanager)
    page = open_page("alerts", runtime=runtime)
    assert list(page.dataframe[0].value["alert"]) == ["DiskFull"]

    def refuse(*_matchers):
        raise SourceUnavailableError("Alertmanager does not answer", hint="Start it.")

    runtime.alertmanager = SimpleNamespace(alerts=refuse)
    page = open_page("alerts", runtime=runtime)
    assert "Alertmanager does not answer" in page.error[0].value
    assert "Nothing needs you." in said(page)
