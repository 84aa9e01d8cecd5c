"""Real receivers on loopback: a webhook that answers, hangs, refuses or sends us elsewhere, and a mail server."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time

import pytest

from tests.conftest import NOON, ROOT
from tests.mail import mail_server
from tests.unit.alerts.notify.test_words import EVIL, message
from tests.unit.sources.peers import Says, peer
from watchdog.alerts.notify.addresses import addresses
from watchdog.alerts.notify.apprise_channel import AppriseChannel
from watchdog.alerts.notify.channel import send_within
from watchdog.alerts.notify.letter import letter, trial
from watchdog.base.errors import NotDeliveredError
from watchdog.model.alerts import MessageKind

TEST = trial("m1", NOON, "http://watchdog/alerts")


def channel(url: str) -> AppriseChannel:
    return AppriseChannel(addresses(url)[0])


def hook(receiver, query="") -> AppriseChannel:
    return channel(receiver.url.replace("http://", "json://ann:s3cret@") + f"/in/s3cret{query}")


def failure(target: AppriseChannel, seconds: float = 30) -> str:
    with pytest.raises(NotDeliveredError) as caught:
        send_within(target, TEST, seconds)
    assert "s3cret" not in str(caught.value) + caught.value.hint
    return str(caught.value)


def test_a_webhook_gets_title_text_and_what_tells_a_repeat():
    with peer(Says(status=204)) as receiver:
        hook(receiver).send(letter(message(title=EVIL)))
    [asked] = receiver.asked
    said = json.loads(asked.body)
    assert (said["message_id"], said["incident_id"], said["severity"], said["kind"]) == (
        "m0",
        "i0",
        "critical",
        "firing",
    )
    assert asked.headers["Idempotency-Key"] == asked.headers["X-Watchdog-Message-Id"] == "m0"
    assert said["title"].startswith("[critical] @\u200beveryone")
    assert said["message"].endswith("http://watchdog/alerts\nMessage m0")
    assert said["type"] == "failure"


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_a_webhook_that_answers_an_error_has_not_got_it(status):
    with peer(Says("no: s3cret", status=status)) as receiver:
        assert failure(hook(receiver)) == f"it answered {status}"


def test_a_webhook_that_sends_us_elsewhere_is_not_followed():
    with peer(Says()) as other, peer(Says(status=307, headers={"Location": f"{other.url}/"})) as receiver:
        assert failure(hook(receiver)) == "it answered 307"
    assert other.asked == []


def test_a_webhook_that_hangs_costs_the_time_out_and_no_more():
    with peer(Says(wait=2)) as receiver:
        began = time.monotonic()
        assert failure(hook(receiver, "?rto=0.5")) == "no answer in time"
        assert time.monotonic() - began < 2


def test_a_webhook_that_drips_its_answer_meets_the_deadline():
    with peer(Says(b"x" * 40, drip=0.05)) as receiver:
        assert failure(hook(receiver), seconds=0.3) == "not through within 0.3 s"


def test_nobody_listening_is_a_refusal_in_words():
    with peer(Says()) as receiver:
        gone = hook(receiver)
    assert failure(gone) == "connection refused"


def test_a_url_that_apprise_does_not_know_is_said_before_it_is_needed():
    with pytest.raises(NotDeliveredError, match="apprise cannot read this URL"):
        channel("nosuch://s3cret").prepare()
    channel("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops").prepare()


def test_a_pagerduty_incident_is_ended_with_ours():
    service = channel("pagerduty://A@B")._service()
    from watchdog.alerts.notify.apprise_channel import _with_ids

    told = _with_ids(service, letter(message(kind=MessageKind.RESOLVED)))
    assert (told.dedup, told.action) == ("i0", "map")


def test_a_demo_says_so_before_every_title():
    with mail_server() as box:
        AppriseChannel(addresses(box.url)[0], "[demo data] ").send(letter(message(title="GPU lost")))
    [(_, mail)] = box.mails
    assert mail["Subject"].startswith("[demo data] [critical]")


def test_a_mail_has_one_subject_however_a_job_is_called():
    with mail_server() as box:
        channel(box.url).send(letter(message(title=EVIL, explanation=EVIL)))
    [(to, mail)] = box.mails
    assert to == ["ops@example.com"]
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("[critical] @\u200beveryone")
    assert mail["X-Watchdog-Message-Id"] == "m0"
    assert mail.get_content_type() == "text/plain"
    assert "Message m0" in mail.get_content()


def test_a_mail_server_that_refuses_or_is_gone_is_said_in_words():
    with mail_server() as box:
        box.refuses = "554 s3cret"
        failure(channel(box.url))
    assert failure(channel(box.url)) == "connection refused"


def test_without_a_channel_the_library_is_not_loaded():
    code = "import sys, watchdog.runtime; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_what_the_library_logs_goes_nowhere():
    class Listener(logging.Handler):
        def emit(self, record):
            heard.append(record)

    heard, root = [], Listener()
    logging.getLogger().addHandler(root)
    with peer(Says(status=500)) as receiver:
        failure(hook(receiver))
    logging.getLogger().removeHandler(root)
    assert [record for record in heard if record.name == "apprise"] == []
