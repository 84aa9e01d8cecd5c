"""Clocks held down by heat or by the power supply.

Source: NVML clock event reasons. Hardware thermal slowdown (0x40), power brake (0x80) and hardware slowdown (0x8)
are bad; software thermal slowdown (0x20) says that cooling is short; the power cap (0x4) is normal and not judged.
The time a reason must hold is that of utkuozdemir/nvidia_gpu_exporter's rules, shortened for the hardware ones:
half of the last `MINUTES` minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from watchdog.analysis.health.check import Check, gpu_rows, gpu_subject, holder, judged, place, unexported
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.trace import covered
from watchdog.model.findings import Evidence, Finding, Judged, Severity

KEY = "throttle"
MINUTES = 4
SHARE = 0.5


class _Reason(NamedTuple):
    metric: str
    words: str
    severity: Severity
    action: str


# The first that holds is the one told of.
REASONS = (
    _Reason("throttle_power_brake_flag", "power brake", Severity.CRITICAL, "Look at the node's power supplies."),
    _Reason("throttle_hw_thermal_flag", "hardware thermal slowdown", Severity.CRITICAL, "Look at its cooling now."),
    _Reason("throttle_hw_slowdown_flag", "hardware slowdown", Severity.CRITICAL, "Look at its cooling and power."),
    _Reason("throttle_sw_thermal_flag", "software thermal slowdown", Severity.WARNING, "Look at its cooling."),
)


def judge(facts: Facts) -> Judged:
    """One finding a GPU: the gravest reason that held for half of the last minutes and holds now."""
    metrics = [reason.metric for reason in REASONS]
    nobody = unexported(facts, *metrics)
    if nobody:
        return nobody
    told = np.zeros(len(facts.cells), dtype=bool)
    findings: list[Finding] = []
    seen = np.zeros(len(facts.cells), dtype=bool)
    for reason in REASONS:
        flags = facts.trace.last(reason.metric, MINUTES)
        seen |= covered(flags) > 0
        holds = (np.nansum(flags > 0, axis=1) >= SHARE * MINUTES) & (facts.column(reason.metric) > 0)
        findings += _findings(facts, holds & ~told & ~facts.silent, reason)
        told |= holds
    return judged(facts, findings, seen & ~facts.silent, "no clock event reasons were read")


def _findings(facts: Facts, mask: np.ndarray, reason: _Reason) -> Iterator[Finding]:
    for row in gpu_rows(facts, mask):
        yield Finding(
            check=KEY,
            severity=reason.severity,
            subject=gpu_subject(row),
            explanation=f"{place(row)} runs with lowered clocks: {reason.words}.",
            action=reason.action,
            source="NVML clock event reasons",
            evidence=_evidence(row, reason),
            **holder(row),
        )


def _evidence(row: dict[str, object], reason: _Reason) -> tuple[Evidence, ...]:
    at = row["sampled_at"]
    values = [(reason.metric, "set")]
    for metric, unit, factor in (("gpu_temperature_celsius", "°C", 1.0), ("sm_clock_hertz", "MHz", 1e-6)):
        if row[metric] is not None:
            values.append((metric, f"{float(row[metric]) * factor:.0f} {unit}"))  # type: ignore[arg-type]
    return tuple(Evidence(what, value, at.to_pydatetime() if at is not None else None) for what, value in values)  # type: ignore[attr-defined]


CHECK = Check(
    key=KEY,
    title="Clocks throttled",
    definition=f"A bad clock event reason was set in at least half of the last {MINUTES} minutes, and is set now.",
    source="NVML clock event reasons; waiting times after utkuozdemir/nvidia_gpu_exporter",
    judge=judge,
    action="Power brake: look at the node's power supplies. Heat: look at its cooling.",
    cleared_by="The reason is not set any more.",
)
