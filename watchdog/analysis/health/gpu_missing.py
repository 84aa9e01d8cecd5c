"""A GPU that should be there and is not.

It was seen in the last days and is silent while others of its node report; or its driver says that it is lost; or
Slurm counts more GPUs on the node than are seen there. Silence is told from the other GPUs of the node, so a GPU is
missed after BEHIND and not only when its last reading has grown old. A board that was replaced is not missed: another
GPU reports in its place; nor is one that Slurm no longer counts. MIG instances may be what Slurm counts, so nodes
with MIG are not held against it.

Source: count now against the most of the last hours (nvidia_gpu_exporter's rules); Slurm's GRES (Meta GCM's gpu_num).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np

from watchdog.analysis.health.check import Bools, Check, gpu_rows, gpu_subject, holder, place
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.nodes import Nodes, nodes_of, server_failing, slurm_nodes
from watchdog.analysis.xid import xid_text
from watchdog.model.arrays import Floats, column_micros, duration_micros
from watchdog.model.findings import SIGHTED, Blind, Evidence, Finding, Judged, Severity, Subject
from watchdog.model.units import instant_text

KEY = "gpu_missing"
BEHIND = timedelta(minutes=2)
_FALLEN = 79


def judge(facts: Facts) -> Judged:
    """One finding a GPU that is known, and one a node for those that only Slurm knows of."""
    nodes = nodes_of(facts)
    lost = facts.column("gpu_lost_flag") > 0
    quiet = _behind(facts, nodes)
    present = nodes.sums(~quiet & ~lost)
    counted = _counted_by_slurm(facts, nodes)
    silent = quiet & (present[nodes.codes] > 0) & ~_replaced(facts, quiet)
    # Slurm's count is the last word where it is known: a board that was taken out is no longer counted.
    wanted = np.isnan(counted) | (counted > present)
    missing = lost | (silent & wanted[nodes.codes])
    named = nodes.sums(missing)
    unnamed = np.nan_to_num(counted) - present - named
    findings = [*_gpus(facts, missing), *_uncounted(facts, nodes, counted, present, (present > 0) & (unnamed > 0))]
    return Judged(tuple(findings), _blind(nodes, present, named))


def _blind(nodes: Nodes, present: np.ndarray, named: np.ndarray) -> Blind:
    dark = frozenset(nodes.names[(present == 0) & (named == 0)])
    why = server_failing(nodes.facts) or "the whole node is silent"
    return Blind(nodes=dark, why=why) if dark else SIGHTED


def _behind(facts: Facts, nodes: Nodes) -> Bools:
    """GPUs that are silent, or whose last reading is older than the newest of their node by BEHIND."""
    at = column_micros(facts.cells["sampled_at"])
    return np.asarray(facts.silent | (nodes.newest_us[nodes.codes] - at > duration_micros(BEHIND)))


def _replaced(facts: Facts, quiet: Bools) -> Bools:
    """Quiet GPUs in whose place another one reports now."""
    if not quiet.any():
        return quiet
    places = list(zip(facts.cells["node"], facts.cells["gpu_index"].astype(object), strict=True))
    taken = {spot for spot, silent in zip(places, quiet, strict=True) if not silent}
    return np.asarray(quiet & np.fromiter((spot in taken for spot in places), bool, len(places)))


def _counted_by_slurm(facts: Facts, nodes: Nodes) -> Floats:
    """How many GPUs Slurm says each node has; NaN where it does not say, or counts MIG instances."""
    known = slurm_nodes(facts) or {}
    gpus = (known[name].gpus if name in known else None for name in nodes.names)
    counts = np.array([np.nan if count is None else float(count) for count in gpus])
    return np.where(nodes.sums(facts.column("mig_mode_flag") > 0) > 0, np.nan, counts)


def _gpus(facts: Facts, mask: Bools) -> Iterator[Finding]:
    events = facts.xids[(facts.xids["xid"] == _FALLEN).to_numpy(dtype=bool)]
    fallen = {str(uuid): at.to_pydatetime() for uuid, at in zip(events["gpu_uuid"], events["at"], strict=True)}
    for row in gpu_rows(facts, mask):
        at = fallen.get(str(row["gpu_uuid"]))
        seen = row["sampled_at"] or row["last_seen_at"]
        yield Finding(
            check=KEY,
            severity=Severity.CRITICAL,
            subject=gpu_subject(row),
            explanation=f"{place(row)} {_what(row)}{f' after {xid_text(_FALLEN)}' if at else ''}.",
            action="Look at dmesg on the node; drain and reboot it, and reseat the GPU if it does not come back.",
            source="its driver" if row["gpu_lost_flag"] else "readings of the other GPUs of its node",
            since=at or (None if seen is None else seen.to_pydatetime()),
            evidence=_evidence(row, at),
            cleared_by="readings of the GPU, or of another in its place",
            **holder(row),
        )


def _what(row: dict[str, Any]) -> str:
    return "is lost: its driver cannot reach it" if row["gpu_lost_flag"] else "is silent while others there report"


def _evidence(row: dict[str, Any], fallen_at: Any) -> tuple[Evidence, ...]:  # noqa: ANN401 (datetime or None)
    seen = row["sampled_at"] or row["last_seen_at"]
    found = [Evidence("last reading", instant_text(None if seen is None else seen.to_pydatetime()))]
    if fallen_at:
        found.append(Evidence("xid_code", xid_text(_FALLEN), fallen_at))
    return tuple(found)


def _uncounted(facts: Facts, nodes: Nodes, counted: Floats, present: np.ndarray, mask: Bools) -> Iterator[Finding]:
    taken_at = facts.slurm.taken_at if facts.slurm else None
    for node in np.flatnonzero(mask):
        name = str(nodes.names[node])
        yield Finding(
            check=KEY,
            severity=Severity.CRITICAL,
            subject=Subject(node=name, part="gres"),
            explanation=f"Slurm counts {counted[node]:.0f} GPUs on {name}; {present[node]} report.",
            action="Run `nvidia-smi -L` there: a GPU is gone, or gres.conf or the exporter does not know them all.",
            source="Slurm's GRES of the node",
            value=float(present[node]),
            evidence=(
                Evidence("gres", f"{counted[node]:.0f}", taken_at),
                Evidence("GPUs that report", f"{present[node]}", facts.at),
            ),
        )


CHECK = Check(
    key=KEY,
    title="GPU missing",
    definition="A GPU seen in the last 7 days is silent for "
    f"{BEHIND.seconds // 60} minutes while others of its node report, and nobody took its place; or its driver lost it; "
    "or Slurm counts more GPUs on a node than report there (not with MIG).",
    source="nvidia_gpu_exporter's rules; Slurm's GRES (as Meta GCM's gpu_num)",
    judge=judge,
    action="Look at dmesg; drain and reboot the node, and reseat the GPU if it does not come back.",
    cleared_by="The GPU, or another in its place, reports again.",
)
