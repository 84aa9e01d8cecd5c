"""What people read: short, plain, and harmless whatever the cluster calls its jobs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import NOON
from tests.unit.alerts.stage import CRITICAL, finding, gpu
from watchdog.alerts.notify.addresses import addresses
from watchdog.alerts.notify.letter import held_back, letter
from watchdog.alerts.notify.neutral import harmless
from watchdog.alerts.notify.patience import LONGEST_DELAY, Rate, is_due
from watchdog.base.errors import ConfigError
from watchdog.model.alerts import Alert, AlertState, Incident, Message, MessageKind

EVIL = "@everyone <!here> <@U1> [x](http://evil/) <http://evil|ok> www.evil.com\r\nBcc: all@corp\u202e\x00\ud800"


def message(title="Hot: GPU 0 on gpu01", kind=MessageKind.FIRING, count=1, explanation="91 °C", number=0):
    found = finding(gpu(), severity=CRITICAL, explanation=explanation, action=explanation, job_id="812", user=EVIL)
    alert = Alert("a", "hot", found.subject, AlertState.FIRING, CRITICAL, NOON, found)
    incident = Incident(f"i{number}", "cause", title, CRITICAL, AlertState.FIRING, NOON)
    return Message(f"m{number}", kind, incident, (alert,) * min(count, 50), count, NOON, "http://watchdog/alerts")


@given(st.text() | st.lists(st.sampled_from([*"@<>[]():/.\r\n\x00 ", "www", "](", "://"])).map("".join))
@example("_www.evil.com")
def test_no_text_of_the_cluster_mentions_links_or_breaks_a_line(text):
    shown = harmless(text, 100)
    assert not any(sign in shown for sign in ("<", ">", "](", "://", "\n", "\r", "\x00", "\u202e"))
    assert shown.count("@") == shown.count("@\u200b")
    assert "www." not in shown.lower()
    shown.encode()


@given(st.text(max_size=3000), st.integers(2, 300))
def test_text_is_cut_to_its_length_before_it_is_broken_up(text, most):
    assert len(harmless(text, most).replace("\u200b", "")) <= most


def test_plain_words_stay_as_they_are():
    assert harmless("GPU 3 on gpu-07.cluster: 91 °C, limit 87 °C (job 812)", 200) == (
        "GPU 3 on gpu-07.cluster: 91 °C, limit 87 °C (job 812)"
    )


def test_a_hostile_cluster_cannot_mention_link_or_add_headers():
    told = letter(message(title=EVIL, explanation=EVIL))
    assert "\n" not in told.title
    own = told.body.replace("http://watchdog/alerts", "")
    for sign in ("@everyone", "<", "](", "://", "www.", "\r"):
        assert sign not in told.title + own
    assert not any(line.startswith("Bcc") for line in told.body.splitlines())


def test_a_large_incident_makes_a_short_letter_that_says_how_much_it_leaves_out():
    told = letter(message(count=116, explanation="x" * 100_000))
    assert len(told.body) < 10_000
    assert "- and 106 more alerts" in told.body.splitlines()
    assert told.body.splitlines()[-2:] == ["http://watchdog/alerts", "Message m0"]


@pytest.mark.parametrize(
    ("kind", "label"),
    [("firing", "critical"), ("reminder", "critical, still"), ("resolved", "resolved"), ("unknown", "unknown")],
)
def test_the_title_says_why_there_is_a_message(kind, label):
    assert letter(message(kind=MessageKind(kind))).title == f"[{label}] Hot: GPU 0 on gpu01"


def test_unknown_is_never_told_as_over():
    assert "does not mean that it is over" in letter(message(kind=MessageKind.UNKNOWN)).body


def test_the_same_messages_held_back_have_the_same_id_in_any_order():
    messages = [message(number=number) for number in range(40)]
    assert held_back(messages).message_id == held_back(messages[::-1]).message_id
    assert held_back(messages).message_id != held_back(messages[1:]).message_id
    assert "- and 15 more messages" in held_back(messages).body


def test_channels_are_named_and_described_without_their_secrets():
    text = """ops=mailto://ann:s3cret@example.com?to=x@example.com
        slack://s3cret/s3cret/s3cret/#ops json://ann:s3cret@hooks.example.com:8080/s3cret?+k=s3cret
        json://other/ pagerduty://s3cret@s3cret"""
    found = addresses(text)
    assert [each.name for each in found] == ["ops", "slack", "json", "json-2", "pagerduty"]
    assert "s3cret" not in repr(found)
    assert found[0].description == "mailto://example.com"
    assert found[2].description == "json://hooks.example.com"


@pytest.mark.parametrize("text", ["s3cret", "a=json://x a=json://s3cret", "alertmanager=json://s3cret", "a b=c=s3cret"])
def test_channels_that_cannot_be_read_are_refused_without_quoting_them(text):
    with pytest.raises(ConfigError) as caught:
        addresses(text)
    assert "s3cret" not in str(caught.value) + caught.value.hint


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 30)), max_size=30), st.integers(1, 20))
def test_never_more_than_the_limit_goes_out_within_a_minute(steps, limit):
    rate, now, sent, waiting = Rate(limit), 0.0, [], 0
    for pause, more in steps:
        now, waiting = now + pause, waiting + more
        alone, together = rate.split(range(waiting), now)
        for _ in range(len(alone) + bool(together)):
            rate.sent(now)
            sent.append(now)
        waiting -= len(alone) + len(together)
    assert all(sum(at - 60 < other <= at for other in sent) <= limit for at in sent)


def test_a_time_that_a_clock_gone_back_left_in_the_future_is_due():
    assert not is_due(NOON + LONGEST_DELAY, NOON)
    assert is_due(NOON + LONGEST_DELAY + timedelta(seconds=1), NOON)
    assert is_due(NOON, NOON)
    assert is_due(None, NOON)
