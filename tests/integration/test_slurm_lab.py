"""Jobs and nodes of a real Slurm: the commands, slurmrestd and the exporter must tell the same of each state."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.integration.slurm_views import viewed
from tests.lab.cluster import LabOptions, missing_programs
from watchdog.model.slurm.records import ACTIVE, ENDED, GpuHold, JobState

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def views(slurm_lab):
    with viewed(slurm_lab) as views:
        yield views


@pytest.fixture(scope="module", autouse=True)
def overdue(views):
    """A job that is about to time out; slurmctld looks at time limits twice a minute only."""
    job = views.lab.submit("sleep 300", "--time=1", "-J", "overdue")
    views.job(job, lambda job: job.state is JobState.RUNNING)
    end = (datetime.now(UTC) + timedelta(seconds=1)).astimezone().strftime("%Y-%m-%dT%H:%M:%S")
    views.lab.run("scontrol", "update", f"jobid={job}", f"EndTime={end}", check=True)
    return job


def ended(job):
    return job.state in ENDED


def running(job):
    return job.state is JobState.RUNNING and bool(job.started_at)


def test_a_running_job_holds_gpus_of_known_places(views):
    job = views.lab.submit("sleep 300", "--gres=gpu:2", "-A", "teaching", "-w", "gn002", "-J", 'two gpus | "quoted"')
    seen = views.job(job, running)
    assert (seen.name, seen.account, seen.gpus, seen.gpu_type) == ('two gpus | "quoted"', "teaching", 2, "h100")
    assert seen.holds == (GpuHold("gn002", 2, (0, 1)),)
    node = views.node("gn002", lambda node: node.gpus_allocated == 2)
    assert (node.state, node.gpu_indexes_used, node.gpus) == ("MIXED", (0, 1), 4)


def test_a_job_over_two_nodes_holds_gpus_on_both(views):
    job = views.lab.submit("sleep 300", "-N2", "--gres=gpu:4", "-w", "gn003,gn004")
    seen = views.job(job, running)
    assert seen.nodes == ("gn003", "gn004")
    assert seen.holds == (GpuHold("gn003", 4, (0, 1, 2, 3)), GpuHold("gn004", 4, (0, 1, 2, 3)))
    # All GPUs in use, and yet the node is not "allocated": CPUs are free.
    assert views.node("gn003", lambda node: node.gpus_allocated == 4).state == "MIXED"
    views.lab.run("scancel", job, check=True)
    views.job(job, ended)


def test_a_job_that_succeeds_is_completed(views):
    seen = views.job(views.lab.submit("true"), ended)
    assert (seen.state, seen.exit_code, seen.signal) == (JobState.COMPLETED, 0, 0)
    assert seen.submitted_at <= seen.started_at <= seen.ended_at


def test_a_job_that_fails_keeps_its_exit_code(views):
    seen = views.job(views.lab.submit("exit 3"), ended)
    assert (seen.state, seen.exit_code, seen.reason) == (JobState.FAILED, 3, "NonZeroExitCode")


def test_a_job_that_is_cancelled_while_it_runs(views):
    job = views.lab.submit("sleep 300")
    views.job(job, running)
    views.lab.run("scancel", job, check=True)
    assert views.job(job, ended).state is JobState.CANCELLED


def test_a_job_that_is_cancelled_while_it_waits_never_started(views):
    job = views.lab.submit("true", "--begin=now+1hour")
    assert views.job(job, lambda job: job.reason == "BeginTime").state is JobState.PENDING
    views.lab.run("scancel", job, check=True)
    seen = views.job(job, ended)
    assert (seen.state, seen.started_at) == (JobState.CANCELLED, None)


def test_a_requeued_job_waits_again(views):
    job = views.lab.submit("sleep 300", "--requeue")
    views.job(job, running)
    views.lab.run("scontrol", "requeue", job, check=True)
    seen = views.job(job, lambda job: job.state is JobState.PENDING)
    assert (seen.started_at, seen.holds) == (None, ())


def test_an_array_shows_its_running_tasks_and_the_rest(views):
    job = views.lab.submit("sleep 300", "--array=1-6%2")
    assert views.job(f"{job}_1", running).array_job_id == int(job)
    rest = views.job(f"{job}_[3-6%2]", lambda job: job.reason == "JobArrayTaskLimit")
    assert (rest.array_tasks, rest.state) == ("3-6%2", JobState.PENDING)
    views.lab.run("scancel", job, check=True)


def test_a_job_that_depends_on_another_waits_for_it(views):
    first = views.lab.submit("sleep 300")
    second = views.lab.submit("true", f"--dependency=afterok:{first}")
    assert views.job(second, lambda job: job.reason == "Dependency").state is JobState.PENDING
    views.lab.run("scancel", first, check=True)
    assert views.job(second, lambda job: job.reason == "DependencyNeverSatisfied").state is JobState.PENDING


def test_a_job_that_asks_for_too_many_gpus_of_its_qos_waits(views):
    job = views.lab.submit("true", "--qos=onegpu", "--gres=gpu:2")
    assert views.job(job, lambda job: job.reason.startswith("QOSMax")).qos == "onegpu"


def test_a_suspended_job_keeps_its_gpus(views):
    job = views.lab.submit("sleep 300", "--gres=gpu:1", "-w", "gn001")
    views.job(job, running)
    views.lab.run("scontrol", "suspend", job, check=True)
    seen = views.job(job, lambda job: job.state is JobState.SUSPENDED)
    assert len(seen.holds) == 1


def test_a_drained_node_tells_why_and_by_whom_and_comes_back(views):
    reason = 'fan | "broken" [bay 3]'
    views.lab.run("scontrol", "update", "nodename=gn004", "state=drain", f"reason={reason}", check=True)
    node = views.node("gn004", lambda node: "DRAIN" in node.flags)
    assert (node.reason, node.takes_work) == (reason, False)
    assert node.reason_by == views.lab.run("whoami").stdout.strip()
    views.lab.run("scontrol", "update", "nodename=gn004", "state=resume", check=True)
    assert views.node("gn004", lambda node: not node.flags).takes_work


def test_a_node_that_is_set_down_and_resumed(views):
    views.lab.run("scontrol", "update", "nodename=gn004", "state=down", "reason=psu", check=True)
    assert not views.node("gn004", lambda node: node.state == "DOWN").takes_work
    views.lab.run("scontrol", "update", "nodename=gn004", "state=resume", check=True)
    assert views.node("gn004", lambda node: node.state == "IDLE" and not node.flags).reason == ""


def test_a_job_with_a_hostile_name_is_the_same_everywhere(views):
    name = "a|b;<b>x</b> `id` 'q' \N{LLAMA} \x1b[31m JobId=1 State=DOWN"
    job = views.lab.submit("sleep 300", "-J", name)
    assert views.job(job, running).name == name


def test_a_dynamic_node_joins_and_leaves(views):
    views.lab.join_node("dyn1", "CPUs=8 RealMemory=8000 Gres=gpu:h100:2 Feature=dyn")
    node = views.node("dyn1", lambda node: node.state == "IDLE")
    assert (node.cpus, node.gpus, "DYNAMIC_NORM" in node.flags) == (8, 2, True)
    views.lab.stop_node("dyn1")
    views.lab.run("scontrol", "delete", "nodename=dyn1", check=True)
    views.gone("dyn1")


def test_a_job_over_its_time_limit_times_out(views, overdue):
    end = time.monotonic() + 45
    while time.monotonic() < end and not ended(next(j for j in views.cli.snapshot().jobs if j.job_id == overdue)):
        time.sleep(0.5)
    seen = views.job(overdue, ended)
    assert (seen.state, seen.reason) == (JobState.TIMEOUT, "TimeLimit")


def test_the_whole_snapshots_hold_the_same_jobs_and_nodes(views):
    told = views.snapshots()
    assert {len(snap.jobs) for snap in told.values()} == {len(told["cli"].jobs)}
    assert len({tuple(sorted(node.node for node in snap.nodes)) for snap in told.values()}) == 1
    assert told["cli"].problems == told["series"].problems == ()
    assert any(job.state in ACTIVE for job in told["series"].jobs)


CRASHING = """
import sys, time
from tests.lab.cluster import LabOptions, running_lab
with running_lab(LabOptions(nodes=1, accounting=False, rest=False)) as lab:
    lab.submit("trap '' TERM; sleep 300 & wait; sleep 300")
    time.sleep(1.5)
    print(lab.folder, flush=True)
    time.sleep(300)
"""


def test_nothing_of_a_lab_survives_tests_that_are_killed():
    if missing := missing_programs(LabOptions(accounting=False, rest=False)):
        pytest.skip(f"{', '.join(missing)} missing")
    with subprocess.Popen([sys.executable, "-c", CRASHING], cwd=ROOT, stdout=subprocess.PIPE, text=True) as tests:
        folder = tests.stdout.readline().strip()
        assert left_of(folder)
        tests.kill()
    end = time.monotonic() + 20
    while (left_of(folder) or Path(folder).exists()) and time.monotonic() < end:
        time.sleep(0.1)
    assert left_of(folder) == []
    assert not Path(folder).exists()


def left_of(folder: str) -> list[str]:
    """Processes that have the lab's slurm.conf in their environment or its name in their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if folder.encode() in words:
            found.append(words.decode(errors="replace")[:80])
    return found
