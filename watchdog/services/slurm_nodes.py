"""Which nodes take work, which do not, why, since when, how often; and how much of each partition is given out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from watchdog.analysis.node_condition import CONDITIONS, OUT, conditions, outages
from watchdog.model.telemetry import Window

HISTORY = timedelta(days=30)
ALLOCATED, FREE, OUT_OF_SERVICE, UNKNOWN = "allocated", "free", "out of service", "unknown"
# States of which it cannot be told whether what is not given out is free.
_NOT_TOLD = ("", "UNKNOWN")
_RESOURCES = (("GPUs", "gpus", "gpus_allocated", 1.0), ("CPUs", "cpus", "cpus_allocated", 1.0))
_MEMORY = ("Memory, GiB", "memory_bytes", "memory_allocated_bytes", 2.0**30)


@dataclass(frozen=True)
class SlurmNodes:
    """The nodes at `at`.

    Attributes:
        nodes: NODES, and condition (one of CONDITIONS), out_since (null for a node that takes work),
            times_out_30d (null without history); those that take no work first.
        shares: resource, partition, part (allocated, free, out of service, unknown), amount, whole, in shown units;
            unknown is what is not known to be given out, on nodes that do not say it or whose state is not known.
        partitions: PARTITIONS, and nodes_total, nodes_out, gpus_total, gpus_allocated.
        counts: nodes by condition.
    """

    at: datetime
    nodes: pd.DataFrame
    shares: pd.DataFrame
    partitions: pd.DataFrame
    counts: dict[str, int]

    @property
    def out(self) -> int:
        """Nodes that take no work."""
        return sum(count for word, count in self.counts.items() if word in OUT)


def history_window(at: datetime) -> Window:
    """What of NODE_STATES `slurm_nodes` wants to know."""
    return Window(at - HISTORY, at + timedelta(microseconds=1))


def slurm_nodes(nodes: pd.DataFrame, partitions: pd.DataFrame, states: pd.DataFrame | None, at: datetime) -> SlurmNodes:
    """Judge NODES with their past (NODE_STATES of `history_window`; None where there is no store)."""
    table = nodes.assign(condition=conditions(nodes))
    table = _with_past(table, states, at)
    rank = table["condition"].map({word: rank for rank, word in enumerate(CONDITIONS)})
    table = table.assign(rank=rank).sort_values(["rank", "out_since", "node"], kind="stable").drop(columns="rank")
    members = table.assign(member=table["partitions"].str.split(",")).explode("member")
    counts = table["condition"].value_counts()
    return SlurmNodes(
        at=at,
        nodes=table.reset_index(drop=True),
        shares=_shares(members),
        partitions=_with_sums(partitions, members),
        counts={str(word): int(count) for word, count in counts.items()},
    )


def _with_past(table: pd.DataFrame, states: pd.DataFrame | None, at: datetime) -> pd.DataFrame:
    out = table["condition"].isin(OUT)
    said = table["reason_at"].where(out)
    if states is None or states.empty:
        return table.assign(out_since=said, times_out_30d=pd.array([pd.NA] * len(table), dtype="Int64"))
    past = outages(states, at)
    table = table.join(past, on="node")
    # Slurm's own instant is that of the reason that holds now; ours may be older, of an outage with another reason.
    return table.assign(out_since=table["out_since"].where(out).fillna(said))


def _shares(members: pd.DataFrame) -> pd.DataFrame:
    frames = [_share(members, *resource) for resource in (*_RESOURCES, _MEMORY)]
    return pd.concat(frames, ignore_index=True)


def _share(members: pd.DataFrame, resource: str, whole: str, given: str, unit: float) -> pd.DataFrame:
    """Rows of one resource; nodes of which it is not known how much they have are left out."""
    total = members[whole].astype("Float64").to_numpy(dtype="float64", na_value=np.nan)
    here = ~np.isnan(total) & (total > 0)
    rows, total = members[here], total[here]
    used = np.minimum(rows[given].astype("Float64").to_numpy(dtype="float64", na_value=np.nan), total)
    untold = np.isnan(used) | rows["state"].isin(_NOT_TOLD).to_numpy(dtype=bool)
    out = rows["condition"].isin(OUT).to_numpy(dtype=bool)
    used = np.nan_to_num(used)
    parts = {
        ALLOCATED: used,
        FREE: np.where(out | untold, 0.0, total - used),
        OUT_OF_SERVICE: np.where(out & ~untold, total - used, 0.0),
        UNKNOWN: np.where(untold, total - used, 0.0),
    }
    frame = pd.DataFrame({"partition": rows["member"].to_numpy(), **parts, "whole": total})
    sums = frame.groupby("partition", sort=True).sum() / unit
    tall = sums.reset_index().melt(id_vars=["partition", "whole"], var_name="part", value_name="amount")
    tall = tall.sort_values("partition", kind="stable")
    return tall.assign(resource=resource)[["resource", "partition", "part", "amount", "whole"]]


def _with_sums(partitions: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    grouped = members.assign(out=members["condition"].isin(OUT)).groupby("member")
    sums = pd.DataFrame(
        {
            "nodes_total": grouped.size(),
            "nodes_out": grouped["out"].sum(),
            "gpus_total": grouped["gpus"].sum(min_count=1),
            "gpus_allocated": grouped["gpus_allocated"].sum(min_count=1),
        }
    ).astype("Int64")
    return partitions.join(sums, on="partition")
