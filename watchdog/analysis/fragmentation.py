"""Free GPUs, and how many of them are together: eight free GPUs on eight nodes start no job that wants eight on one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd


@dataclass(frozen=True)
class Free:
    """Free GPUs of a set of nodes.

    Attributes:
        total, free: GPUs in all; free on nodes that take work.
        largest_block, block_node: most free GPUs that a job can get on one node, and that node ('' if none is free).
        out: free GPUs on nodes that take no work.
        stranded: of `free`, on nodes whose CPUs or memory are all given out: no job can get them.
        unknown_nodes: nodes with GPUs of which the source does not say how many are in use.
    """

    total: int
    free: int
    largest_block: int
    block_node: str
    out: int
    unknown_nodes: int
    stranded: int = 0


def free_gpus(nodes: pd.DataFrame) -> Free:
    """Add up NODES."""
    blocks = _blocks(nodes)
    usable = blocks[blocks["takes_work"] & blocks["free"].notna()]
    best = usable.assign(block=usable["free"].where(~usable["full"], 0.0)).sort_values(["block", "free"], kind="stable")
    last = best.tail(1).to_dict("records")
    return Free(
        total=int(blocks["gpus"].sum()),
        free=int(usable["free"].sum()),
        largest_block=int(last[0]["block"]) if last else 0,
        block_node=str(last[0]["node"]) if last and last[0]["free"] else "",
        out=int(blocks.loc[~blocks["takes_work"], "free"].sum()),
        unknown_nodes=int(blocks["free"].isna().sum()),
        stranded=int(usable.loc[usable["full"], "free"].sum()),
    )


def free_by(nodes: pd.DataFrame) -> pd.DataFrame:
    """A row a partition and GPU type: partition, gpu_type, and the attributes of `Free`; a node counts in each of its partitions."""
    rows = nodes.assign(partition=nodes["partitions"].str.split(",")).explode("partition")
    found = []
    for (partition, kind), group in rows[rows["gpus"] > 0].groupby(["partition", "gpu_type"], dropna=False):
        found.append({"partition": partition, "gpu_type": kind, **free_gpus(group).__dict__})
    columns = ["partition", "gpu_type", *Free.__dataclass_fields__]
    return pd.DataFrame(found, columns=columns)


def _blocks(nodes: pd.DataFrame) -> pd.DataFrame:
    with_gpus = nodes[nodes["gpus"].fillna(0) > 0]
    free = (with_gpus["gpus"] - with_gpus["gpus_allocated"]).astype("Float64").clip(lower=0)
    return pd.DataFrame(
        {
            "node": with_gpus["node"].to_numpy(),
            "gpus": with_gpus["gpus"].to_numpy(dtype="int64"),
            "free": free.to_numpy(dtype="float64", na_value=np.nan),
            "takes_work": with_gpus["takes_work"].to_numpy(dtype=bool),
            "full": _given_out(with_gpus, "cpus") | _given_out(with_gpus, "memory"),
        }
    )


def _given_out(nodes: pd.DataFrame, what: str) -> npt.NDArray[np.bool_]:
    """Whether jobs hold all CPUs or memory of a node; where that is not known, not."""
    whole, given = ("memory_bytes", "memory_allocated_bytes") if what == "memory" else (what, f"{what}_allocated")
    total, held = (nodes[name].astype("Float64").to_numpy(dtype="float64", na_value=np.nan) for name in (whole, given))
    return np.asarray((total > 0) & (held >= total))
