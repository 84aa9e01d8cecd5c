import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import NOON
from tests.unit.sources.slurm_recorded import VERSIONS, Commands
from watchdog.base.clock import FakeClock
from watchdog.base.errors import SourceAuthError, SourceFormatError, SourceUnavailableError
from watchdog.model.slurm.records import GpuHold, JobState
from watchdog.model.telemetry import Window
from watchdog.sources.slurm_cli import SlurmCli
from watchdog.sources.slurm_commands import Output, ask, run

GIB = 2**30
DAY = Window(datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC))


@pytest.fixture(params=VERSIONS)
def commands(request):
    return Commands(request.param)


@pytest.fixture
def slurm(commands):
    return SlurmCli(FakeClock(NOON), run=commands)


@pytest.fixture
def jobs(slurm):
    return {job.job_id if job.array_job_id else job.name: job for job in slurm.snapshot().jobs}


def named(jobs, start):
    return next(job for name, job in jobs.items() if name.startswith(start))


def test_a_snapshot_takes_four_commands_that_only_read(slurm, commands):
    assert not slurm.snapshot().problems
    assert [call[0] for call in commands.calls] == ["squeue", "scontrol", "scontrol", "scontrol"]
    assert commands.calls[1:] == [
        ["scontrol", "--all", "--details", "show", "job"],
        ["scontrol", "--all", "--details", "show", "node"],
        ["scontrol", "--all", "show", "partition"],
    ]
    queue = commands.calls[0]
    assert queue[:4] == ["squeue", "--noheader", "--all", "--states=all"]
    assert queue[4].startswith("--format=") or queue[4].startswith("--Format=")
    assert len(queue) == 5


def test_no_command_asks_for_a_single_node_whose_allocation_would_be_stale(slurm, commands):
    slurm.snapshot()
    slurm.finished(DAY)
    assert not [call for call in commands.calls if any("gn00" in word for word in call)]


def test_delimiters_differ_from_call_to_call_so_that_no_name_can_forge_them(slurm, commands):
    slurm.snapshot()
    slurm.snapshot()
    assert commands.calls[0] != commands.calls[4]


@pytest.mark.parametrize("argv", [["scancel", "1"], ["scontrol", "update", "x"], ["sbatch"], ["sacctmgr", "show"]])
def test_what_could_change_the_cluster_is_not_run(argv):
    with pytest.raises(SourceFormatError, match="only reads"):
        ask(lambda *_: pytest.fail("was run"), argv, 1)


def test_a_job_over_two_nodes_holds_gpus_on_each(jobs):
    job = jobs["multi"]
    assert (job.state, job.user, job.account, job.comment) == (JobState.RUNNING, "root", "research", "hello")
    assert (job.nodes, job.node_count, job.gpus, job.gpu_type) == (("gn001", "gn002"), 2, 4, "h100")
    assert [hold.count for hold in job.holds] == [2, 2]
    assert {hold.node for hold in job.holds} == {"gn001", "gn002"}
    assert all(len(hold.indexes) == 2 for hold in job.holds)
    assert job.time_limit_seconds == 3600
    assert job.ended_at is None
    assert (job.exit_code, job.signal) == (None, None)


def test_a_pipe_and_quotes_in_a_name_shift_no_field(jobs):
    job = jobs['a|b "c" <b>x</b> ; $y']
    assert (job.user, job.state, job.gpus, job.cpus) == ("root", JobState.RUNNING, 1, 2)
    assert job.memory_bytes == 8 * GIB


def test_newlines_in_names_and_comments_forge_neither_jobs_nor_gpus(jobs):
    job = named(jobs, "new\nline")
    assert job.user == "root"
    assert job.name == "new\nline\n   UserId=evil(1)"
    assert "JobId=1 JobName=fake" in job.comment
    assert sum(hold.count for hold in job.holds) == 1
    assert not [other for other in jobs.values() if other.raw_id == 1]


def test_invalid_utf8_in_a_name_loses_its_bytes_only(jobs):
    names = {job.name for job in jobs.values() if "red" in job.name}
    assert names == {"\x1b[31mred\ufffd"}


