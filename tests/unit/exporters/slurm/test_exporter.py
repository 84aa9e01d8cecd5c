import dataclasses
from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.unit.exporters.slurm.fake_slurm import FakeSlurm
from tests.unit.exporters.support import samples
from tests.unit.slurm_snapshots import job, node
from watchdog.base.clock import FakeClock
from watchdog.exporters.failure import CollectError
from watchdog.exporters.slurm.exporter import SlurmExporter, SlurmOptions
from watchdog.model.slurm.records import GpuHold, JobState
from watchdog.sources.scrape import Target
from watchdog.sources.slurm_series import SlurmSeries


def exporter(fake, clock=None, **options) -> SlurmExporter:
    return SlurmExporter(SlurmOptions(**options), clock or FakeClock(NOON), fake)


def collected(fake, **options) -> dict:
    """The page after one collection, as samples."""
    one = exporter(fake, **options)
    attempt = one.collect_once()
    assert attempt.success, attempt.error
    return samples(one.page())


def value(found, name, /, **labels) -> float:
    (only,) = [number for having, number in found[name] if labels.items() <= having.items()]
    return only


# ---- how much Slurm is asked ----


@pytest.mark.parametrize("trouble", ["none", "a new job each minute", "slurmctld is down"])
def test_at_the_default_interval_no_hour_takes_more_than_240_commands(trouble):
    fake, clock = FakeSlurm([job()], [node()]), FakeClock(NOON)
    if trouble == "slurmctld is down":
        fake.failing[""] = CollectError("no answer", reason="timeout")
    one, runs = exporter(fake, clock), []
    for minute in range(180):
        if trouble == "a new job each minute":
            fake.jobs = [job(str(minute + 1), started_at=clock.now())]
        one.collect_once()
        one.page()
        one.page()
        runs.append(sum(fake.runs.values()))
        clock.sleep(60)
    assert max(later - earlier for earlier, later in zip([0, *runs], runs[59:], strict=False)) <= 240


def test_scrapes_run_no_commands():
    fake = FakeSlurm([job()], [node()])
    one = exporter(fake)
    one.collect_once()
    before = sum(fake.runs.values())
    for _ in range(50):
        one.page()
    assert sum(fake.runs.values()) == before


def test_the_commands_are_counted_on_the_page():
    fake = FakeSlurm([job()], [node()])
    found = collected(fake)
    assert sum(number for _, number in found["slurm_exporter_commands_total"]) == sum(fake.runs.values())


def test_which_gpus_a_job_holds_is_asked_once_for_its_life():
    fake, clock = FakeSlurm([job()], [node()]), FakeClock(NOON)
    one = exporter(fake, clock)
    for _ in range(5):
        one.collect_once()
        clock.sleep(60)
    assert fake.runs["scontrol job"] == 1
    assert [labels["gpu_index"] for labels, _ in samples(one.page())["slurm_job_gpu"]] == ["0", "1"]


def test_a_requeued_job_is_asked_about_again():
    fake, clock = FakeSlurm([job()], [node()]), FakeClock(NOON)
    one = exporter(fake, clock)
    one.collect_once()
    clock.sleep(60)
    fake.jobs = [job(started_at=NOON + timedelta(seconds=30), holds=(GpuHold("gn001", 2, (2, 3)),))]
    one.collect_once()
    assert [labels["gpu_index"] for labels, _ in samples(one.page())["slurm_job_gpu"]] == ["2", "3"]


def test_an_ended_job_keeps_the_gpus_that_it_held():
    fake, clock = FakeSlurm([job()], [node()]), FakeClock(NOON)
    one = exporter(fake, clock)
    one.collect_once()
    clock.sleep(60)
    fake.jobs = [dataclasses.replace(job(), state=JobState.COMPLETED, ended_at=NOON)]
    one.collect_once()
    assert len(samples(one.page())["slurm_job_gpu"]) == 2
    assert fake.runs["scontrol job"] == 1


# ---- what is told ----


def test_the_page_is_read_back_as_the_jobs_and_nodes_that_slurm_told():
    fake = FakeSlurm([job(), job("2", JobState.PENDING, reason="Resources", nodes=())], [node()])
    one = exporter(fake)
    one.collect_once()
    got = SlurmSeries.scraped([Target("x", one.page)], FakeClock(NOON)).snapshot()
    assert [(j.job_id, j.state, j.reason, j.gpus, j.holds) for j in got.jobs] == [
        ("1", JobState.RUNNING, "", 2, (GpuHold("gn001", 2, (0, 1)),)),
        ("2", JobState.PENDING, "Resources", 2, ()),
    ]
    assert (got.taken_at, got.problems, got.nodes[0].gpus_allocated) == (NOON, (), 2)
    assert got.partitions[0].nodes == ("gn001", "gn002", "gn003", "gn004")


