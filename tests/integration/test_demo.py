"""A real Prometheus finds and scrapes the demo cluster served by the command."""

import json
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.integration.servers import PROMETHEUS, _running, free_port, instant_query, program, wait_for_samples

pytestmark = pytest.mark.integration


@pytest.fixture
def served(tmp_path):
    """Base URL of a demo cluster of 2 x 4, and its process."""
    listen = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "watchdog", "demo", "--listen", listen, "--nodes", "2", "--gpus", "4"]
    with (tmp_path / "demo.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        wait_until_up(f"http://{listen}/sd")
        yield f"http://{listen}", process
    finally:
        process.kill()
        process.wait()


def wait_until_up(url, seconds=30):
    until = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def test_prometheus_discovers_every_page_and_reads_it(served, tmp_path):
    url, _ = served
    job = {"job_name": "demo", "http_sd_configs": [{"url": f"{url}/sd", "refresh_interval": "1s"}]}
    config, port = tmp_path / "prometheus.yml", free_port()
    config.write_text(
        json.dumps({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]})
    )
    command = [
        program(PROMETHEUS),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with _running(command, f"http://127.0.0.1:{port}", "/-/ready", tmp_path / "prometheus.log") as prometheus:
        wait_for_samples(prometheus, "up == 1", 3)
        wait_for_samples(prometheus, "slurm_job_info")
        assert {row["metric"]["instance"] for row in instant_query(prometheus, "up == 1")} == {
            "gpu01:9400",
            "gpu02:9400",
            "slurm:9341",
        }
        gpus = instant_query(prometheus, "watchdog_gpu_lost")
        assert len({row["metric"]["UUID"] for row in gpus}) == 8


def test_sigterm_ends_it_cleanly(served):
    _, process = served
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
