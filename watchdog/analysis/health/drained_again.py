"""Nodes that are drained again and again: somebody put a bad node back.

Source: sites' own threads (ai4d-iasc/trixie#35: one node resumed twice by mistake); NVSentinel's analyser calls five
repairs in seven days too many. A reason that many nodes share is planned work and does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pandas as pd

from watchdog.analysis.health.check import Bools, Check
from watchdog.analysis.health.facts import Facts, Slurm
from watchdog.analysis.health.node_spells import is_drained, spells
from watchdog.analysis.health.sight import as_far_as_read, fresh_slurm, slurm_unseen, texts
from watchdog.model.findings import Evidence, Finding, Judged, Severity, Subject
from watchdog.model.units import instant_text

KEY = "drained_again"
TIMES, WITHIN = 3, timedelta(days=30)
SOON = timedelta(days=7)
# Told for a day after the node has come back.
TOLD = timedelta(days=1)
_SHARED_BY, _SHARED_RATIO = 3, 0.25
_SOURCE = "ai4d-iasc/trixie#35; NVSentinel's repeat-offender analyser"
_ACTION = "Do not just resume it: compare the reasons, run a long diagnostic (dcgmi diag -r 3), open a case."


def judge(facts: Facts) -> Judged:
    """One finding a node."""
    slurm = fresh_slurm(facts)
    if slurm is None:
        return slurm_unseen(facts)
    times = spells(slurm.states, is_drained(slurm.states))
    recent = times["ended_at"].isna() | (times["ended_at"] > pd.Timestamp(facts.at - WITHIN))
    times = times[recent.to_numpy(dtype=bool) & ~times["planned"].to_numpy(dtype=bool) & ~_shared(times, slurm)]
    several = times[times.duplicated("node", keep=False).to_numpy(dtype=bool)]
    known = set(texts(slurm.nodes, "node"))
    groups = [group for node, group in several.groupby("node") if node in known]
    return as_far_as_read(facts, Judged(tuple(_found(facts, groups))))


def _shared(times: pd.DataFrame, slurm: Slurm) -> Bools:
    nodes = times.groupby("reason")["node"].nunique()
    many = nodes.index[nodes >= max(_SHARED_BY, _SHARED_RATIO * len(slurm.nodes))]
    return np.asarray(times["reason"].isin(many).to_numpy(dtype=bool))


def _found(facts: Facts, groups: list[pd.DataFrame]) -> Iterator[Finding]:
    for times in groups:
        last, before = times.iloc[-1], times.iloc[-2]
        back = last["began_at"] - before["ended_at"]
        over = not pd.isna(last["ended_at"])
        if over and last["ended_at"] <= pd.Timestamp(facts.at - TOLD):
            continue
        if len(times) >= TIMES or (back <= SOON and not over):
            yield _finding(times, back)


def _finding(times: pd.DataFrame, back: pd.Timedelta) -> Finding:
    node, count = str(times["node"].iloc[-1]), len(times)
    reasons = "; ".join(dict.fromkeys(filter(None, times["reason"])))
    often = "twice" if count == 2 else f"{count} times"
    days = (
        f"{back / pd.Timedelta(days=1):.1f} days"
        if back >= pd.Timedelta(days=1)
        else f"{back / pd.Timedelta(hours=1):.1f} h"
    )
    return Finding(
        check=KEY,
        severity=Severity.WARNING,
        subject=Subject(node=node),
        explanation=f"{node} was drained {often} in 30 days, the last time {days} after it was resumed: {reasons or 'no reasons given'}.",
        action=_ACTION,
        source=_SOURCE,
        since=times["began_at"].iloc[-1].to_pydatetime(),
        value=float(count),
        evidence=tuple(
            Evidence(
                "reason", f"{reason or 'none'} (from {instant_text(began.to_pydatetime())})", began.to_pydatetime()
            )
            for reason, began in zip(times["reason"], times["began_at"], strict=True)
        )[-8:],
        cleared_by="A day in service after the last drain.",
    )


CHECK = Check(
    key=KEY,
    title="Node drained again",
    definition=(
        f"The node was drained {TIMES} times or more in {WITHIN.days} days, or is drained again within {SOON.days} days "
        "after it was resumed. Maintenance does not count, nor does a reason that a quarter of the nodes share."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="A day in service after the last drain.",
)
