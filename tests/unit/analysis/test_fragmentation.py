"""Free GPUs, and how many of them are together."""

from tests.unit.slurm_rows import nodes
from watchdog.analysis.fragmentation import could_start, free_by, free_gpus
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


def test_a_request_fits_only_where_so_many_gpus_are_together():
    assert could_start(FOUR, 5, 1, "gpu").fits
    assert could_start(FOUR, 6, 1, "gpu").fits is False
    assert could_start(FOUR, 4, 2, "gpu").fits
    assert could_start(FOUR, 6, 2, "gpu").fits is False
    assert could_start(FOUR, 1, None, "gpu", "a100").fits is None


def test_where_the_use_is_not_known_nothing_is_claimed():
    assert could_start(FOUR, 2, 1, "old").fits is None
