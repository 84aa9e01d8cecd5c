"""Since when nodes are out of service, and how often they were before."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.analysis.health.check import Bools
from watchdog.analysis.health.facts import Slurm
from watchdog.analysis.health.sight import instants_us, texts

# Planned: nobody needs to be told that such a node does not answer.
PLANNED = frozenset({"MAINTENANCE", "MAINT", "REBOOT_ISSUED", "POWERED_DOWN", "POWERING_DOWN", "POWER_DOWN"})
DOWN = frozenset({"DOWN", "ERROR"})
LOST = frozenset({"NOT_RESPONDING", "INVALID_REG", "FAIL"})
DRAIN = frozenset({"DRAIN", "DRAINING", "DRAINED"})


def of_pairs(frame: pd.DataFrame, words: frozenset[str], states: frozenset[str] = frozenset()) -> Bools:
    """Rows of NODES or NODE_STATES with one of the flags `words`, or in one of the `states`."""
    return np.asarray(_flagged(texts(frame, "flags"), words) | _flagged(texts(frame, "state"), states))


def is_down(frame: pd.DataFrame) -> Bools:
    """Rows in which Slurm says that the node is down, does not respond or is failing, and nobody planned it."""
    return of_pairs(frame, LOST, DOWN) & ~of_pairs(frame, PLANNED)


def is_drained(frame: pd.DataFrame) -> Bools:
    """Rows in which the node takes no new work by somebody's will."""
    return of_pairs(frame, DRAIN)


def _flagged(column: NDArray[np.object_], words: frozenset[str]) -> Bools:
    # Nodes are many, their states are few.
    codes, kinds = pd.factorize(column)
    holds = np.array([bool(words & set(str(kind).split(","))) for kind in kinds], dtype=bool)
    return holds[codes] if len(kinds) else np.zeros(len(column), dtype=bool)


def spells(states: pd.DataFrame, holds: Bools) -> pd.DataFrame:
    """Unbroken times in which something held of a node: node, began_at, ended_at (null: it still does), reason, planned.

    Args:
        states: NODE_STATES.
        holds: whether it holds from each row on.

    Returns:
        One row a spell, ordered by node and time; `reason` is the last one given in it.
    """
    order = np.lexsort((instants_us(states, "changed_at"), texts(states, "node").astype(str)))
    rows, inside = states.iloc[order], holds[order]
    nodes = texts(rows, "node")
    same = np.append(False, nodes[1:] == nodes[:-1])
    begins = inside & ~(np.append(False, inside[:-1]) & same)
    follows = np.append(same[1:], False)
    ends = inside & ~(follows & np.append(inside[1:], False))
    first, last = np.flatnonzero(begins), np.flatnonzero(ends)
    changed = rows["changed_at"].array
    ended = pd.Series(changed.take(np.minimum(last + 1, max(len(rows) - 1, 0)))).where(pd.Series(follows[last]))
    return pd.DataFrame(
        {
            "node": nodes[first],
            "began_at": changed.take(first),
            "ended_at": ended.array,
            "reason": texts(rows, "reason")[last],
            "planned": of_pairs(rows, PLANNED)[last],
        }
    )


def since(slurm: Slurm, holds: Bools) -> dict[str, pd.Timestamp]:
    """By node: since when it holds, for those of which it does at the end of NODE_STATES."""
    open_ = spells(slurm.states, holds)
    open_ = open_[open_["ended_at"].isna()]
    return dict(zip(open_["node"], open_["began_at"], strict=True))
