"""A PCIe link that sends packets again and again, or runs with fewer lanes than it could.

Source: DCGM's health check warns above lanes x (packets a minute by generation) (DcgmHealthWatch.cpp,
DcgmGPUHardwareLimits.h). An idle GPU lowers its generation, so the highest that its model shows on this cluster
counts. NVML says that the width may fall as well while nothing runs, so it is judged on GPUs that worked lately.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import numpy as np

from watchdog.analysis.gpu_state import IDLE_BELOW
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
from watchdog.analysis.health.peers import highest_of_kind, kinds
from watchdog.model.arrays import Floats
from watchdog.model.findings import Evidence, Finding, Judged, Severity

KEY = "pcie"
REPLAYS, WIDTH, MOST, GENERATION = (
    "pcie_replay_count",
    "pcie_link_width_count",
    "max_pcie_link_width_count",
    "pcie_link_gen_code",
)
MINUTES = 5
LEAST_MINUTES = 3
BUSY_MINUTES = 10
PER_LANE_AND_MINUTE = MappingProxyType({1: 0.15, 2: 0.3, 3: 0.48, 4: 0.96, 5: 1.92, 6: 3.84})
_MOST_LANES = 16.0


def judge(facts: Facts) -> Judged:
    """One finding a GPU; lost lanes are told of before replays, which often come of the same cause."""
    nobody = unexported(facts, REPLAYS, WIDTH)
    if nobody:
        return nobody
    width, most = facts.column(WIDTH), facts.column(MOST)
    steps = facts.trace.steps(REPLAYS, MINUTES)
    narrow = ~facts.silent & (width < most) & _worked(facts)
    rate, limit = np.nansum(steps, axis=1) / MINUTES, replay_limit(facts)
    noisy = ~facts.silent & (rate > limit) & ((steps > 0).sum(axis=1) >= LEAST_MINUTES) & ~narrow
    seen = ((~np.isnan(steps)).any(axis=1) | ~np.isnan(width)) & ~facts.silent
    findings = [*_narrow(facts, narrow), *_noisy(facts, noisy, rate, limit)]
    return judged(facts, findings, seen, "nothing was read of the PCIe link")


def replay_limit(facts: Facts) -> Floats:
    """Replays a minute above which a link is bad; the most tolerant where lanes or generation are not known."""
    generation = highest_of_kind(facts.column(GENERATION), kinds(facts.cells["gpu_model"]))
    lanes = np.fmax(facts.column(WIDTH), facts.column(MOST))
    table = np.array([PER_LANE_AND_MINUTE[g] for g in sorted(PER_LANE_AND_MINUTE)])
    place = np.nan_to_num(generation, nan=float(len(table))).clip(1, len(table)).astype(np.int64) - 1
    return np.asarray(np.nan_to_num(lanes, nan=_MOST_LANES) * table[place])


def _worked(facts: Facts) -> Bools:
    busy = np.fmax(
        facts.trace.last("gpu_util_ratio", BUSY_MINUTES),
        facts.trace.last("graphics_engine_active_ratio", BUSY_MINUTES),
    )
    return np.asarray((busy >= IDLE_BELOW).any(axis=1))


def _narrow(facts: Facts, mask: Bools) -> Iterator[Finding]:
    for row in gpu_rows(facts, mask):
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"{place(row)} runs its PCIe link with {row[WIDTH]:.0f} of {row[MOST]:.0f} lanes.",
            action="Drain the node and reseat the GPU or its riser.",
            source="NVML: lanes now against the most that GPU and slot can use",
            value=row[WIDTH],
            evidence=reading(row, WIDTH, MOST, GENERATION),
            **holder(row),
        )


def _noisy(facts: Facts, mask: Bools, rates: Floats, limits: Floats) -> Iterator[Finding]:
    for row, rate, limit in zip(gpu_rows(facts, mask), rates[mask], limits[mask], strict=True):
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"{place(row)} sends {rate:.0f} PCIe packets a minute again; up to {limit:.1f} are normal.",
            action="Drain the node and reseat the GPU or its riser; if it goes on, look at the slot.",
            source="DCGM health: replays a minute by lanes and generation",
            value=float(rate),
            evidence=(Evidence(REPLAYS, f"{rate:.1f} a minute"), *reading(row, WIDTH, MOST, GENERATION)),
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="PCIe link bad",
    definition=f"Over {MINUTES} minutes, and in {LEAST_MINUTES} of them, more replays a minute than lanes x "
    + ", ".join(f"{rate:g} (gen {gen})" for gen, rate in PER_LANE_AND_MINUTE.items())
    + f"; or fewer lanes than GPU and slot can use, on a GPU that worked in the last {BUSY_MINUTES} minutes.",
    source="DCGM health (DcgmGPUHardwareLimits.h); NVML link width",
    judge=judge,
    action="Drain the node and reseat the GPU or its riser.",
)
