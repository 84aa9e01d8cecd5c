"""Pages in the names that these exporters use: their own documents' where there are any, else made from the names."""

import re

import pytest

from tests.conftest import NOON
from tests.unit.sources.test_slurm_series import over
from watchdog.model.slurm.records import JobState, QueueCount
from watchdog.sources.slurm_series_foreign import DIALECTS

SCKYZO = """slurm_exporter_collector_success{collector="node"} 1
slurm_node_cpu_total{node="gn1",partition="gpu",status="mixed"} 32
slurm_node_cpu_total{node="gn1",partition="debug",status="mixed"} 32
slurm_node_cpu_alloc{node="gn1",partition="gpu",status="mixed"} 8
slurm_node_cpu_alloc{node="gn1",partition="debug",status="mixed"} 8
slurm_node_mem_total{node="gn1",partition="gpu",status="mixed"} 1024
slurm_node_gres_total{node="gn1",partition="gpu",status="mixed",gres_type="gpu:A100"} 4
slurm_node_gres_total{node="gn1",partition="debug",status="mixed",gres_type="gpu:A100"} 4
slurm_node_gres_used{node="gn1",partition="gpu",status="mixed",gres_type="gpu:A100"} 3
slurm_node_cpu_total{node="gn2",partition="gpu",status="drained*"} 32
slurm_node_drain_reason_info{node="gn2",reason="bad fan"} 1
slurm_node_drain_since_timestamp_seconds{node="gn2"} 1772366400
slurm_partition_cpus_total{partition="gpu"} 64
slurm_queue_pending{partition="gpu",reason="Resources",user="alice"} 2
slurm_queue_running{partition="gpu",user="alice"} 1
"""


def test_sckyzos_node_in_two_partitions_is_counted_once():
    got = over(SCKYZO).snapshot()
    first, second = got.nodes
    assert (first.cpus, first.cpus_allocated, first.memory_bytes, first.gpus, first.gpus_allocated) == (
        32, 8, 2.0**30, 4, 3,
    )  # fmt: skip
    assert (first.partitions, first.gpu_types) == (("debug", "gpu"), (("A100", 4),))
    assert (second.state, second.flags, second.reason) == ("IDLE", {"DRAIN", "NOT_RESPONDING"}, "bad fan")
    assert second.reason_at == NOON
    assert not second.takes_work


def test_numbers_of_jobs_come_with_what_is_known_of_them():
    got = over(SCKYZO).snapshot()
    assert got.jobs == ()
    assert got.queue == (
        QueueCount(JobState.PENDING, 2, "gpu", "alice", reason="Resources"),
        QueueCount(JobState.RUNNING, 1, "gpu", "alice"),
    )
    assert got.problems == ("read from SckyzO's slurm_exporter: it names no single jobs: only how many there are",)


VPENSO = """slurm_scheduler_threads 3
slurm_node_cpu_total{node="c1",status="idle"} 8
slurm_node_cpu_alloc{node="c1",status="idle"} 0
slurm_node_mem_total{node="c1",status="idle"} 2048
slurm_node_mem_alloc{node="c1",status="idle"} 0
slurm_queue_pending 4
slurm_queue_running 0
"""


def test_vpensos_memory_is_in_mebibytes_and_its_gpus_are_unknown_not_zero():
    got = over(VPENSO).snapshot()
    (node,) = got.nodes
    assert (node.memory_bytes, node.memory_allocated_bytes, node.gpus, node.gpus_allocated) == (2.0**31, 0, None, None)
    assert got.queue == (QueueCount(JobState.PENDING, 4),)
    assert any("GPUs" in problem for problem in got.problems)


SLINKY = """slurm_nodes_allocated_total 1
slurm_node_cpus_total{node="s1"} 64
slurm_node_cpus_alloc_total{node="s1"} 64
slurm_node_memory_bytes{node="s1"} 4096
slurm_partition_jobs_pending_total{partition="all"} 5
slurm_partition_nodes_total{partition="all"} 1
"""


def test_slinkys_bytes_are_mebibytes_whatever_their_name_says():
    got = over(SLINKY).snapshot()
    assert got.nodes[0].memory_bytes == 4096 * 2**20
    assert (got.nodes[0].state, got.nodes[0].takes_work) == ("UNKNOWN", False)
    assert got.queue == (QueueCount(JobState.PENDING, 5, "all"),)
    assert [one.partition for one in got.partitions] == ["all"]


SLURMCTLD_NODES = """slurm_node_cpus{node="n1"} 16
slurm_node_cpus_effective{node="n1"} 16
slurm_node_cpus_alloc{node="n1"} 4
slurm_node_memory_bytes{node="n1"} 1073741824
slurm_node_gpus{node="n1"} 8
slurm_node_gpus_alloc{node="n1"} 2
"""


