"""Free GPUs, and how many of them are together: eight free GPUs on eight nodes start no job that wants eight on one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Free:
    """Free GPUs of a set of nodes.

    Attributes:
        total, free: GPUs in all; free on nodes that take work.
        largest_block, block_node: most free GPUs on one node that takes work, and that node ('' if there are none).
        out: free GPUs on nodes that take no work.
        unknown_nodes: nodes with GPUs of which the source does not say how many are in use.
    """

    total: int
    free: int
    largest_block: int
    block_node: str
    out: int
    unknown_nodes: int


@dataclass(frozen=True)
class Fit:
    """Whether a request could start now, as far as GPUs go; `fits` is None where that is not known."""

    fits: bool | None
    words: str


def free_gpus(nodes: pd.DataFrame) -> Free:
    """Add up NODES."""
    blocks = _blocks(nodes)
    usable = blocks[blocks["takes_work"] & blocks["free"].notna()]
    best = usable.sort_values("free", kind="stable").tail(1).to_dict("records")
    block = int(best[0]["free"]) if best else 0
    return Free(
        total=int(blocks["gpus"].sum()),
        free=int(usable["free"].sum()),
        largest_block=block,
        block_node=str(best[0]["node"]) if block else "",
        out=int(blocks.loc[~blocks["takes_work"], "free"].sum()),
        unknown_nodes=int(blocks["free"].isna().sum()),
    )


def free_by(nodes: pd.DataFrame) -> pd.DataFrame:
    """A row a partition and GPU type: partition, gpu_type, and the attributes of `Free`; a node counts in each of its partitions."""
    rows = nodes.assign(partition=nodes["partitions"].str.split(",")).explode("partition")
    found = []
    for (partition, kind), group in rows[rows["gpus"] > 0].groupby(["partition", "gpu_type"], dropna=False):
        found.append({"partition": partition, "gpu_type": kind, **free_gpus(group).__dict__})
    columns = ["partition", "gpu_type", *Free.__dataclass_fields__]
    return pd.DataFrame(found, columns=columns)


def could_start(nodes: pd.DataFrame, gpus: int, node_count: int | None, partition: str = "", gpu_type: str = "") -> Fit:
    """Whether `gpus` in all on `node_count` nodes are free in NODES; CPUs, memory and limits are not looked at."""
    here = _eligible(nodes, partition, gpu_type)
    if not len(here):
        return Fit(None, f"no node{f' of partition {partition}' if partition else ''} is known to have such GPUs")
    count = max(node_count or 1, 1)
    each = math.ceil(gpus / count)
    blocks = _blocks(here)
    if each > int(blocks["gpus"].max()):
        return Fit(False, f"needs {each} GPUs on one node; the largest node has {int(blocks['gpus'].max())}")
    free = blocks.loc[blocks["takes_work"], "free"]
    enough = int((free >= each).sum())
    return _judged(free_gpus(here), each, count, enough, unknown=bool(free.isna().any()))


def _judged(free: Free, each: int, count: int, enough: int, *, unknown: bool) -> Fit:
    wanted = (
        f"needs {each} GPU{'s' * (each > 1)} on one node"
        if count == 1
        else f"needs {each} GPUs on each of {count} nodes"
    )
    block = (
        f"the largest free block is {free.largest_block} on {free.block_node}"
        if free.largest_block
        else "no GPU is free"
    )
    if enough >= count:
        return Fit(True, f"{wanted}; {block}, so GPUs are not what it waits for")
    if unknown:
        return Fit(None, f"{wanted}; of some nodes it is not known how many are free")
    in_all = f", {free.free} free in all" if free.free else ""
    rest = f"; {free.out} more are free on nodes that take no work" if free.out else ""
    return Fit(
        False,
        f"{wanted}; {block}{in_all}{rest}" if count == 1 else f"{wanted}; {enough} such nodes are free{rest}",
    )


def _eligible(nodes: pd.DataFrame, partition: str, gpu_type: str) -> pd.DataFrame:
    wanted = nodes["gpus"].fillna(0) > 0
    if partition:
        names = set(partition.split(","))
        wanted &= nodes["partitions"].map(lambda text: bool(names & set(text.split(",")))).astype(bool)
    if gpu_type:
        wanted &= nodes["gpu_type"].map(lambda text: gpu_type in text.split("+")).astype(bool)
    return nodes[wanted]


def _blocks(nodes: pd.DataFrame) -> pd.DataFrame:
    with_gpus = nodes[nodes["gpus"].fillna(0) > 0]
    free = (with_gpus["gpus"] - with_gpus["gpus_allocated"]).astype("Float64").clip(lower=0)
    return pd.DataFrame(
        {
            "node": with_gpus["node"].to_numpy(),
            "gpus": with_gpus["gpus"].to_numpy(dtype="int64"),
            "free": free.to_numpy(dtype="float64", na_value=np.nan),
            "takes_work": with_gpus["takes_work"].to_numpy(dtype=bool),
        }
    )
