"""What the driver itself asks for: a reset, a reboot, a drain.

Source: NVML's recovery action, which XID 154 announces. DCGM's health check fails a GPU for all of them but the drain
of peer-to-peer traffic, for which it warns.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import numpy as np

from watchdog.analysis.health.check import (
    Bools,
    Check,
    gpu_rows,
    gpu_subject,
    holder,
    judged,
    place,
    reading,
    unexported,
)
from watchdog.analysis.health.facts import Facts
from watchdog.model.findings import Finding, Judged, Severity

KEY = "recovery_action"
METRIC = "recovery_action_code"
ACTIONS = MappingProxyType(
    {
        1: ("a reset of the GPU", "Drain the node and reset the GPU."),
        2: ("a reboot of the node", "Drain the node and reboot it."),
        3: ("an end of its peer-to-peer traffic", "Let jobs on it end; give it no work across several GPUs."),
        4: ("a drain and a reset of the GPU", "Drain the node, let its jobs end, and reset the GPU."),
    }
)
DRAIN_P2P = 3


def judge(facts: Facts) -> Judged:
    """One finding for each GPU whose driver asks for something."""
    nobody = unexported(facts, METRIC)
    if nobody:
        return nobody
    code = facts.column(METRIC)
    seen = ~np.isnan(code) & ~facts.silent
    return judged(facts, _findings(facts, seen & (code > 0)), seen, "no recovery action was read")


def _findings(facts: Facts, mask: Bools) -> Iterator[Finding]:
    for row in gpu_rows(facts, mask):
        code = int(row[METRIC])
        words, action = ACTIONS.get(code, (f"action {code}", "Look the action up in NVML's documentation."))
        yield Finding(
            check=KEY,
            severity=Severity.WARNING if code == DRAIN_P2P else Severity.CRITICAL,
            subject=gpu_subject(row),
            explanation=f"The driver asks for {words}: {place(row)}.",
            action=action,
            source="NVML recovery action; DCGM health",
            value=row[METRIC],
            evidence=reading(row, METRIC),
            cleared_by=words,
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="Driver asks for a reset or reboot",
    definition="The driver's recovery action is not 0: reset, reboot, drain and reset (critical), or drain "
    "peer-to-peer traffic (warning).",
    source="NVML recovery action; DCGM health",
    judge=judge,
    action="What it asks for.",
    cleared_by="What it asks for.",
)
