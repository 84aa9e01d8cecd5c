"""Whether a waiting job could start: GPUs, CPUs and memory of nodes, and what its partition allows."""

import itertools
import re
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.unit.slurm_rows import jobs, nodes, partitions
from watchdog.analysis.pending import explain
from watchdog.analysis.room import could_start, request_of
from watchdog.analysis.room_request import Request

GIB = 2.0**30
DAY = 86_400.0
GPU = partitions({"partition": "gpu", "max_time_seconds": DAY})
FOUR_GPUS = Request(4, 16, 64 * GIB, 1, 3600.0, "gpu", "h100")


def asked(wanted=FOUR_GPUS, *rows, limits=GPU, **changes):
    fit = could_start(replace(wanted, **changes), nodes(*rows), limits)
    return fit.fits, fit.words.replace("\u00a0", " ")


def node(number, **fields):
    return {"node": f"gpu{number:02d}", "gpus_allocated": 4, "cpus_allocated": 16, **fields}


def test_a_node_with_gpus_cpus_and_memory_free_lets_it_start():
    assert asked(FOUR_GPUS, node(1), node(2, gpus_allocated=8)) == (
        True,
        "needs 4 GPUs, 16 CPUs and 64.0 GiB of memory on one node; gpu01 has that free",
    )


def test_free_gpus_without_free_cpus_are_no_room():
    fits, words = asked(FOUR_GPUS, node(1, cpus_allocated=61), node(2, cpus_allocated=61), node(3, gpus_allocated=6))
    assert fits is False
    assert words == "needs 4 GPUs and 16 CPUs on one node; 2 nodes have 4 free GPUs, but only 3 free CPUs"


def test_what_nodes_lack_is_counted_for_each_of_them_once():
    rows = (node(1, cpus_allocated=61), node(2, cpus_allocated=64), node(3, memory_allocated_bytes=500 * GIB))
    fits, words = asked(FOUR_GPUS, *rows)
    assert fits is False
    assert words == (
        "needs 4 GPUs, 16 CPUs and 64.0 GiB of memory on one node; 3 nodes have 4 free GPUs, "
        "but 2 of them at most 3 free CPUs and 1 of them only 12.0 GiB of free memory"
    )


def test_memory_is_shared_between_the_nodes_of_a_job():
    rows = (node(1, memory_allocated_bytes=472 * GIB), node(2, memory_allocated_bytes=472 * GIB))
    two = {"node_count": 2, "gpus": 8, "limits": GPU.assign(max_nodes=2)}
    assert asked(FOUR_GPUS, *rows, memory_bytes=80 * GIB, **two)[0] is True
    assert asked(FOUR_GPUS, *rows, memory_bytes=82 * GIB, **two)[0] is False


def test_a_drained_node_is_no_room_however_free_it_is():
    fits, words = asked(FOUR_GPUS, node(1, gpus_allocated=8), node(2, gpus_allocated=0, takes_work=False))
    assert fits is False
    assert words == "needs 4 GPUs on one node; no GPU is free; 8 more are free on nodes that take no work"


def test_a_request_larger_than_the_largest_node_says_so():
    assert asked(FOUR_GPUS, node(1), cpus=65)[1] == "needs 4 GPUs and 65 CPUs on one node; the largest node has 64 CPUs"
    assert asked(FOUR_GPUS, node(1), memory_bytes=600 * GIB)[1].endswith("the largest node has 512.0 GiB of memory")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cpus_allocated": None}, "free CPUs of 1 node"),
        ({"memory_allocated_bytes": None}, "free memory of 1 node"),
        ({"gpus_allocated": None}, "free GPUs of 1 node"),
        ({"gpu_type": "a100+h100"}, "free GPUs by type of 1 node"),
        ({"flags": "RESERVED"}, "for whom nodes are reserved"),
    ],
)
def test_what_is_not_known_of_a_node_is_neither_room_nor_none(change, words):
    fits, said = asked(FOUR_GPUS, node(1, **change))
    assert fits is None
    assert said.endswith(f"; not known: {words}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cpus": None}, "how many CPUs it asks for"),
        ({"memory_bytes": None}, "how much memory it asks for"),
        ({"node_count": None}, "on how many nodes"),
        ({"time_limit_seconds": None}, "its time limit"),
        ({"features": "ib"}, "which nodes have the feature ib"),
        ({"reservation": "course"}, "which nodes its reservation has"),
    ],
)
def test_what_is_not_known_of_the_request_is_said(change, words):
    fits, said = asked(FOUR_GPUS, node(1), **change)
    assert fits is None
    assert said.endswith(f"; not known: {words}")


