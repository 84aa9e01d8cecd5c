"""The server as a user starts it."""

import shutil
import subprocess

import duckdb
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.app import ROOT, running_app, wait_for

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with running_app(tmp_path_factory.mktemp("app"), INTERVAL_SECONDS=1) as running:
        yield running


def values(app):
    families = text_string_to_metric_families(app.get("/metrics").text)
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_it_is_ready_and_says_so(app):
    assert app.get("/healthz").text == "ok\n"
    assert app.get("/readyz").text == "ready\n"


def test_the_collector_runs_with_no_browser_open(app):
    assert wait_for(lambda: values(app)["watchdog_collector_ticks_total"] >= 3)
    assert values(app)["watchdog_collector_alive"] == 1
    assert values(app)["watchdog_store_ok"] == 1


def test_every_source_is_counted_in_its_own_metrics(app):
    wait_for(lambda: "watchdog_source_up" in app.get("/metrics").text)
    assert app.get("/metrics").text.count('watchdog_source_up{source="exporter') == 4


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_its_own_metrics_satisfy_promtool(app):
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=app.get("/metrics").text, text=True, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", ["/", "/gpus", "/metrics", "/healthz"])
def test_every_answer_carries_the_security_headers(app, path):
    headers = app.get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"


def test_sigterm_ends_it_cleanly_and_keeps_what_was_read(tmp_path):
    with running_app(tmp_path, INTERVAL_SECONDS=1) as app:
        wait_for(lambda: values(app)["watchdog_collector_ticks_total"] >= 2)
        code, seconds = app.stop()
        assert code in (0, -15), app.output()
        assert seconds < 15
        assert "Traceback" not in app.output()
    with duckdb.connect(str(tmp_path / "data" / "demo.duckdb"), read_only=True) as file:
        assert file.execute("select count(*) from samples").fetchone()[0] > 0


def test_a_database_that_another_process_holds_is_said_and_the_watch_goes_on(tmp_path):
    with running_app(tmp_path) as first, running_app(tmp_path, INTERVAL_SECONDS=1) as second:
        assert wait_for(lambda: values(second)["watchdog_collector_ticks_total"] >= 1)
        assert values(second)["watchdog_store_ok"] == 0
        assert str(first.process.pid) in second.output()


def test_a_setting_with_a_typing_error_stops_the_start_with_a_hint(tmp_path):
    with pytest.raises(AssertionError, match="prometheus_url"), running_app(tmp_path, PROMETEUS_URL="http://x"):
        pass


def test_collect_once_prints_csv_without_a_server(tmp_path):
    import os
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "watchdog", "collect", "--once", "--to", "stdout"],
        cwd=ROOT,
        env=os.environ | {"WATCHDOG_SOURCE": "demo", "WATCHDOG_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    header, *lines = done.stdout.splitlines()
    assert done.returncode in (0, 1), done.stderr
    assert header == "metric,sampled_at,node,gpu_uuid,gpu_index,part,gpu_model,value"
    assert len(lines) > 100
    assert not list(tmp_path.iterdir())
