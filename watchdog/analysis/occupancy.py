"""Who held which GPU when, as bars over time."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from watchdog.analysis.cpu_lanes import CPU, cpu_bars
from watchdog.model.telemetry import Window

MOST_OWNERS = 5
# Slurm does not say which GPU.
SOME = "?"


@dataclass(frozen=True)
class Occupancy:
    """Bars of a timeline.

    Attributes:
        bars: node, place, job_id, submitted_at, job (its name), user, owner, state, started_at, ended_at (null =
            still there); owner is the user, for those who held most, and "" for the rest.
        rows: (node, place) from top to bottom, also of GPUs that nobody held; a place is a GPU's index, SOME, or a
            lane of jobs without GPUs (`cpu_lanes.CPU`).
        cut: bars left out because there were too many: the shortest.
    """

    bars: pd.DataFrame
    rows: tuple[tuple[str, str], ...]
    cut: int = 0


def occupancy(
    jobs: pd.DataFrame, job_gpus: pd.DataFrame, nodes: pd.DataFrame, window: Window, most: int = 2_000
) -> Occupancy:
    """Bars of the jobs that ran on `nodes` in the window: on the GPUs that they held, or in lanes if they held none.

    Args:
        jobs: JOBS, with `last_seen_at` where it is known: a job that vanished is drawn until then.
        job_gpus: JOB_GPUS.
        nodes: the nodes to show, in order: node, gpus.
        window: bars that touch it.
        most: bars.
    """
    ran = _in_window(jobs, window)
    held = job_gpus[job_gpus["node"].isin(nodes["node"])].merge(ran, on=["job_id", "submitted_at"], how="inner")
    held = held.assign(place=held["gpu_index"].astype("string").fillna(SOME)).drop(columns="gpu_index")
    others, unplaced = cpu_bars(ran, nodes["node"], window)
    bars = pd.concat([held, others[[*held.columns]].astype(held.dtypes)], ignore_index=True) if len(others) else held
    longest = (bars["ended_at"].fillna(pd.Timestamp(window.until)) - bars["started_at"]).sort_values(ascending=False)
    kept = bars.loc[longest.index[:most].sort_values()]
    kept = kept.assign(owner=_owners(kept, window)).drop(columns=["nodes", "gpus"])
    return Occupancy(kept.reset_index(drop=True), _rows(nodes, bars), len(bars) - len(kept) + unplaced)


def _in_window(jobs: pd.DataFrame, window: Window) -> pd.DataFrame:
    ended = jobs["ended_at"]
    if "last_seen_at" in jobs:
        ended = ended.fillna(jobs["last_seen_at"].where(jobs["state"] == "UNKNOWN"))
    inside = (
        jobs["started_at"].notna()
        & (jobs["started_at"] < pd.Timestamp(window.until))
        & (ended.isna() | (ended > pd.Timestamp(window.since)))
    )
    columns = {name: jobs[name] for name in ("job_id", "submitted_at", "user", "state", "started_at", "nodes", "gpus")}
    frame = pd.DataFrame({**columns, "job": jobs["name"], "ended_at": ended})
    return frame[inside.to_numpy(dtype=bool)]


def _rows(nodes: pd.DataFrame, bars: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Every GPU that a node has, and every place that a job named beyond them; a lane for a node without either."""
    named = bars.groupby("node")["place"].unique()
    rows: list[tuple[str, str]] = []
    for node, count in nodes[["node", "gpus"]].itertuples(index=False, name=None):
        known = [str(place) for place in range(0 if pd.isna(count) else int(count))]
        extra = [str(place) for place in named.get(node, ()) if place not in set(known)]
        places = [*known, *sorted(extra, key=lambda place: (len(place), place))]
        rows += [(str(node), place) for place in places or [CPU]]
    return tuple(rows)


def _owners(bars: pd.DataFrame, window: Window) -> pd.Series:
    """The user, for those who held most in the window; the rest together."""
    since, until = pd.Timestamp(window.since), pd.Timestamp(window.until)
    begun, ended = bars["started_at"], bars["ended_at"]
    held = ended.where(ended < until, until) - begun.where(begun > since, since)
    top = held.dt.total_seconds().groupby(bars["user"]).sum().nlargest(MOST_OWNERS).index
    return bars["user"].where(bars["user"].isin(top), "").astype("string")
