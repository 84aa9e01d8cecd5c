"""What is due reaches its channel, once if all goes well, and later if not."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.unit.alerts.notify.post import FakeChannel
from tests.unit.alerts.stage import CRITICAL, INFO, WARNING, finding, gpu, rule
from watchdog.alerts.notify.notifier import Terms
from watchdog.base.errors import ActionError, StoreFullError
from watchdog.model.alerts import MessageKind

HOT = finding(gpu())


def nodes(count, **changes):
    """Findings of so many rules' worth of incidents: one node each."""
    return [finding(gpu(node=f"n{number:02d}"), **changes) for number in range(count)]


@contextmanager
def running(notifier):
    """The notifier's own loop, until the end of the block."""
    stop = threading.Event()
    loop = threading.Thread(target=notifier.run, args=(stop,), daemon=True)
    loop.start()
    try:
        yield
    finally:
        stop.set()
        loop.join(30)


def wait_for(true, seconds=20):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_an_incident_is_told_once_to_every_channel_and_so_is_its_end(post_of):
    mail, chat = FakeChannel("mail"), FakeChannel("chat")
    post = post_of(mail, chat)
    post.stage.see(HOT)
    post.turn(times=3)
    post.stage.see(times=30)
    post.turn(times=3)
    assert [each.kind for each in mail.sent] == [each.kind for each in chat.sent] == ["firing", "resolved"]
    assert post.steps.count("notified") == 4
    assert post.outbox.waiting() == ()


