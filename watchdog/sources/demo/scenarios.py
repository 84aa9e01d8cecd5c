"""Which faults come when: the default story, a healthy cluster, every fault once."""

from __future__ import annotations

from dataclasses import dataclass

from watchdog.sources.demo.catalogue import SPECS
from watchdog.sources.demo.faults import FaultKind

_MINUTE = 60.0


@dataclass(frozen=True)
class Planned:
    """A fault to come: `at` seconds after the demo's start (before it, if negative).

    Attributes:
        minutes: how long; None draws a length that fits the kind.
        node: the node to prefer; None takes any.
    """

    kind: FaultKind
    at: float
    minutes: float | None = None
    node: int | None = None


@dataclass(frozen=True)
class Scenario:
    """A script, and how many faults may come by chance beside it.

    Attributes:
        mean_gap_minutes: mean time between two faults by chance; None: none come.
        chance_from: seconds after the start from which on they come.
        kinds: the kinds that may come by chance.
    """

    name: str
    script: tuple[Planned, ...] = ()
    mean_gap_minutes: float | None = None
    chance_from: float = float("-inf")
    kinds: tuple[FaultKind, ...] = tuple(FaultKind)


HEALTHY = Scenario("healthy")


def only(kind: FaultKind, at: float = 0.0, minutes: float | None = None, node: int | None = None) -> Scenario:
    """One fault and nothing else."""
    return Scenario(f"only {kind}", (Planned(kind, at, minutes, node),))


def default_story(nodes: int, gpus: int) -> Scenario:
    """A live, mostly healthy cluster with some trouble in its past and now; larger clusters have more."""
    k = FaultKind
    last = max(0, nodes - 2)
    script = [
        Planned(k.JOB_STALL, -335 * _MINUTE, 14),
        Planned(k.EXPORTER_DEAD, -290 * _MINUTE, 12, node=min(1, nodes - 1)),
        Planned(k.NODE_DOWN, -255 * _MINUTE, 22, node=nodes - 1),
        Planned(k.NEVER_USED, -180 * _MINUTE, 480, node=0),
        Planned(k.XID_31, -150 * _MINUTE, 10),
        Planned(k.ECC_CORRECTED, -110 * _MINUTE, 360, node=nodes - 1),
        Planned(k.THERMAL_THROTTLE, -75 * _MINUTE, 300, node=0),
        Planned(k.HUNG, -18 * _MINUTE, 70, node=max(0, min(1, nodes - 1))),
    ]
    if nodes > 1:  # its node is drained, and the only one should not be
        script.insert(-1, Planned(k.GPU_LOST, -40 * _MINUTE, 200, node=last))
    # A small cluster's past is the script alone, so that the first screen is mostly healthy.
    size = nodes * gpus
    gap = 60.0 * (32 / max(32, size)) ** 0.5
    return Scenario("default", tuple(script), gap, chance_from=0.0 if size <= 64 else float("-inf"))


def every_fault(gap_minutes: float = 12.0, since: float = -6 * 3600.0) -> Scenario:
    """Every kind once, one after the other: for benchmarks of alert detection."""
    script = [Planned(kind, since + 60 * gap_minutes * i, min(SPECS[kind].minutes)) for i, kind in enumerate(FaultKind)]
    return Scenario("every-fault", tuple(script))


def named(name: str, nodes: int, gpus: int) -> Scenario | None:
    """The scenario of that name; None if there is none."""
    known = {s.name: s for s in (HEALTHY, default_story(nodes, gpus), every_fault())}
    return known.get(name)


NAMES = ("default", "healthy", "every-fault")
