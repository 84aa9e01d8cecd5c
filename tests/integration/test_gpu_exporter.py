"""A real exporter process, fed by a fake nvidia-smi with recorded outputs, scraped by a real Prometheus."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from tests.conftest import ROOT
from tests.integration.servers import PROMTOOL, program, running_prometheus, running_victoria
from tests.unit.exporters.support import fake_nvidia_smi, gpu_xml, log_xml, samples
from watchdog.base.clock import SystemClock
from watchdog.base.config import Config
from watchdog.sources.prometheus import PrometheusTelemetry
from watchdog.sources.scrape import Scraper, Target

pytestmark = pytest.mark.integration

TOKEN = "s3cret"
EIGHT_CARDS = "nvidia-smi/datakit/internal/plugins/inputs/nvidiasmi/testdata/gtx-8card.xml"
DASHBOARD = "dcgm-exporter/grafana/dcgm-exporter-dashboard.json"
SCRAPE = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: gpu
    authorization: {{credentials: {token}}}
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""


@contextmanager
def running_exporter(folder, smi, *options):
    """The exporter as a process; yields its port, and checks that SIGTERM ends it well."""
    (folder / "token").write_text(TOKEN + "\n")
    command = [sys.executable, "-m", "watchdog", "exporter", "gpu", "--listen", "127.0.0.1:0", "--backend", "smi",
               "--nvidia-smi", smi, "--token-file", str(folder / "token"), "--hostname", "node1", *options]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    guard = threading.Timer(120, process.kill)
    guard.start()
    try:
        yield next(int(m[1]) for line in process.stderr if (m := re.search(r"on port (\d+)", line)))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        guard.cancel()
    assert process.returncode == 0


def scrape(port, token=TOKEN):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read().decode()


def ask(url, path, **parameters):
    with urllib.request.urlopen(f"{url}{path}?{urllib.parse.urlencode(parameters)}", timeout=5) as answer:
        return json.load(answer)["data"]


def wait_for(get, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = get()
        if found:
            return found
        time.sleep(0.2)
    pytest.fail(f"it did not happen within {seconds} s")


@contextmanager
def prometheus_scraping(folder, port, token):
    """Prometheus that reads the exporter with a token: configured by a reload of its file."""
    with running_prometheus(folder, flags=["--web.enable-lifecycle"]) as url:
        (folder / "prometheus.yml").write_text(SCRAPE.format(port=port, token=token))
        urllib.request.urlopen(urllib.request.Request(f"{url}/-/reload", method="POST"), timeout=5).close()
        yield url


def test_the_official_dashboards_panels_all_have_data(fixtures, tmp_path):
    smi = fake_nvidia_smi(tmp_path, xml=(fixtures / EIGHT_CARDS).read_text())
    dashboard = json.loads((fixtures / DASHBOARD).read_text())
    queries = {t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", ())}
    # What nvidia-smi cannot tell.
    queries = {q for q in queries if "PROF_PIPE_TENSOR_ACTIVE" not in q}
    assert len(queries) == 7
    with running_exporter(tmp_path, smi, "--no-xid") as port, prometheus_scraping(tmp_path, port, TOKEN) as url:
        wait_for(lambda: ask(url, "/api/v1/query", query="DCGM_FI_DEV_GPU_TEMP")["result"])
        assert ask(url, "/api/v1/label/gpu/values") == [str(n) for n in range(8)]
        [instance] = ask(url, "/api/v1/label/instance/values")
        for query in queries:
            filled = query.replace("$instance", re.escape(instance)).replace("$gpu", ".*")
            found = ask(url, "/api/v1/query", query=filled.replace("\\", "\\\\"))["result"]
            assert len(found) == (1 if query.startswith(("avg(", "sum(")) else 8), query


@contextmanager
def victoria_scraping(folder, port, token):
    """VictoriaMetrics likewise."""
    with running_victoria(folder) as url:
        (folder / "victoria.yml").write_text(SCRAPE.format(port=port, token=token))
        urllib.request.urlopen(f"{url}/-/reload", timeout=5).close()
        yield url


@pytest.mark.parametrize("scraping", [prometheus_scraping, victoria_scraping])
def test_what_a_server_scrapes_is_what_the_app_reads_from_it(fixtures, tmp_path, scraping):
    smi = fake_nvidia_smi(tmp_path, xml=(fixtures / EIGHT_CARDS).read_text())
    with running_exporter(tmp_path, smi, "--no-xid") as port, scraping(tmp_path, port, TOKEN) as url:
        telemetry = PrometheusTelemetry(Config(prometheus_url=url), SystemClock())
        metrics = ("gpu_temperature_celsius", "memory_total_bytes", "power_watts")
        wait_for(lambda: len(telemetry.latest(metrics, datetime.now(UTC)).frame) == 8 * len(metrics))
        page = Scraper([Target("node1", lambda: scrape(port).encode())], SystemClock()).scrape().frame
        keys = ["metric", "gpu_uuid"]
        server = telemetry.latest(metrics, datetime.now(UTC)).frame.set_index(keys)["value"].sort_index()
        direct = page[page["metric"].isin(metrics)].set_index(keys)["value"].sort_index()
        assert dict(server.items()) == dict(direct.items())


def test_prometheus_without_the_token_gets_nothing(fixtures, tmp_path):
    smi = fake_nvidia_smi(tmp_path, xml=(fixtures / EIGHT_CARDS).read_text())
    with running_exporter(tmp_path, smi, "--no-xid") as port, prometheus_scraping(tmp_path, port, "wrong") as url:
        error = wait_for(
            lambda: [t["lastError"] for t in ask(url, "/api/v1/targets")["activeTargets"] if t["lastError"]]
        )
        assert "401" in error[0]


def test_promtool_finds_nothing_wrong_but_dcgms_own_names(fixtures, tmp_path):
    smi = fake_nvidia_smi(tmp_path, xml=(fixtures / EIGHT_CARDS).read_text())
    log = tmp_path / "kmsg"
    log.write_text("4,1,1000000,-;NVRM: Xid (PCI:0000:0E:00): 79, pid=1, GPU has fallen off the bus.\n")
    with running_exporter(tmp_path, smi, "--kernel-log", str(log), "--processes") as port:
        page = wait_for(lambda: p if "GPU_TEMP" in (p := scrape(port)) and "_xid_" in p else "")
    checked = subprocess.run(
        [program(PROMTOOL), "check", "metrics"], input=page, capture_output=True, text=True, timeout=20, check=False
    )
    # 3: readable, with remarks on style.
    assert checked.returncode in (0, 3), checked.stderr
    remarks = [line for line in (checked.stdout + checked.stderr).splitlines() if line.strip()]
    # The names DCGM gave its metrics and dcgm-exporter its labels (modelName) are not ours to change.
    ours = [line for line in remarks if not line.startswith("DCGM_FI_") and "label names should be written" not in line]
    assert ours == []


def test_a_hung_nvidia_smi_never_hangs_a_scrape_and_its_values_end(tmp_path):
    smi = fake_nvidia_smi(tmp_path, xml=log_xml(gpu_xml("<fan_speed>31 %</fan_speed>")))
    with running_exporter(tmp_path, smi, "--no-xid", "--interval", "0.3", "--timeout", "0.5") as port:
        wait_for(lambda: "FAN_SPEED" in scrape(port))
        fake_nvidia_smi(tmp_path, before="exec sleep 600")
        slowest = 0.0

        def attempt_failed():
            nonlocal slowest
            begun = time.monotonic()
            found = samples(scrape(port))
            slowest = max(slowest, time.monotonic() - begun)
            return found if found["watchdog_exporter_last_attempt_success"] == [({}, 0)] else None

        found = wait_for(attempt_failed)
        assert found["watchdog_exporter_failures_total"][0][0] == {"reason": "timeout"}
        assert found["watchdog_exporter_snapshot_age_seconds"][0][1] > 0.3
        assert slowest < 1


def test_startup_errors_are_one_line_with_what_to_do(tmp_path):
    smi = fake_nvidia_smi(tmp_path, xml=log_xml(gpu_xml()))
    with running_exporter(tmp_path, smi, "--no-xid") as port:
        command = [sys.executable, "-m", "watchdog", "exporter", "gpu", "--listen", f"127.0.0.1:{port}", "--no-xid"]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            scrape(port, "wrong")
    assert second.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in second.stderr
    assert "--listen" in second.stderr
    assert "Traceback" not in second.stderr