def test_limits_that_nobody_tells_are_not_known():
    assert asked(FOUR_GPUS, node(1), limits=partitions())[1].endswith(
        "not known: the longest time partition gpu allows"
    )
    fits, words = asked(FOUR_GPUS, node(1), node(2), node_count=2, gpus=8)
    assert fits is None
    assert words.endswith("not known: how many nodes partition gpu allows a job")


def test_a_partition_that_allows_no_such_job_keeps_it_whatever_is_free():
    assert asked(FOUR_GPUS, node(1), time_limit_seconds=3 * DAY) == (
        False,
        "it asks for 3 d; partition gpu allows 1 d, unless its QOS lifts that",
    )
    assert asked(FOUR_GPUS, node(1), time_limit_seconds=np.inf)[0] is False
    two = GPU.assign(max_nodes=2)
    assert asked(FOUR_GPUS, *(node(n) for n in (1, 2, 3)), node_count=3, gpus=12, limits=two)[0] is False
    assert asked(FOUR_GPUS, node(1), node(2), node_count=2, gpus=8, limits=two)[0] is True
    down = partitions({"partition": "gpu", "state": "DOWN", "max_time_seconds": DAY})
    assert asked(FOUR_GPUS, node(1), limits=down) == (False, "partition gpu is down, so nothing starts there")


def test_features_count_where_nodes_tell_them():
    table = nodes(node(1), node(2)).assign(features=["ib,nvme", "nvme"])
    wanted = replace(FOUR_GPUS, features="ib&nvme")
    assert could_start(wanted, table, GPU).fits is True
    fit = could_start(wanted, table.iloc[1:], GPU)
    assert fit.fits is False
    assert fit.words.endswith("; 1 node has 4 free GPUs, but not the feature ib&nvme")
    assert could_start(replace(wanted, features="[ib|eth]"), table, GPU).fits is None


def test_of_several_partitions_the_best_answer_counts():
    both = partitions({"partition": "gpu", "max_time_seconds": DAY}, {"partition": "big", "max_time_seconds": DAY})
    rows = nodes(node(1, gpus_allocated=8), node(2, partitions="big"))
    fit = could_start(replace(FOUR_GPUS, partition="gpu,big"), rows, both)
    assert (fit.fits, fit.partition) == (True, "big")


def test_a_job_without_gpus_waits_for_cpus_and_memory():
    cpu_only = replace(FOUR_GPUS, gpus=0, gpu_type="")
    assert asked(cpu_only, node(1, gpus=0, gpus_allocated=0))[0] is True
    fits, words = asked(cpu_only, node(1, gpus=0, gpus_allocated=0, cpus_allocated=60))
    assert fits is False
    assert words == "needs 16 CPUs and 64.0 GiB of memory on one node; 1 node takes work, but has only 4 free CPUs"


def test_a_job_that_its_partition_refuses_learns_both_numbers():
    queue = jobs(
        {"job_id": "7", "state": "PENDING", "reason": "PartitionTimeLimit", "time_limit_seconds": 3 * DAY, "gpus": 1}
    )
    detail = explain(queue.iloc[0].to_dict(), queue, nodes(node(1)), GPU).detail.replace("\u00a0", " ")
    assert detail == "it asks for 3 d; partition gpu allows 1 d, unless its QOS lifts that"


@pytest.mark.parametrize(
    ("reason", "words"),
    [("Priority", "so room is not what it waits for"), ("Resources", "so it lacks something that is not seen here")],
)
def test_where_there_is_room_slurms_reason_says_what_that_means(reason, words):
    row = {"job_id": "7", "state": "PENDING", "reason": reason, "time_limit_seconds": 60.0, "gpus": 1, "cpus": 2}
    queue = jobs({**row, "memory_bytes": GIB, "node_count": 1})
    detail = explain(queue.iloc[0].to_dict(), queue, nodes(node(1)), GPU).detail
    assert detail.endswith(f"gpu01 has that free, {words}")


def mostly(value, *others):
    """`value` nine times in ten: with many unknown fields no answer would be "fits"."""
    return st.integers(0, 9).flatmap(lambda n: value if n else st.sampled_from(others))