def test_slurmctlds_pages_together_give_nodes_and_queue():
    got = over(SLURMCTLD_NODES + "slurm_schedule_cycle_cnt 3\nslurm_jobs_pending 6\n").snapshot()
    assert (got.nodes[0].gpus, got.nodes[0].gpus_allocated, got.nodes[0].memory_bytes) == (8, 2, 2.0**30)
    assert got.queue == (QueueCount(JobState.PENDING, 6),)


def test_slurmctlds_page_of_nodes_alone_is_recognised():
    assert [node.node for node in over(SLURMCTLD_NODES).snapshot().nodes] == ["n1"]


def test_rivosincs_partitions_and_states_are_read():
    got = over(
        'slurm_node_count_per_state{state="idle"} 3\nslurm_partition_total_cpus{partition="hw"} 96\n'
        'slurm_partition_job_state_total{partition="hw",state="RUNNING"} 7\n'
    ).snapshot()
    assert (got.nodes, [one.partition for one in got.partitions]) == ((), ["hw"])
    assert got.queue == (QueueCount(JobState.RUNNING, 7, "hw"),)
    assert any("single nodes" in problem for problem in got.problems)


SOPERATOR = """slurm_node_info{node_name="w-0",state_base="IDLE",state_is_drain="true",reason="xid 79"} 1
slurm_job_info{job_id="5",job_state="RUNNING",job_name="llm",user_name="ada",slurm_partition="main"} 1
slurm_node_job{job_id="5",node_name="w-0"} 1
slurm_node_cpus_total{node_name="w-0"} 128
"""


def test_soperator_tells_single_jobs():
    got = over(SOPERATOR).snapshot()
    assert (got.jobs[0].job_id, got.jobs[0].nodes, got.jobs[0].gpus) == ("5", ("w-0",), None)
    assert (got.nodes[0].flags, got.nodes[0].reason, got.nodes[0].cpus) == ({"DRAIN"}, "xid 79", 128)
    assert got.queue == ()


@pytest.mark.parametrize("value", ["NaN", "+Inf"])
def test_values_that_are_no_numbers_are_no_counts(value):
    got = over(VPENSO.replace("slurm_queue_pending 4", f"slurm_queue_pending {value}")).snapshot()
    assert got.queue == ()


def documented(path) -> str:
    """The series that SckyzO's document shows, as they are by default."""
    text = re.sub(r"(?s)### With `--no-collector.*?(?=\n##)", "", path.read_text())
    return "\n".join(line for line in text.splitlines() if re.fullmatch(r"[a-z_]+(\{.*\})? [0-9.e+]+", line)) + "\n"


def test_the_page_in_sckyzos_own_document_is_read(fixtures):
    got = over(documented(fixtures / "slurm-SckyzO/docs/metrics-examples.md")).snapshot()
    assert [(node.node, node.state, node.partitions, node.cpus_allocated) for node in got.nodes] == [
        ("gpu-node-01", "MIXED", ("gpu",), 16),
        ("gpu-node-02", "ALLOCATED", ("gpu",), 32),
    ]
    # What the document leaves out is unknown.
    assert {(node.cpus, node.memory_bytes, node.gpus) for node in got.nodes} == {(None, None, None)}
    assert got.nodes[0].memory_allocated_bytes == 163_840 * 2**20
    assert [one.partition for one in got.partitions] == ["cpu", "gpu"]
    assert QueueCount(JobState.PENDING, 3, "gpu", "alice", reason="Resources") in got.queue
    assert QueueCount(JobState.TIMEOUT, 3, "cpu", "bob") in got.queue
    assert {(one.state, one.user) for one in got.queue} >= {(JobState.RUNNING, "bob"), (JobState.FAILED, "alice")}


def test_all_that_we_read_of_sckyzos_is_in_its_own_rules_and_dashboards(fixtures):
    files = [path for path in (fixtures / "slurm-SckyzO").rglob("*") if path.suffix in {".md", ".json", ".yml"}]
    told = "\n".join(path.read_text() for path in files)
    one = DIALECTS[0]
    read = {
        one.marker,
        one.cpus,
        one.cpus_alloc,
        one.memory,
        one.memory_alloc,
        one.gpus,
        one.gpus_alloc,
        *one.partitions,
    }
    read |= {one.queue[0].format(state) for state in ("pending", "running", "timeout")}
    assert {name for name in read if name not in told} == set()


def test_slinkys_own_dashboard_shows_the_queue_and_partitions_that_we_read(fixtures):
    text = (fixtures / "slurm-slinky/helm/slurm-exporter/dashboards/slinky-dashboard.json").read_text()
    names = {name for name in re.findall(r"slurm_\w+", text) if name.startswith(("slurm_nodes_", "slurm_partition_"))}
    got = over("".join(f'{name}{{partition="all"}} 2\n' for name in sorted(names))).snapshot()
    assert "Slinky" in got.problems[0]
    assert [one.partition for one in got.partitions] == ["all"]
    assert {(one.state, one.jobs) for one in got.queue} == {(JobState.PENDING, 2), (JobState.RUNNING, 2)}
