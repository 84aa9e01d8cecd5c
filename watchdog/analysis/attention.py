"""What needs a look, worst first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from watchdog.model.health import GpuState

WORST_FIRST = (
    GpuState.UNKNOWN,
    GpuState.LOST,
    GpuState.FAULTY,
    GpuState.HUNG,
    GpuState.THROTTLED,
    GpuState.HELD_IDLE,
)
SEVERITY = {state.value: rank for rank, state in enumerate((*WORST_FIRST, GpuState.BUSY, GpuState.IDLE))}


@dataclass(frozen=True)
class Attention:
    """GPUs of one node in one bad state; of many nodes where too many are in it to list them.

    Attributes:
        node: '' for many nodes; `nodes` says how many.
        gpus: their uuids, in order of place.
        places: their indices as text, as nvidia-smi numbers them.
        since_at: when it began, as far as it can be told; None if it cannot.
        since_at_least: it began before `since_at`, at an instant we cannot see.
    """

    state: GpuState
    node: str
    gpus: tuple[str, ...]
    places: tuple[str, ...]
    reason: str
    since_at: datetime | None = None
    since_at_least: bool = False
    nodes: int = 1


def needs_a_look(cells: pd.DataFrame, most: int = 5) -> tuple[tuple[Attention, ...], int]:
    """The worst `most` (node, state) groups of `gpu_cells`, and how many groups there are in all.

    Within a state the groups with more GPUs come first. A state that more than `most` nodes are in is one
    group: what happens to all of them has one cause, and must not hide the rest.
    """
    bad = cells[cells["state"].isin([state.value for state in WORST_FIRST])]
    if not len(bad):
        return (), 0
    spread = bad.groupby("state")["node"].nunique()
    common = bad["state"].isin(spread.index[spread > most])
    bad = bad.assign(
        node=bad["node"].astype(object).where(~common, ""), nodes=bad["state"].map(spread).where(common, 1)
    )
    groups = bad.groupby(["node", "state"], sort=False, as_index=False).agg(count=("gpu_uuid", "size"))
    groups["rank"] = groups["state"].map(SEVERITY)
    ordered = groups.sort_values(["rank", "count", "node"], ascending=[True, False, True], kind="stable")
    keys = ordered.head(most)[["node", "state"]].itertuples(index=False, name=None)
    items = [_item(bad[(bad["node"] == node) & (bad["state"] == state)]) for node, state in keys]
    return tuple(items), len(groups)


def _item(rows: pd.DataFrame) -> Attention:
    reasons = rows["reason"].unique()
    places = tuple("?" if pd.isna(place) else str(int(place)) for place in rows["gpu_index"])
    reason = str(reasons[0]) if len(reasons) == 1 else f"{reasons[0]}; and others"
    first = rows.iloc[0]
    return Attention(
        GpuState(first["state"]), str(first["node"]), tuple(rows["gpu_uuid"]), places, reason, nodes=int(first["nodes"])
    )
