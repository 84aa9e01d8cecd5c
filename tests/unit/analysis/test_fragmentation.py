"""Free GPUs, and how many of them are together."""

from tests.unit.slurm_rows import nodes, partitions
from watchdog.analysis.fragmentation import free_by, free_gpus
from watchdog.analysis.room import could_start
from watchdog.analysis.room_request import Request
from watchdog.model.scheduler import NODES

FOUR = nodes(
    {"node": "gpu01", "gpus_allocated": 6, "partitions": "gpu,debug"},
    {"node": "gpu02", "gpus_allocated": 3},
    {"node": "gpu03", "gpus_allocated": 0, "takes_work": False},
    {"node": "old01", "gpus": 4, "gpus_allocated": None, "gpu_type": "a100", "partitions": "old"},
    {"node": "cpu01", "gpus": 0, "partitions": "gpu"},
)


def test_gpus_on_a_drained_node_are_not_free():
    free = free_gpus(FOUR)
    assert (free.total, free.free, free.out) == (28, 7, 8)
    assert (free.largest_block, free.block_node) == (5, "gpu02")


def test_a_node_of_which_the_use_is_not_known_is_counted_apart():
    assert free_gpus(FOUR).unknown_nodes == 1


def test_no_nodes_are_no_free_gpus():
    assert free_gpus(NODES.empty()).free == 0
    assert free_by(NODES.empty()).empty


def test_each_partition_and_type_has_its_own_largest_block():
    rows = free_by(FOUR).set_index(["partition", "gpu_type"])
    assert rows.loc[("debug", "h100"), "largest_block"] == 2
    assert rows.loc[("gpu", "h100"), "largest_block"] == 5
    assert rows.loc[("old", "a100"), "unknown_nodes"] == 1


def test_free_gpus_on_a_node_without_a_free_cpu_or_free_memory_are_no_block():
    full = nodes(
        {"node": "gpu01", "gpus_allocated": 2, "cpus_allocated": 64},
        {"node": "gpu02", "gpus_allocated": 3, "memory_allocated_bytes": 512 * 2.0**30},
        {"node": "gpu03", "gpus_allocated": 7, "cpus_allocated": None},
    )
    free = free_gpus(full)
    assert (free.free, free.stranded) == (12, 11)
    assert (free.largest_block, free.block_node) == (1, "gpu03")


def request(gpus, node_count, partition, gpu_type=""):
    """A small request, of which all is known."""
    return Request(gpus, 2, 2.0**30, node_count, 3600.0, partition, gpu_type)


def could(*wanted):
    limits = partitions(*({"partition": name, "max_time_seconds": 7200.0} for name in ("gpu", "old")))
    return could_start(request(*wanted), FOUR, limits.assign(max_nodes=2)).fits


def test_a_request_fits_only_where_so_many_gpus_are_together():
    assert could(5, 1, "gpu")
    assert could(6, 1, "gpu") is False
    assert could(4, 2, "gpu")
    assert could(6, 2, "gpu") is False
    assert could(1, 1, "gpu", "a100") is None


def test_where_the_use_is_not_known_nothing_is_claimed():
    assert could(2, 1, "old") is None
