"""Which XIDs of the last day still matter: those that follow no other one and were not cleared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pandas as pd

from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.nodes import slurm_nodes
from watchdog.analysis.xid import xid_of

QUIET = timedelta(minutes=10)
# What comes later than this is another failure; lines of one follow each other closely.
APART = timedelta(minutes=10)

# Told of only where none of these happened to that GPU within QUIET; None is any code that leads.
_FOLLOWS: Mapping[int, frozenset[int] | None] = {
    45: None,
    154: None,
    63: frozenset({48, 64}),
    171: frozenset({48}),
    172: frozenset({48}),
}


class Event(NamedTuple):
    """One XID of one GPU."""

    at: datetime
    node: str
    gpu_uuid: str
    gpu_index: int | None
    xid: int


def events_by_gpu(facts: Facts) -> dict[str, list[Event]]:
    """Every XID of the last 24 hours, oldest first."""
    found: dict[str, list[Event]] = defaultdict(list)
    columns = (facts.xids[name].astype(object) for name in ("at", "node", "gpu_uuid", "gpu_index", "xid"))
    for at, node, uuid, index, xid in zip(*columns, strict=True):
        place = None if pd.isna(index) else int(index)
        found[uuid].append(Event(at.to_pydatetime(), str(node), str(uuid), place, int(xid)))
    return found


def leaders(events: list[Event]) -> list[Event]:
    """The events of one GPU that are not merely what follows another."""
    return [event for event in events if not _follows(event, events)]


def _follows(event: Event, events: list[Event]) -> bool:
    if event.xid not in _FOLLOWS:
        return False
    wanted = _FOLLOWS[event.xid]
    near = (other.xid for other in events if abs(other.at - event.at) <= QUIET)
    return any(xid not in _FOLLOWS if wanted is None else xid in wanted for xid in near)


def occasions(events: Iterable[Event]) -> int:
    """How many times it happened, lines of one failure taken together."""
    return 1 + sum(later.at - earlier.at > APART for earlier, later in pairwise(events))


class Clearance:
    """Knows when each GPU was last reset or its node booted."""

    def __init__(self, facts: Facts) -> None:
        self._recent = facts.at - QUIET
        # Oldest first, so the last one of each GPU stays.
        pairs = zip(facts.resets["gpu_uuid"], facts.resets["at"], strict=True)
        self._resets = {str(uuid): at.to_pydatetime() for uuid, at in pairs}
        nodes = slurm_nodes(facts) or {}
        self._boots = {name: node.booted_at for name, node in nodes.items() if node.booted_at}

    def is_over(self, event: Event) -> bool:
        """Whether nothing is left of it."""
        if not xid_of(event.xid).lasts:
            return event.at < self._recent
        cleared = [at for at in (self._resets.get(event.gpu_uuid), self._boots.get(event.node)) if at is not None]
        return any(event.at < at for at in cleared)
