"""An exporter that serves the same readings again and again.

Live hardware never repeats itself on every GPU: the energy counter of any powered GPU runs on, some hundred joules a
minute. So a node is frozen where all of TRACE readings, energy among them, stay as they are for MINUTES. Where no
energy is published, a node counts as frozen only if its power moved in most minutes before: some idle boards report
whole watts and may stand still for minutes.

An exporter of ours that says when it last read its sensors is refused once that is old: then `exporter_lost` tells it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from watchdog.analysis.health.check import Bools, Check, first_true
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.nodes import Nodes, nodes_of
from watchdog.analysis.health.still import LEVELS, moved, stood_still
from watchdog.model.findings import Blind, Evidence, Finding, Judged, Severity, Subject

KEY = "exporter_frozen"
MINUTES = 5
USUALLY_MOVES = 0.8
LEAST_BEFORE = 15
_ENERGY, _POWER = "energy_joules", "power_watts"


def judge(facts: Facts) -> Judged:
    """One finding for each node all of whose GPUs stand still."""
    nodes = nodes_of(facts)
    seen = facts.trace.last(_POWER, MINUTES + 1)
    read = (~np.isnan(seen)).sum(axis=1) >= MINUTES
    current = read & ~np.isnan(seen[:, -2:]).all(axis=1)
    still = current & stood_still(facts.trace, (_ENERGY, *LEVELS), MINUTES)
    frozen = (nodes.sums(still) == nodes.reporting) & (nodes.reporting > 0)
    if frozen.any():
        frozen &= _would_move(facts, nodes)
    dark = frozenset(nodes.names[nodes.sums(current) == 0])
    return Judged(
        tuple(_findings(facts, nodes, frozen)), Blind(nodes=dark, why="too few readings") if dark else Blind()
    )


def _would_move(facts: Facts, nodes: Nodes) -> Bools:
    """Nodes on which standing still means something."""
    counted = nodes.sums(np.asarray((facts.trace.last(_ENERGY, MINUTES) > 0).any(axis=1)))
    before = moved(facts.trace, _POWER)[:, : -MINUTES - 1]
    if before.shape[1] < LEAST_BEFORE:
        return np.asarray(counted > 0)
    alive = np.zeros((len(nodes.names), before.shape[1]), dtype=bool)
    np.logical_or.at(alive, nodes.codes, before)
    return np.asarray((counted > 0) | (alive.mean(axis=1) >= USUALLY_MOVES))


def _findings(facts: Facts, nodes: Nodes, mask: Bools) -> Iterator[Finding]:
    for node in np.flatnonzero(mask):
        name, power = str(nodes.names[node]), facts.column(_POWER)[nodes.codes == node]
        quiet = ~moved(facts.trace, _POWER)[nodes.codes == node].any(axis=0)
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=Subject(node=name),
            explanation=f"All readings of the {len(power)} GPUs of {name} have been exactly the same for {MINUTES} "
            "minutes or more: what they really do is not known.",
            action="Restart the exporter there; if that does not help, nvidia-smi or the driver hangs: look at dmesg.",
            source="exact repetition, the energy counter included",
            since=first_true(quiet[None, :], facts.trace.minutes[1:])[0],
            evidence=(Evidence(_POWER, f"{np.nansum(power):.3f} W in all, unchanged", facts.at),),
            cleared_by="a reading that differs",
        )


CHECK = Check(
    key=KEY,
    title="Exporter frozen",
    definition=f"All readings of all GPUs of a node have been exactly the same for {MINUTES} minutes, their energy "
    f"counters too; without those, only where power used to move in {USUALLY_MOVES:.0%} of the minutes before.",
    source="ours: a powered GPU's energy counter never stands still",
    judge=judge,
    action="Restart the exporter; if that does not help, the driver hangs.",
    cleared_by="A reading that differs.",
)
