"""The pages are valid exposition text in dcgm-exporter's form."""

import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.sources.demo.support import START, cluster
from watchdog.base.clock import FakeClock
from watchdog.base.errors import SourceUnavailableError
from watchdog.sources.demo.scenarios import every_fault
from watchdog.sources.demo.scheduler_view import DemoScheduler
from watchdog.sources.demo.sensors import NAMES, XID_COUNTER
from watchdog.sources.scrape import Target
from watchdog.sources.slurm_series import SlurmSeries

LABELS = ["gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname", "DCGM_FI_DRIVER_VERSION"]


@pytest.fixture(scope="module")
def demo():
    return cluster(every_fault())


@pytest.fixture(scope="module")
def pages(demo):
    found = [demo.slurm_page(START)]
    for node in demo.node_names:
        try:
            found.append(demo.page(node, START))
        except SourceUnavailableError:
            continue
    return found


def test_promtool_reads_every_page(pages):
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool is not installed")
    for page in pages:
        done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, check=False)
        # 3 is lint alone: DCGM's names are not in Prometheus' style.
        assert done.returncode in {0, 3}, done.stderr.decode()


def test_every_series_has_dcgm_exporters_labels_in_its_order(pages):
    lines = [line for line in pages[1].decode().splitlines() if line.startswith("DCGM_")]
    assert len(lines) > 300
    for line in lines:
        names = [part.partition("=")[0] for part in line.partition("{")[2].partition("}")[0].split(",")]
        assert names == LABELS


def test_every_name_is_on_the_page_and_each_family_once(pages):
    names = [line.split()[2] for line in pages[1].decode().splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    usual = set(NAMES) - {"DCGM_FI_DEV_XID_ERRORS"}
    assert usual <= set(names) <= {*NAMES, XID_COUNTER, "watchdog_exporter_last_success_timestamp_seconds"}


def test_slurms_page_tells_jobs_their_gpus_and_nodes(pages):
    families = {f.name: f.samples for f in text_string_to_metric_families(pages[0].decode())}
    running = {s.labels["job_id"] for s in families["slurm_job_info"] if s.labels["state"] == "RUNNING"}
    assert running
    assert running == {s.labels["job_id"] for s in families["slurm_job_gpu"] if s.labels["job_id"] in running}
    assert {s.labels["node"] for s in families["slurm_node_info"]} == {"gpu01", "gpu02", "gpu03", "gpu04"}
    for sample in families["slurm_job_info"]:
        assert sample.labels.keys() >= {"user", "account", "partition", "name"}


def test_slurms_page_is_read_back_as_the_demo_cluster_tells_it(demo):
    clock = FakeClock(START)
    told = DemoScheduler(demo, clock).snapshot()
    read = SlurmSeries.scraped([Target("demo", lambda: demo.slurm_page(START))], clock).snapshot()
    assert [(job.job_id, job.name, job.holds) for job in read.jobs] == [(j.job_id, j.name, j.holds) for j in told.jobs]
    assert read.nodes == told.nodes
