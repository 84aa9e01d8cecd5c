"""A node that nobody hears of: its exporter is dead, hangs, or cannot be reached.

Source: one failed read is nothing; UT's rules wait longer, but here a node whose reads fail for FAILING_FOR is dark
already. Behind a Prometheus there is no error to read, so there only silence tells. What Slurm says decides how urgent
it is: a node that is down is known, one that works unwatched is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import numpy as np

from watchdog.analysis.health.check import Bools, Check
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.nodes import (
    FAILING_FOR,
    Nodes,
    SlurmNode,
    failing,
    is_exporter,
    node_of,
    nodes_of,
    server_failing,
    slurm_nodes,
)
from watchdog.analysis.node_condition import OUT
from watchdog.model.arrays import duration_micros, instant, micros
from watchdog.model.findings import SIGHTED, Blind, Evidence, Finding, Judged, Severity, Subject
from watchdog.model.telemetry import SourceStatus

KEY = "exporter_lost"
_ASLEEP = "powered down"


def judge(facts: Facts) -> Judged:
    """One finding for each dark node."""
    nodes = nodes_of(facts)
    errors = {node_of(source): source for source in facts.sources if is_exporter(source) and failing(facts, source)}
    failed = np.fromiter((name in errors for name in nodes.names), bool, len(nodes.names))
    old = micros(facts.at) - nodes.newest_us >= duration_micros(FAILING_FOR)
    dark = (nodes.reporting == 0) | (failed & old)
    server = server_failing(facts)
    if server:
        # The nodes may be well: it is the server that does not answer.
        return Judged(blind=Blind(nodes=frozenset(nodes.names[dark]), why=server) if dark.any() else SIGHTED)
    return Judged(tuple(_findings(facts, nodes, dark, errors)))


class _Word(NamedTuple):
    severity: Severity
    text: str


def _findings(facts: Facts, nodes: Nodes, dark: Bools, errors: dict[str, SourceStatus]) -> Iterator[Finding]:
    slurm = slurm_nodes(facts) if dark.any() else None
    for node in np.flatnonzero(dark):
        name = str(nodes.names[node])
        known = slurm.get(name) if slurm else None
        if known is not None and known.condition == _ASLEEP:
            continue
        word, source = _of_slurm(known), errors.get(name)
        yield Finding(
            check=KEY,
            severity=word.severity,
            subject=Subject(node=name),
            explanation=f"Nothing is heard of the {nodes.size[node]} GPUs of {name}"
            + (f": {source.error.rstrip('.')}" if source else "")
            + f".{word.text}",
            action=_action(known, source),
            source="reads of its exporter" if source else "no reading of any of its GPUs for 5 minutes",
            since=_last(nodes, int(node)),
            evidence=_evidence(known, source),
            cleared_by="a reading of any of its GPUs",
        )


def _of_slurm(known: SlurmNode | None) -> _Word:
    if known is None:
        return _Word(Severity.CRITICAL, "")
    reason = f" ({known.reason})" if known.reason else ""
    if known.condition in OUT:
        return _Word(Severity.INFO, f" Slurm says the node is {known.condition}{reason}.")
    return _Word(Severity.WARNING, " Slurm says the node works, so its jobs run unwatched.")


def _action(known: SlurmNode | None, source: SourceStatus | None) -> str:
    if known is not None and known.condition in OUT:
        return "See to the node first."
    if source is not None and source.hint:
        return source.hint
    return "See whether the node answers, and restart its exporter."


def _last(nodes: Nodes, node: int) -> datetime | None:
    seen = nodes.facts.cells["last_seen_at"].array[nodes.codes == node].dropna()
    newest = max((at.to_pydatetime() for at in seen), default=None)
    return instant(int(nodes.newest_us[node])) if nodes.newest_us[node] > 0 else newest


def _evidence(known: SlurmNode | None, source: SourceStatus | None) -> tuple[Evidence, ...]:
    found = []
    if source is not None:
        found.append(Evidence(source.name, source.error, source.last_attempt_at))
    if known is not None:
        found.append(Evidence("state in Slurm", known.condition))
    return tuple(found)


CHECK = Check(
    key=KEY,
    title="Node not heard of",
    definition="No GPU of a node has a reading for 5 minutes, or reading its exporter has failed for "
    f"{FAILING_FOR.seconds} s. Critical where Slurm does not know the node, a warning where it says that the node "
    "works, info where it says that it is down or drained; nodes that it powered down are not missed. Where the "
    "server that all readings come through fails, nothing is said of nodes.",
    source="Prometheus' lookback of 5 minutes; four failed reads",
    judge=judge,
    action="See whether the node answers, and restart its exporter.",
    cleared_by="A reading of any of its GPUs.",
)
