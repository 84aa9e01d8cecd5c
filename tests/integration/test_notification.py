"""Messages through kill -9, a real Alertmanager, and what the app says of itself while it tells people."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from tests.conftest import NOON, ROOT
from tests.integration.app import running_app
from tests.integration.notify_sender import INCIDENTS
from tests.integration.servers import AMTOOL, program, running_alertmanager
from tests.unit.alerts.notify.post import Post
from tests.unit.alerts.stage import Shelf, finding, gpu
from tests.unit.sources.peers import Says, peer
from watchdog.alerts import engine
from watchdog.alerts.notify.alertmanager import AlertmanagerChannel
from watchdog.services.foreign_alerts import foreign_alerts
from watchdog.sources.alertmanager import AlertmanagerApi
from watchdog.store.database import Store
from watchdog.store.outbox import OutboxStore

pytestmark = pytest.mark.integration
KILLED_AT = (1, 7)


def until(ready, seconds=60):
    """What `ready` gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


class Killer:
    """A webhook that kills the sender the moment some messages have come, before it says that they have."""

    def __init__(self) -> None:
        self.ids, self.process = [], None

    def __call__(self, asked) -> Says:
        self.ids.append(json.loads(asked.body)["message_id"])
        if len(self.ids) in KILLED_AT:
            self.process.kill()
        return Says()


def test_killed_between_sending_and_noting_it_the_same_message_comes_again_and_none_is_lost(tmp_path):
    killer, path = Killer(), tmp_path / "watchdog.duckdb"
    with peer(killer) as receiver:
        command = [sys.executable, "-m", "tests.integration.notify_sender", str(path)]
        for _ in range(len(KILLED_AT) + 1):
            killer.process = subprocess.Popen([*command, receiver.url.removeprefix("http://")], cwd=ROOT)
            until(lambda: killer.process.poll() is not None or len(killer.ids) == INCIDENTS + len(KILLED_AT))
        # Time to send more than there is.
        time.sleep(2.5)
        killer.process.kill()
        killer.process.wait()
    counts = Counter(killer.ids)
    assert len(counts) == INCIDENTS
    assert sorted(counts.values()) in ([1] * 10 + [2] * 2, [1] * 11 + [3])
    with Store(path, threads=1) as store:
        assert OutboxStore(store).waiting() == ()


@pytest.fixture
def post(tmp_path):
    """A watched cluster whose clock shows the real time, as Alertmanager's does."""
    made = Post(tmp_path)
    made.clock.jump(datetime.now(UTC) - NOON)
    yield made
    made.history.close()


@pytest.fixture(autouse=True)
def real_store(monkeypatch):
    real = engine.AlertStore
    monkeypatch.setattr(engine, "AlertStore", lambda store: store if isinstance(store, Shelf) else real(store))


def test_a_real_alertmanager_shows_an_alert_while_it_is_open_and_tells_its_own_receivers(post, tmp_path):
    def told():
        return [alert for asked in receiver.asked for alert in json.loads(asked.body)["alerts"]]

    with peer(Says()) as receiver, running_alertmanager(tmp_path, f"{receiver.url}/hook") as url:
        api = AlertmanagerApi(url, post.clock)
        post.channels = (AlertmanagerChannel(api, post.clock, post.stage.engine.board),)
        post.stage.channels = ("alertmanager",)
        post.start()
        post.stage.see(finding(gpu(), job_id="812"), seconds=0)
        post.turn()
        [alert] = until(api.alerts)
        assert (alert["labels"]["node"], alert["labels"]["job"], alert["status"]["state"]) == ("gpu01", "812", "active")
        until(lambda: [each["status"] for each in told()] == ["firing"])
        assert "gpu01" in _amtool(url)
        post.channels[0].refresh()
        assert len(api.alerts()) == 1
        api.post([{"labels": {"alertname": "DiskFull", "instance": "head:9100"}}])
        until(lambda: len(api.alerts()) == 2)
        assert [*foreign_alerts(api)["node"]] == ["head"]
        post.stage.see(seconds=1, times=700)
        post.clock.jump(datetime.now(UTC) - post.clock.now())
        post.turn()
        until(lambda: [each["labels"]["alertname"] for each in api.alerts()] == ["DiskFull"])
        until(lambda: [each["status"] for each in told() if "node" in each["labels"]][-1] == "resolved")


def _amtool(url):
    command = [program(AMTOOL), f"--alertmanager.url={url}", "alert", "query", "generator=gpu-watchdog", "-o", "json"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def test_the_app_counts_its_messages_and_sends_a_heartbeat_while_it_watches(tmp_path):
    with peer(Says()) as hook, peer(Says()) as life:
        settings = {
            "NOTIFY_URLS": hook.url.replace("http://", "hook=json://u:s3cret@"),
            "HEARTBEAT_URL": f"{life.url}/s3cret",
        }
        with running_app(tmp_path, INTERVAL_SECONDS=1, NOTIFY_MIN_SEVERITY="info", **settings) as app:
            until(lambda: life.asked)
            until(lambda: 'watchdog_alerts_firing{severity="critical"}' in app.get("/metrics").text)
            until(lambda: hook.asked)
            until(lambda: _sample(app, 'watchdog_notifications_total{channel="hook",outcome="delivered"}'))
            assert _sample(app, "watchdog_alert_evaluated_timestamp_seconds") > time.time() - 60
            assert _sample(app, "watchdog_heartbeat_timestamp_seconds") > time.time() - 90
            _, seconds = app.stop()
        assert seconds < 20
        assert "s3cret" not in app.output()


def _sample(app, series):
    lines = app.get("/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} ")), 0.0)
