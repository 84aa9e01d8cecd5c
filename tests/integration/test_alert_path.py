"""From a faulty GPU to people: demo cluster, its exporters, Prometheus, the collector, an alert, a message."""

import json
import threading
import time
import urllib.request
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.integration.servers import (
    PROMETHEUS,
    _running,
    free_port,
    program,
    running_alertmanager,
    wait_for_samples,
)
from tests.mail import mail_server
from watchdog.base.clock import SystemClock
from watchdog.base.config import Config
from watchdog.model.alerts import Acknowledgement
from watchdog.model.telemetry import Window
from watchdog.runtime import Runtime
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.faults import FaultKind
from watchdog.sources.demo.scenarios import only
from watchdog.sources.demo.server import DemoServer
from watchdog.store.alerts import AlertStore

pytestmark = pytest.mark.integration
SECONDS_OF_PEACE = 25.0


@contextmanager
def in_background(server):
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def cluster():
    """A demo cluster on HTTP, one of whose GPUs gets an uncorrected memory error soon."""
    clock = SystemClock()
    scenario = only(FaultKind.ECC_UNCORRECTED, at=SECONDS_OF_PEACE)
    demo = DemoCluster(DemoConfig(nodes=2, gpus=4, step_seconds=1, scenario=scenario), clock.now())
    with in_background(DemoServer(demo, clock, ("127.0.0.1", 0))) as server:
        yield demo, f"http://127.0.0.1:{server.port}"


@pytest.fixture
def prometheus(cluster, tmp_path):
    """A real Prometheus that finds the exporters itself."""
    job = {"job_name": "demo", "http_sd_configs": [{"url": f"{cluster[1]}/sd", "refresh_interval": "1s"}]}
    config, port = tmp_path / "prometheus.yml", free_port()
    config.write_text(
        json.dumps({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]})
    )
    command = [program(PROMETHEUS), f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"]
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    with _running(command, f"http://127.0.0.1:{port}", "/-/ready", tmp_path / "prometheus.log") as url:
        wait_for_samples(url, "up == 1", 3)
        yield url


class Webhook(ThreadingHTTPServer):
    """Keeps what is posted to it."""

    def __init__(self):
        self.posted = []
        super().__init__(("127.0.0.1", 0), _Keep)


class _Keep(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_args):
        pass


@pytest.fixture
def webhook():
    with in_background(Webhook()) as server:
        yield server


@contextmanager
def watching(prometheus, webhook, folder, **settings):
    config = Config(
        source="prometheus",
        prometheus_url=prometheus,
        interval_seconds=1.0,
        slurm_interval_seconds=2.0,
        slurm="series",
        data_dir=str(folder / "data"),
        **{"notify_urls": f"hook=json://127.0.0.1:{webhook.server_port}/"} | settings,
    )
    runtime = Runtime(config, SystemClock())
    runtime.start()
    try:
        yield runtime
    finally:
        runtime.stop()


def until(ready, seconds=90):
    """What `ready` gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
    return found


def test_a_memory_error_reaches_webhook_mail_and_alertmanager(cluster, prometheus, webhook, tmp_path):
    demo, _ = cluster
    hook = f"http://127.0.0.1:{webhook.server_port}/"
    with mail_server() as box, running_alertmanager(tmp_path, hook) as alertmanager:
        urls = f"hook=json://127.0.0.1:{webhook.server_port}/ mail={box.url}"
        with watching(prometheus, webhook, tmp_path, notify_urls=urls, alertmanager_url=alertmanager):
            until(lambda: box.mails)
            (fault,) = demo.faults()
            until(lambda: any(fault.node in mail.get_content() for _, mail in box.mails))
            theirs = until(lambda: _alerts(alertmanager))
            assert fault.node in {alert["labels"].get("node") for alert in theirs}
            until(lambda: any("alerts" in posted for posted in webhook.posted))  # Alertmanager tells on
            until(lambda: any("alerts" not in posted for posted in webhook.posted))  # and so do we


def _alerts(url):
    with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=5) as answer:
        return json.load(answer)


def test_a_memory_error_reaches_people_once_and_outlives_a_restart(cluster, prometheus, webhook, tmp_path):
    demo, _ = cluster
    with watching(prometheus, webhook, tmp_path) as runtime:
        first = until(lambda: runtime.engine.board().unhandled)[0]
        (fault,) = demo.faults()
        assert {alert.subject.node for alert in first.alerts} == {fault.node}
        until(lambda: any(fault.node in json.dumps(message) for message in webhook.posted))
        runtime.engine.acknowledge(
            first.incident.incident_id, Acknowledgement("ada", runtime.clock.now(), "on it"), expected=None
        )
    told = len(webhook.posted)
    with watching(prometheus, webhook, tmp_path) as runtime:
        again = until(lambda: runtime.alert_state().ticks >= 3 and runtime.engine.board().incidents)
        same = runtime.engine.board().incident(first.incident.incident_id)
        assert same is not None
        assert same.incident.ack.by == "ada"
        assert len({each.incident.incident_id for each in again}) == len(again)
        now = runtime.clock.now()
        events = AlertStore(runtime.history.store()).events(Window(now - timedelta(hours=1), now))
        mine = events[events["incident_id"] == first.incident.incident_id]
        assert {"fired", "acknowledged"} <= set(mine["kind"])
    about_it = [message for message in webhook.posted[told:] if first.incident.title in json.dumps(message)]
    assert not about_it
