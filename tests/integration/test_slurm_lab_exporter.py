"""The Slurm exporter as a process, unprivileged, scraped directly and by Prometheus."""

import dataclasses
import os
import re
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

from tests.conftest import ROOT
from tests.integration.servers import running_prometheus, running_victoria, wait_for_samples
from tests.integration.slurm_views import viewed
from tests.unit.exporters.support import samples
from watchdog.base.clock import SystemClock
from watchdog.base.config import Config
from watchdog.base.errors import SourceAuthError
from watchdog.model.slurm.records import JobState
from watchdog.sources.promapi import PromApi
from watchdog.sources.scrape import http_target
from watchdog.sources.slurm_series import SlurmSeries

pytestmark = pytest.mark.integration
NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def unprivileged() -> list[str]:
    """What makes a command run as nobody, where that is possible and nobody may read this program."""
    probe = [*NOBODY, sys.executable, "-c", "import watchdog"]
    able = os.geteuid() == 0 and not subprocess.run(probe, cwd=ROOT, capture_output=True, check=False).returncode
    return NOBODY if able else []


@contextmanager
def exporter(lab, *options):
    """The exporter in a process of its own; yields `host:port`."""
    command = [*unprivileged(), sys.executable, "-B", "-m", "watchdog", "exporter", "slurm", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--interval", "1", *options], cwd=ROOT, env=lab.env, stderr=subprocess.PIPE, text=True
    )
    try:
        port = next((found[1] for line in process.stderr if (found := re.search(r"on port (\d+)", line))), None)
        assert port, "the exporter ended"
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=10)


def page(address: str) -> dict:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
        return samples(answer.read())


def wait_until(holds, seconds=20.0):
    end = time.monotonic() + seconds
    while not (got := holds()):
        assert time.monotonic() < end
        time.sleep(0.2)
    return got


@pytest.fixture(scope="module")
def views(slurm_lab):
    with viewed(slurm_lab) as views:
        job = slurm_lab.submit("sleep 300", "--gres=gpu:2", "-w", "gn001", "-J", 'say "hi"\\n|\N{LLAMA}')
        slurm_lab.submit("true", "--begin=now+1hour")
        views.job(job, lambda job: job.state is JobState.RUNNING and bool(job.holds))
        yield views


def without_instant(snapshot):
    return dataclasses.replace(snapshot, taken_at=None, jobs=tuple(sorted(snapshot.jobs, key=lambda job: job.job_id)))


def settled(snapshot):
    """Without what only someone who saw a job run knows of it."""
    jobs = [dataclasses.replace(job, holds=()) if job.ended_at else job for job in snapshot.jobs]
    return without_instant(dataclasses.replace(snapshot, jobs=tuple(jobs)))


def test_an_unprivileged_exporter_tells_what_the_commands_tell(views):
    with exporter(views.lab) as address:
        source = SlurmSeries.scraped([http_target(address)], SystemClock())
        wait_until(lambda: "slurm_job_info" in page(address))
        wait_until(lambda: settled(source.snapshot()) == settled(views.cli.snapshot()))


@pytest.mark.parametrize("running", [running_prometheus, running_victoria])
def test_the_same_comes_back_through_a_server(views, running, tmp_path):
    with exporter(views.lab) as address:
        wait_until(lambda: "slurm_job_info" in page(address))
        with running(tmp_path, [address]) as url:
            wait_for_samples(url, "slurm_job_info", at_least=2)
            source = SlurmSeries.asked(PromApi(Config(prometheus_url=url), SystemClock()), SystemClock())

            def same():
                ours = settled(source.snapshot())
                theirs = settled(views.cli.snapshot())
                # A server's vectors have no order.
                by_name = dataclasses.replace(
                    ours,
                    nodes=tuple(sorted(ours.nodes, key=lambda node: node.node)),
                    partitions=tuple(sorted(ours.partitions, key=lambda one: one.partition)),
                )
                return by_name == dataclasses.replace(
                    theirs,
                    nodes=tuple(sorted(theirs.nodes, key=lambda node: node.node)),
                    partitions=tuple(sorted(theirs.partitions, key=lambda one: one.partition)),
                )

            wait_until(same)


def test_a_token_is_asked_for(views):
    token = views.lab.folder / "work" / "token"
    token.write_text("sesame")
    with exporter(views.lab, "--token-file", str(token)) as address:
        with pytest.raises(SourceAuthError):
            SlurmSeries.scraped([http_target(address)], SystemClock()).snapshot()
        request = urllib.request.Request(f"http://{address}/metrics", headers={"Authorization": "Bearer sesame"})
        wait_until(lambda: b"slurm_job_info" in urllib.request.urlopen(request, timeout=5).read())
        assert SlurmSeries.scraped([http_target(address, token="sesame")], SystemClock()).snapshot().jobs


def test_a_controller_that_is_away_shows_as_age_and_comes_back(views):
    with exporter(views.lab, "--timeout", "3") as address:
        wait_until(lambda: "slurm_job_info" in page(address))
        views.lab.stop_daemon("slurmctld", 9)
        try:
            found = wait_until(lambda: failed(page(address)))
            assert found["watchdog_exporter_last_attempt_success"] == [({}, 0)]
            assert "slurm_job_info" in found
            assert found["watchdog_exporter_snapshot_age_seconds"][0][1] > 1
        finally:
            views.lab.start_controller()
        wait_until(lambda: page(address)["watchdog_exporter_last_attempt_success"] == [({}, 1)])


def failed(found):
    return found if "watchdog_exporter_failures_total" in found else None
