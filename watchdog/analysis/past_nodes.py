"""Nodes as they were at a past instant, from the changes of their states and the jobs that ran then."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from watchdog.analysis.efficiency import held_spans
from watchdog.analysis.node_condition import OUT, conditions
from watchdog.analysis.placement import on_nodes
from watchdog.model.frames import GPUS
from watchdog.model.scheduler import NODES
from watchdog.model.slurm.records import ACTIVE

# As NODE_STATES has a node that Slurm did not list any more.
_GONE = "GONE"
_WORKING = ("IDLE", "MIXED", "ALLOCATED")
_STATE = ["state", "flags", "reason", "reason_by"]
_UNTOLD = ["cpus_allocated", "memory_allocated_bytes", "reason_at", "booted_at"]
# What a node has is not kept: it is taken to have been the same.
_CHANGING = {"node", "gpus_allocated", "takes_work", *_STATE, *_UNTOLD}
_SAME = [name for name in NODES.columns if name not in _CHANGING]
_TEXTS = [name for name, column in NODES.columns.items() if column.dtype == "string" and name != "node"]


def past_nodes(
    nodes: pd.DataFrame, states: pd.DataFrame | None, ran: tuple[pd.DataFrame, pd.DataFrame] | None, at: datetime
) -> pd.DataFrame:
    """NODES at `at`; a node of which nobody knows how it was has the state "", and what is not known is null.

    Args:
        nodes: NODES now.
        states: NODE_STATES until `at`; None where there are none.
        ran: JOBS that ran and waited at `at` (`analysis.queue.as_of`) and their JOB_GPUS; None where they are not known.
        at: the instant.
    """
    last = _last(states, at)
    gone = set(last.index[last["state"] == _GONE])
    names = pd.Index(sorted((set(nodes["node"]) | set(last.index)) - gone), name="node", dtype="string")
    table = nodes.set_index("node")[_SAME].reindex(names).join(last.reindex(names)).reset_index()
    table = table.assign(**{name: table[name].fillna("") for name in _TEXTS})
    given, busy = _given_out(ran, table)
    state = table["state"].mask(table["state"].isin(_WORKING), busy)
    table = table.assign(state=state, gpus_allocated=given)
    takes = ~conditions(table).isin(OUT)
    untold = NODES.empty().reindex(table.index)[_UNTOLD]
    return NODES.conform(table.assign(takes_work=takes.astype(bool)).join(untold))


def _last(states: pd.DataFrame | None, at: datetime) -> pd.DataFrame:
    """What held at `at`, by node."""
    if states is None:
        return pd.DataFrame({name: pd.Series(dtype="string") for name in _STATE})
    before = states[states["changed_at"] <= pd.Timestamp(at)].sort_values("changed_at", kind="stable")
    return before.drop_duplicates("node", keep="last").set_index("node")[_STATE]


def _given_out(ran: tuple[pd.DataFrame, pd.DataFrame] | None, table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """GPUs given out (null where not known), and MIXED, IDLE or "" for a node that works."""
    nobody = pd.Series(pd.NA, index=table.index, dtype="Int64")
    if ran is None:
        return nobody, pd.Series("", index=table.index, dtype="string")
    jobs, job_gpus = ran[0][ran[0]["state"].isin([state.value for state in ACTIVE])], ran[1]
    holds = held_spans(jobs, job_gpus, GPUS.empty(), jobs["started_at"].max())
    counts = holds.groupby("node")["held_gpus"].sum().round()
    given = table["node"].map(counts).astype("Float64").fillna(0).astype("Int64")
    placed = on_nodes(jobs, table["node"])
    busy = table["node"].isin(set(placed["node"]) | set(counts.index))
    unplaced = placed.loc[_unplaced(placed, job_gpus), "node"]
    words = busy.map({True: "MIXED", False: "IDLE"}).astype("string")
    return given.mask(table["node"].isin(unplaced).to_numpy(dtype=bool)), words


def _unplaced(placed: pd.DataFrame, job_gpus: pd.DataFrame) -> pd.Series:
    """Jobs that hold GPUs, or nobody knows how many, and of which it was not kept where."""
    keys = ["job_id", "submitted_at"]
    known = placed[keys].merge(job_gpus[keys].drop_duplicates(), how="left", on=keys, indicator=True)["_merge"]
    holds: pd.Series = (placed["gpus"] != 0).fillna(value=True).astype(bool)
    return holds & (known == "left_only").to_numpy(dtype=bool)