def test_waiting_tasks_of_an_array_are_one_job(jobs):
    rest = next(job for job in jobs.values() if job.array_tasks)
    assert (rest.job_id, rest.array_tasks) == (f"{rest.array_job_id}_[{rest.array_tasks}]", rest.array_tasks)
    assert rest.array_tasks.endswith("%2")
    tasks = [job for job in jobs.values() if job.array_job_id == rest.array_job_id and not job.array_tasks]
    assert all(job.job_id.startswith(f"{rest.array_job_id}_") for job in tasks)


def test_components_of_a_heterogeneous_job_are_told_apart(slurm):
    ids = sorted(job.job_id for job in slurm.snapshot().jobs if job.name == "het")
    base = ids[0].partition("+")[0]
    assert ids == [f"{base}+0", f"{base}+1"]


@pytest.mark.parametrize(
    ("name", "state", "code", "signal"),
    [("exit3", "FAILED", 3, 0), ("sig9", "FAILED", 0, 9), ("code139", "FAILED", 139, 0), ("ok", "COMPLETED", 0, 0)],
)
def test_exit_codes_are_read(jobs, name, state, code, signal):
    job = jobs[name]
    assert (job.state, job.exit_code, job.signal) == (JobState(state), code, signal)
    assert job.started_at <= job.ended_at


def test_a_job_cancelled_while_it_waited_never_started(jobs):
    job = jobs["never-ran"]
    assert (job.state, job.started_at, job.nodes) == (JobState.CANCELLED, None, ())
    assert job.ended_at is not None


def test_waiting_jobs_say_why_and_for_how_much(jobs):
    assert jobs["held"].reason == "JobHeldUser"
    assert jobs["held"].priority == 0
    assert (jobs["held"].gpus, jobs["held"].holds) == (2, ())
    assert jobs["after"].reason == "Dependency"
    assert jobs["after"].dependency.startswith("afterok:")
    assert jobs["later"].reason == "BeginTime"
    assert jobs["later"].started_at is None
    assert jobs["big"].time_limit_seconds == 86_400
    assert (jobs["big"].gpus, jobs["big"].node_count) == (8, 2)


def test_a_node_tells_its_gpus_and_why_it_drains(slurm):
    nodes = {node.node: node for node in slurm.snapshot().nodes}
    first, drained = nodes["gn001"], nodes["gn002"]
    assert (first.state, first.gpus, first.gpu_types, first.partitions) == (
        "MIXED",
        4,
        (("h100", 4),),
        ("gpu", "debug"),
    )
    assert first.gpu_indexes_used == tuple(range(first.gpus_allocated))
    assert first.takes_work
    assert "DRAIN" in drained.flags
    assert not drained.takes_work
    assert drained.reason == 'ECC errors | "quoted", ünïcode State=DOWN [x@y]'
    assert drained.reason_by == "root"
    assert drained.reason_at.date() == DAY.since.date()


def test_four_of_four_gpus_in_use_is_mixed_and_not_allocated(slurm):
    busy = [node for node in slurm.snapshot().nodes if node.gpus_allocated == node.gpus]
    assert busy
    assert {node.state for node in busy} == {"MIXED"}


def test_partitions_are_read(slurm):
    gpu, debug = slurm.snapshot().partitions
    assert (gpu.partition, gpu.state, gpu.nodes, gpu.is_default) == ("gpu", "UP", ("gn001", "gn002"), True)
    assert (gpu.max_time_seconds, debug.max_time_seconds, debug.default_time_seconds) == (604_800, 1800, 300)
    assert gpu.max_nodes is None


def test_without_job_details_the_rest_of_the_snapshot_stands(slurm, commands):
    commands.fail["scontrol-job"] = Output(1, "", "slurm_load_jobs error: Socket timed out on send/recv operation")
    snapshot = slurm.snapshot()
    assert snapshot.jobs
    assert not any(job.holds for job in snapshot.jobs)
    assert "which GPUs the jobs hold is not known" in snapshot.problems[0]


def test_jobs_that_finished_come_with_their_steps_and_true_exit_codes(slurm):
    finished = slurm.finished(DAY)
    jobs = {job.name: job for job in finished.jobs}
    assert (jobs["exit3"].state, jobs["exit3"].exit_code) == (JobState.FAILED, 3)
    assert (jobs["sig9"].exit_code, jobs["sig9"].signal) == (0, 9)
    assert jobs["ok"].state is JobState.COMPLETED
    assert "multi" not in jobs
    step = next(step for step in finished.steps if step.job_id == jobs["exit3"].job_id)
    assert (step.step_id, step.state, step.exit_code) == ("batch", JobState.FAILED, 3)
    assert not finished.problems