def test_a_node_of_two_partitions_is_counted_once_in_totals_and_once_in_each():
    both = node("gn001", partitions=("gpu", "debug"))
    found = collected(FakeSlurm([], [both, node("gn002", "IDLE", gpus_allocated=0, cpus_allocated=0)]))
    assert value(found, "slurm_cpus_total") == 64
    assert value(found, "slurm_gpus_total") == 8
    assert value(found, "slurm_nodes_total") == 2
    assert value(found, "slurm_partition_cpus_total", partition="gpu") == 64
    assert value(found, "slurm_partition_gpus_total", partition="debug", gpu_type="h100") == 4


def test_what_is_free_on_a_drained_node_is_other_and_not_idle():
    found = collected(FakeSlurm([], [node(flags=frozenset({"DRAIN"}), reason="bad fan")]))
    assert [value(found, f"slurm_gpus_{use}") for use in ("alloc", "idle", "other", "total")] == [2, 0, 2, 4]
    assert value(found, "slurm_nodes_drain") == 1
    assert value(found, "slurm_node_info", node="gn001", reason="bad fan", flags="DRAIN", reason_by="root") == 1
    assert value(found, "slurm_node_reason_timestamp_seconds", node="gn001") == (NOON - timedelta(hours=1)).timestamp()


def test_an_array_counts_as_its_tasks_in_the_queue():
    rest = job("7_[3-12%2]", JobState.PENDING, reason="JobArrayTaskLimit", array_job_id=7, gpus=1)
    found = collected(FakeSlurm([rest], [node()]))
    assert value(found, "slurm_queue_pending") == 10
    assert value(found, "slurm_queue_gpus", state="PENDING", reason="JobArrayTaskLimit") == 10


def test_the_queue_is_told_by_state_partition_user_account_and_reason():
    jobs = [job("1"), job("2", JobState.PENDING, reason="Dependency"), job("3", JobState.PENDING, reason="Priority")]
    found = collected(FakeSlurm(jobs, [node()]))
    labels = {"state": "PENDING", "partition": "gpu", "user": "ada", "account": "research", "reason": "Priority"}
    assert value(found, "slurm_queue_jobs", **labels) == 1
    assert value(found, "slurm_queue_pending_dependency") == 1
    assert value(found, "slurm_account_jobs_pending", account="research") == 2
    assert value(found, "slurm_user_gpus_running", user="ada") == 2


def test_reasons_with_lists_of_nodes_are_one_reason():
    jobs = [job(str(n), JobState.PENDING, reason=f"ReqNodeNotAvail, UnavailableNodes:gn00{n}(x") for n in range(1, 4)]
    found = collected(FakeSlurm(jobs, [node()]))
    assert value(found, "slurm_queue_jobs", reason="ReqNodeNotAvail") == 3


def test_scheduler_licences_reservations_and_fair_share_are_told():
    found = collected(FakeSlurm([], [node()]))
    assert value(found, "slurm_scheduler_threads") == 3
    assert value(found, "slurm_scheduler_backfill_last_cycle") == 4002
    assert value(found, "slurm_rpc_stats", operation="REQUEST_NODE_INFO") == 281
    assert value(found, "slurm_user_rpc_stats", user="root") == 2986
    assert value(found, "slurm_license_used", license="ansys") == 1
    assert value(found, "slurm_reservation_end_time_seconds", reservation_name="maint") == NOON.timestamp() + 3600
    assert value(found, "slurm_user_fairshare", user="ada", account="research") == 0.75
    assert "slurm_user_fairshare_raw_shares" not in found


HOSTILE = 'a|b "q" \\n\n<b>x</b> 🦙 \x1b[31m; DROP TABLE jobs'


def test_a_hostile_name_comes_through_as_it_is():
    found = collected(FakeSlurm([job(name=HOSTILE, comment="\x1e\x1f|")], [node()]))
    assert value(found, "slurm_job_info", name=HOSTILE) == 1


