"""Jobs without GPUs on a timeline: a few lanes of a node, in none of which two jobs overlap."""

from __future__ import annotations

from bisect import bisect, insort

import pandas as pd

from watchdog.analysis.placement import on_nodes
from watchdog.model.telemetry import Window

CPU = "CPU"
# A node runs dozens of small jobs at once: more lanes than this would push the GPUs off the screen.
MOST_LANES = 3
_Span = tuple[pd.Timestamp, pd.Timestamp]


def cpu_bars(jobs: pd.DataFrame, nodes: pd.Series, window: Window) -> tuple[pd.DataFrame, int]:
    """A row a job and node with `node` and `place` (CPU, "CPU 2" …), and how many found no lane: the shortest.

    Args:
        jobs: `nodes` (Slurm's list), `gpus`, `started_at`, `ended_at`; those that are known to have no GPU count.
        nodes: names of the nodes to show.
        window: in which bars must not overlap.
    """
    table = on_nodes(jobs[(jobs["gpus"] == 0).fillna(value=False).to_numpy(dtype=bool)], nodes)
    begun, over = _cut(table, window)
    longest = (over - begun).sort_values(ascending=False, kind="stable").index
    lanes: dict[str, list[list[_Span]]] = {}
    found = {row: _lane(lanes.setdefault(table["node"][row], []), (begun[row], over[row])) for row in longest}
    place = pd.Series(found, index=table.index, dtype="string")
    return table.assign(place=place)[place.notna()].reset_index(drop=True), int(place.isna().sum())


def _cut(table: pd.DataFrame, window: Window) -> tuple[pd.Series, pd.Series]:
    since, until = pd.Timestamp(window.since), pd.Timestamp(window.until)
    begun, ended = table["started_at"], table["ended_at"]
    return begun.where(begun > since, since), ended.where(ended < until, until)


def _lane(lanes: list[list[_Span]], span: _Span) -> str | None:
    """Put the span into the first lane with room for it, and name the lane."""
    for number, taken in enumerate([*lanes, []][:MOST_LANES]):
        at = bisect(taken, span)
        if (at and taken[at - 1][1] > span[0]) or (at < len(taken) and taken[at][0] < span[1]):
            continue
        if number == len(lanes):
            lanes.append(taken)
        insort(taken, span)
        return CPU if not number else f"{CPU} {number + 1}"
    return None