def test_a_window_is_half_open(slurm):
    end = next(job.ended_at for job in slurm.finished(DAY).jobs)
    second = timedelta(seconds=1)
    assert end in {job.ended_at for job in slurm.finished(Window(end, end + second)).jobs}
    assert end not in {job.ended_at for job in slurm.finished(Window(end - second, end)).jobs}


def test_sacct_is_asked_in_utc_for_all_users(slurm, commands):
    slurm.finished(DAY)
    call = commands.calls[-1]
    assert "--starttime=2026-11-24T00:00:00" in call
    assert {"--allusers", "--duplicates", "--noheader", "--parsable"} <= set(call)


def test_without_accounting_there_is_nothing_but_a_problem(slurm, commands):
    commands.fail["sacct"] = Output(1, "", "Slurm accounting storage is disabled")
    finished = slurm.finished(DAY)
    assert finished.jobs == ()
    assert "accounting storage is disabled" in finished.problems[0]


def test_accounting_that_does_not_answer_is_an_error_so_that_nothing_is_taken_as_read(slurm, commands):
    commands.fail["sacct"] = Output(1, "", "sacct: error: slurmdbd: Unable to connect to database")
    with pytest.raises(SourceUnavailableError):
        slurm.finished(DAY)


@pytest.mark.parametrize(
    ("said", "kind", "hint"),
    [
        ("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", SourceUnavailableError, "ping"),
        ("slurm_load_jobs error: Access/permission denied", SourceAuthError, "PrivateData"),
        ("squeue: error: Munge encode failed: Failed to access", SourceAuthError, "munge"),
        ("squeue: fatal: Unable to process configuration file", SourceUnavailableError, "slurm.conf"),
        ("squeue: unrecognized option '--Format'", SourceFormatError, "20.11"),
        ("", SourceUnavailableError, "shell"),
    ],
)
def test_refusals_say_what_to_do(slurm, commands, said, kind, hint):
    commands.fail["squeue"] = Output(1, "", said)
    with pytest.raises(kind) as caught:
        slurm.snapshot()
    assert hint in caught.value.hint
    assert slurm.status().error
    assert slurm.status().last_success_at is None


def test_the_status_tells_the_last_success(slurm):
    slurm.snapshot()
    status = slurm.status()
    assert status.last_success_at == NOON
    assert status.samples == 19
    assert not status.error


def test_a_missing_command_says_so():
    with pytest.raises(SourceUnavailableError) as caught:
        run(["squeue-that-is-not-there"], 5)
    assert "PATH" in caught.value.hint


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path):
    script = tmp_path / "squeue"
    script.write_text(f"#!/bin/sh\nsleep 600 & echo $! > {tmp_path}/child\nwait\n")
    script.chmod(0o755)
    with pytest.raises(SourceUnavailableError, match="no answer within"):
        run([str(script)], 0.3)
    child = int((tmp_path / "child").read_text())
    time.sleep(0.05)
    process = Path(f"/proc/{child}/stat")
    assert not process.exists() or process.read_text().split()[2] == "Z"


def test_defaults_of_people_do_not_change_what_commands_print(monkeypatch):
    monkeypatch.setenv("SQUEUE_FORMAT", "%i")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    out = run(["env"], 5).out.splitlines()
    assert not [line for line in out if line.startswith("SQUEUE_")]
    assert {"LC_ALL=C", "TZ=UTC", "SLURM_TIME_FORMAT=standard"} <= set(out)


def test_bytes_that_are_no_text_are_replaced():
    assert run(["printf", "a\\377b"], 5).out == "a\ufffdb"


@pytest.fixture
def hold_of(jobs):
    return {hold for job in jobs.values() for hold in job.holds}


def test_no_gpu_is_held_twice(hold_of):
    places = [(hold.node, index) for hold in hold_of for index in hold.indexes]
    assert len(places) == len(set(places))
    assert all(isinstance(hold, GpuHold) for hold in hold_of)