def test_a_name_that_pretends_to_be_another_jobs_record_gives_nobody_gpus():
    forged = "x\nJobId=2 JobName=y\n     Nodes=gn009 CPU_IDs=0 Mem=1 GRES=gpu:h100:8(IDX:0-7)\n   MinCPUsNode=1"
    fake = FakeSlurm([job("1", name=forged), job("2", gpus=2)], [node()])
    found = collected(fake)
    assert {labels["node"] for labels, _ in found["slurm_job_gpu"]} == {"gn001"}


def test_an_empty_queue_is_no_failure():
    found = collected(FakeSlurm([], [node()]))
    assert "slurm_job_info" not in found
    assert value(found, "slurm_queue_running") == 0


# ---- too many jobs ----


def test_beyond_the_limit_jobs_have_no_series_and_the_page_says_how_many():
    jobs = [job(str(n), JobState.PENDING, priority=float(n), gpus=0) for n in range(2, 12)] + [job("1")]
    found = collected(FakeSlurm(jobs, [node()]), max_jobs=3)
    assert {labels["job_id"] for labels, _ in found["slurm_job_info"]} == {"1", "11", "10"}
    assert value(found, "slurm_exporter_jobs_cut") == 8
    assert value(found, "slurm_exporter_jobs") == 11
    assert value(found, "slurm_queue_pending") == 10


def test_very_many_users_are_summed_as_others():
    jobs = [job(str(n), user=f"user{n}", gpus=0, holds=()) for n in range(1, 2102)]
    found = collected(FakeSlurm(jobs, [node()]))
    assert value(found, "slurm_user_jobs_running", user="(others)") == 101
    assert sum(number for _, number in found["slurm_queue_jobs"]) == 2101


# ---- Slurm in trouble ----


def test_while_slurmctld_is_down_the_values_age_and_then_vanish():
    fake, clock = FakeSlurm([job()], [node()]), FakeClock(NOON)
    one = exporter(fake, clock)
    one.collect_once()
    fake.failing["scontrol"] = (1, "slurm_load_node error: Unable to contact slurm controller (connect failure)")
    clock.sleep(170)
    assert not one.collect_once().success
    assert value(samples(one.page()), "watchdog_exporter_snapshot_age_seconds") == 170
    clock.sleep(20)
    found = samples(one.page())
    assert not [name for name in found if name.startswith("slurm_") and not name.startswith("slurm_exporter_")]
    assert value(found, "slurm_exporter_command_failures_total", part="nodes", reason="unreachable") == 1
    assert value(found, "watchdog_exporter_failures_total", reason="unreachable") == 1


@pytest.mark.parametrize("part", ["sdiag", "sshare", "licenses", "reservations", "partition", "show job"])
def test_a_part_that_fails_costs_only_itself(part):
    fake = FakeSlurm([job()], [node()])
    fake.failing[part] = CollectError("no answer", reason="timeout")
    found = collected(fake)
    assert value(found, "slurm_job_info", job_id="1") == 1
    assert sum(number for _, number in found["slurm_exporter_command_failures_total"]) == 1


def test_rare_parts_are_served_until_they_are_old_and_then_vanish():
    fake, clock = FakeSlurm([], [node()]), FakeClock(NOON)
    one = exporter(fake, clock)
    one.collect_once()
    fake.failing["sdiag"] = CollectError("no answer", reason="timeout")
    for _ in range(12):
        clock.sleep(60)
        one.collect_once()
    assert "slurm_scheduler_threads" in samples(one.page())
    clock.sleep(60)
    one.collect_once()
    found = samples(one.page())
    assert "slurm_scheduler_threads" not in found
    assert value(found, "slurm_exporter_part_timestamp_seconds", part="scheduler") == NOON.timestamp()


def test_what_could_not_be_read_is_told_on_the_page():
    fake = FakeSlurm([job()], [node()])
    fake.failing["show job"] = CollectError("no answer", reason="timeout")
    (labels,) = [labels for labels, _ in collected(fake)["slurm_snapshot_problem_info"]]
    assert "which GPUs a job holds could not be read" in labels["problem"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", "unreachable"),
        ("error: Munge encode failed: Failed to access munge.socket.2", "munge"),
        ("slurm_load_jobs error: Access/permission denied", "permission"),
        ("fatal: Could not establish a configuration source; no slurm.conf", "config"),
        ("", "exit"),
    ],
)
def test_a_failure_is_counted_under_a_reason_with_a_hint(said, reason):
    fake = FakeSlurm([job()], [node()])
    fake.failing["squeue"] = (1, said)
    one = exporter(fake)
    assert not one.collect_once().success
    assert value(samples(one.page()), "watchdog_exporter_failures_total", reason=reason) == 1