def test_a_failure_is_tried_again_after_10_s_30_s_2_min_10_min_and_then_every_30_min(post_of):
    mail = FakeChannel(error="connection refused")
    post = post_of(mail)
    post.stage.see(HOT)
    began, at = post.clock.now(), []
    for _ in range(80 * 60 // 10):
        before = mail.tried
        post.turn()
        if mail.tried > before:
            at.append((post.clock.now() - began).total_seconds())
        post.clock.sleep(10)
    assert at == [0, 10, 40, 160, 760, 2560, 4360]
    [waiting] = post.outbox.waiting()
    assert (waiting.attempts, waiting.error) == (len(at), "connection refused")


def test_what_does_not_arrive_within_a_day_is_a_dead_letter_that_can_be_tried_again(post_of):
    mail = FakeChannel(error="it answered 500")
    post = post_of(mail)
    post.stage.see(HOT)
    post.turn(seconds=1800, times=47)
    assert post.notifier.dead_letters() == ()
    post.turn(seconds=1800, times=2)
    [dead] = post.notifier.dead_letters()
    assert (dead.channel, dead.error, dead.title) == ("mail", "it answered 500", "Hot: GPU 0 on gpu01")
    assert post.steps[-1] == "not notified"
    mail.error = ""
    post.turn(seconds=3600)
    assert mail.sent == []
    post.notifier.again(dead.message_id, "mail")
    post.turn()
    assert [each.message_id for each in mail.sent] == [dead.message_id]
    assert post.notifier.dead_letters() == ()


def test_every_attempt_has_the_same_message_id(post_of):
    mail = FakeChannel(error="no answer in time")
    post = post_of(mail)
    post.stage.see(HOT)
    [waiting] = post.outbox.waiting()
    post.turn()
    mail.error = ""
    post.start()
    post.turn(seconds=10)
    assert [each.message_id for each in mail.sent] == [waiting.message_id]
    assert waiting.message_id in mail.sent[0].body


def test_a_channel_that_fails_is_not_asked_for_every_message_that_waits(post_of):
    mail = FakeChannel(error="connection refused")
    post = post_of(mail, terms=Terms(per_minute=1000))
    post.stage.see(*nodes(3), seconds=40)
    for each in range(3, 20):
        post.stage.see(*nodes(each), seconds=40)
    before = mail.tried
    post.turn(times=5)
    assert mail.tried == before + 1
    mail.error = ""
    post.turn(seconds=120)
    assert len(mail.sent) > 5


def test_one_message_that_is_refused_does_not_keep_the_others(post_of):
    mail = FakeChannel(refuses="gpu01")
    post = post_of(mail)
    post.stage.see(HOT)
    post.turn()
    post.stage.see(HOT, finding(gpu(node="gpu02")), seconds=60)
    post.turn(times=2)
    assert [each.title for each in mail.sent] == ["[warning] Hot: GPU 0 on gpu02"]


def test_the_end_of_an_incident_never_overtakes_its_beginning(post_of):
    mail = FakeChannel(error="connection refused")
    post = post_of(mail)
    post.stage.see(HOT)
    post.turn(times=2, seconds=11)
    post.stage.see(times=8)
    assert len(post.outbox.waiting()) == 2
    mail.error = ""
    post.turn(seconds=5, times=60)
    assert [each.kind for each in mail.sent] == ["firing", "resolved"]


def test_a_channel_that_hangs_keeps_no_other_waiting(post_of):
    gate = threading.Event()
    slow, quick = FakeChannel("slow", gate=gate), FakeChannel("quick")
    post = post_of(slow, quick)
    post.stage.see(HOT)
    with running(post.notifier):
        wait_for(lambda: slow.tried and quick.sent)
        assert slow.sent == []
        gate.set()
    assert (len(slow.sent), post.steps.count("notified")) == (1, 2)


def test_an_attempt_that_takes_too_long_has_failed(post_of):
    gate = threading.Event()
    slow = FakeChannel(gate=gate)
    post = post_of(slow, terms=Terms(deadline=0.05))
    post.stage.see(HOT)
    post.turn()
    assert post.notifier.channels()[0].error == "not through within 0.05 s"
    assert [each.attempts for each in post.outbox.waiting()] == [1]
    gate.set()


def test_beyond_the_rate_limit_one_summary_names_all_that_was_held_back(post_of):
    mail = FakeChannel()
    post = post_of(mail, terms=Terms(per_minute=5), rules=[rule(f"r{number}") for number in range(12)])
    found = [
        finding(gpu(number, f"n{number}"), f"r{number}", CRITICAL if number == 9 else WARNING) for number in range(12)
    ]
    post.stage.see(*found)
    post.turn(times=3)
    assert [each.kind for each in mail.sent] == ["firing"] * 4 + ["summary"]
    assert mail.sent[0].severity is CRITICAL
    told = "\n".join(f"{each.title}\n{each.body}" for each in mail.sent)
    assert [number for number in range(12) if f"R{number}: GPU {number} on n{number}" not in told] == []
    assert post.outbox.waiting() == ()
    assert post.steps.count("notified") == 12


def test_after_a_minute_there_is_room_again(post_of):
    mail = FakeChannel()
    post = post_of(mail, terms=Terms(per_minute=2), rules=[rule(f"r{number}") for number in range(4)])
    post.stage.see(*[finding(gpu(0, "a"), "r0"), finding(gpu(0, "b"), "r1")])
    post.turn()
    post.stage.see(*[finding(gpu(0, "a"), "r0"), finding(gpu(0, "b"), "r1"), finding(gpu(0, "c"), "r2")])
    post.turn(times=3)
    assert len(mail.sent) == 2
    post.turn(seconds=50)
    assert [each.title for each in mail.sent][2:] == ["[warning] R2: GPU 0 on c"]


def test_machines_are_not_limited(post_of):
    manager = FakeChannel(limited=False)
    post = post_of(manager, terms=Terms(per_minute=2), rules=[rule(f"r{number}") for number in range(9)])
    post.stage.see(*[finding(gpu(number, f"n{number}"), f"r{number}") for number in range(9)])
    post.turn()
    assert [each.kind for each in manager.sent] == ["firing"] * 9


def test_people_are_spared_what_is_not_severe_enough(post_of):
    mail = FakeChannel()
    post = post_of(mail)
    post.stage.see(finding(gpu(), severity=INFO))
    post.turn()
    assert (mail.sent, post.outbox.waiting(), post.steps.count("notified")) == ([], (), 0)
    post.stage.see(finding(gpu(), severity=WARNING))
    post.turn()
    post.stage.see(finding(gpu(), severity=INFO))
    post.stage.see(times=30)
    post.turn()
    assert [each.kind for each in mail.sent] == ["worsened", "resolved"]


def test_with_a_full_disk_people_are_told_and_not_again_afterwards(post_of):
    mail = FakeChannel()
    post = post_of(mail)
    post.stage.see(times=1)
    post.history.full = True
    post.stage.see(HOT)
    post.turn(seconds=5, times=4)
    assert [each.kind for each in mail.sent] == ["firing"]
    assert post.notifier.channels()[0].waiting is None
    post.history.full = False
    post.stage.see(HOT)
    post.turn(seconds=5, times=4)
    assert [each.kind for each in mail.sent] == ["firing"]
    assert (post.outbox.waiting(), post.steps.count("notified")) == ((), 1)


def test_a_disk_that_fills_up_after_the_message_was_stored_does_not_repeat_it(post_of):
    mail = FakeChannel()
    post = post_of(mail)
    post.stage.see(HOT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("watchdog.store.outbox.OutboxStore.settle", _refuse)
        post.turn(seconds=1, times=5)
        assert (len(mail.sent), len(post.outbox.waiting())) == (1, 1)
    post.turn()
    assert (len(mail.sent), post.outbox.waiting(), post.steps.count("notified")) == (1, (), 1)


def _refuse(*_):
    raise StoreFullError("the disk is full")


def test_failures_with_a_full_disk_wait_their_turn_too(post_of):
    mail = FakeChannel(error="connection refused")
    post = post_of(mail)
    post.stage.see()
    post.history.full = True
    post.stage.see(HOT)
    post.turn(seconds=1, times=9)
    assert mail.tried == 1
    post.turn(seconds=10)
    assert mail.tried == 2
    mail.error = ""
    post.turn(seconds=30)
    assert len(mail.sent) == 1


def test_a_clock_that_goes_back_holds_nothing_up(post_of):
    mail = FakeChannel(error="connection refused")
    post = post_of(mail)
    post.stage.see(HOT)
    post.turn()
    mail.error = ""
    post.clock.jump(timedelta(days=-3))
    post.turn(seconds=10)
    assert len(mail.sent) == 1


def test_messages_for_a_channel_that_was_taken_away_are_dead_letters(post_of):
    post = post_of(FakeChannel("mail"))
    post.stage.see(HOT)
    post.channels = (FakeChannel("chat"),)
    post.start()
    post.turn()
    [dead] = post.notifier.dead_letters()
    assert (dead.channel, dead.error) == ("mail", "no channel of this name is set up any more")
    with pytest.raises(ActionError, match="no channel of this name"):
        post.notifier.again(dead.message_id, "mail")


def test_a_test_says_how_it_went_and_success_ends_a_pause(post_of):
    mail = FakeChannel(error="it answered 500")
    post = post_of(mail)
    post.stage.see(HOT)
    post.turn()
    assert post.notifier.test("mail") == "not delivered: it answered 500"
    mail.error = ""
    assert post.notifier.test("mail") == "delivered in 0.0 s"
    assert (mail.sent[-1].kind, mail.sent[-1].title) == (MessageKind.TEST, "[test] GPU Watchdog can reach you here")
    with pytest.raises(ActionError):
        post.notifier.test("chat")


def test_the_list_of_channels_says_how_each_is_doing(post_of):
    mail, chat = FakeChannel("mail"), FakeChannel("chat", error="it answered 403")
    post = post_of(mail, chat)
    post.stage.see(HOT)
    post.turn()
    good, bad = post.notifier.channels()
    assert (good.name, good.waiting, good.success_at, good.error) == ("mail", 0, post.clock.now(), "")
    assert (bad.name, bad.waiting, bad.success_at, bad.error) == ("chat", 1, None, "it answered 403")
    post.start()
    assert post.notifier.channels()[0].success_at == post.clock.now() > NOON


def test_nothing_is_written_after_the_end(post_of):
    gate = threading.Event()
    slow = FakeChannel(gate=gate)
    post = post_of(slow)
    post.stage.see(HOT)
    post.notifier._outbox.close()
    gate.set()
    post.turn()
    assert len(post.outbox.waiting()) == 1