COUNT = mostly(st.integers(0, 4), None)
BYTES = COUNT.map(lambda n: None if n is None else n * GIB)
NODE = st.fixed_dictionaries(
    {
        "gpus": mostly(st.just(4), 0, 2, None),
        "gpus_allocated": mostly(st.integers(0, 3), None),
        "cpus": mostly(st.just(6), 2, None),
        "cpus_allocated": COUNT,
        "memory_bytes": mostly(st.just(6 * GIB), 2 * GIB, None),
        "memory_allocated_bytes": BYTES,
        "gpu_type": mostly(st.just("h100"), "", "a100", "a100+h100"),
        "partitions": mostly(st.just("gpu,big"), "gpu", "big"),
        "takes_work": mostly(st.just(True), False),
        "flags": mostly(st.just(""), "RESERVED", "PLANNED"),
    }
)
LIMIT = mostly(st.sampled_from([2.0, np.inf]), None, 1.0)
REQUEST = st.builds(
    Request,
    gpus=mostly(st.integers(0, 3), None, 6),
    cpus=mostly(st.integers(1, 4), None),
    memory_bytes=mostly(st.integers(1, 4).map(lambda n: n * GIB), None),
    node_count=mostly(st.integers(1, 3), None),
    time_limit_seconds=mostly(st.sampled_from([1.0, 2.0]), None, np.inf),
    partition=st.sampled_from(["gpu", "big", "gpu,big"]),
    gpu_type=st.sampled_from(["", "h100"]),
    features=mostly(st.just(""), "ib", "ib&nvme"),
)
QUICK = settings(deadline=None, max_examples=150)


def proven_impossible(wanted, name, rows, limit, most_nodes):
    """By trying every set of nodes: whether some known field keeps the job off each of them."""
    if limit is not None and wanted.time_limit_seconds is not None and wanted.time_limit_seconds > limit:
        return True
    if most_nodes is not None and wanted.node_count is not None and wanted.node_count > most_nodes:
        return True
    here = [row for row in rows if name in row["partitions"].split(",")]
    count = wanted.node_count or 1
    return not any(all(not lacks(wanted, row) for row in some) for some in itertools.combinations(here, count))


def lacks(wanted, row):
    """Whether one known field of a node keeps an even share of the job from it."""
    if not row["takes_work"] or (wanted.features and not set(wanted.features.split("&")) <= set(row["features"])):
        return True
    if wanted.gpus and wanted.gpu_type and row["gpu_type"] and wanted.gpu_type not in row["gpu_type"].split("+"):
        return True
    for name, given_out in (
        ("gpus", "gpus_allocated"),
        ("cpus", "cpus_allocated"),
        ("memory_bytes", "memory_allocated_bytes"),
    ):
        whole, used, want = row[name], row[given_out], getattr(wanted, name)
        if want and whole is not None and whole - (used or 0) < want / (wanted.node_count or 1):
            return True
    return False


@QUICK
@given(
    wanted=REQUEST,
    rows=st.lists(NODE, min_size=1, max_size=4),
    limit=LIMIT,
    most_nodes=st.sampled_from([None, 1, 2, 4]),
)
def test_it_never_says_fits_where_a_known_field_proves_that_it_cannot(wanted, rows, limit, most_nodes):
    rows = [{**row, "node": f"n{n}", "features": ("ib", "nvme")[: n % 3]} for n, row in enumerate(rows)]
    told = partitions(*({"partition": name, "max_time_seconds": limit} for name in ("gpu", "big")))
    told = told.assign(max_nodes=pd.array([most_nodes] * 2, dtype="Int64"))
    table = nodes(*rows).assign(features=[",".join(row["features"]) for row in rows])
    fit = could_start(wanted, table, told)
    names = wanted.partition.split(",")
    impossible = all(proven_impossible(wanted, name, rows, limit, most_nodes) for name in names)

    event(f"fits: {fit.fits}")
    assert not (fit.fits and impossible)
    assert fit.words
    assert not {"nan", "inf"} & set(re.findall(r"\w+", fit.words))
    if fit.fits is False and wanted.node_count:
        assert all(proven_impossible(wanted, name, [*rows], limit, most_nodes) for name in names)


@QUICK
@given(wanted=REQUEST, rows=st.lists(NODE, min_size=1, max_size=3), data=st.data())
def test_taking_a_known_number_away_never_turns_cannot_into_can_or_can_into_cannot(wanted, rows, data):
    rows = [{**row, "node": f"n{n}"} for n, row in enumerate(rows)]
    told = partitions(*({"partition": name, "max_time_seconds": np.inf} for name in ("gpu", "big")))
    known = could_start(wanted, nodes(*rows), told).fits
    hidden = data.draw(
        st.sampled_from(["cpus_allocated", "memory_allocated_bytes", "gpus_allocated", "cpus", "memory_bytes"])
    )
    forgotten = [{**row, hidden: None} for row in rows]

    assert could_start(wanted, nodes(*forgotten), told).fits in {known, None}


def test_a_row_of_the_queue_is_read_as_a_request():
    row = jobs({"job_id": "7", "gpus": 4, "cpus": 16, "memory_bytes": 0.0, "node_count": None}).iloc[0].to_dict()
    found = asdict(request_of(row))
    assert (found["gpus"], found["cpus"], found["memory_bytes"], found["node_count"]) == (4, 16, None, None)
