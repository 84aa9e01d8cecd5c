"""What is watched: threshold rules on catalogue metrics, and health checks, with how urgent and for whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from watchdog.model.findings import Severity


class Comparison(StrEnum):
    """How a value is held against the threshold."""

    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="

    @property
    def is_upper(self) -> bool:
        """Whether large values are the bad ones."""
        return self in {Comparison.ABOVE, Comparison.AT_LEAST}


class Reading(StrEnum):
    """Which number of a metric is compared: the newest value, or how much a counter grew in `over_seconds`."""

    VALUE = "value"
    INCREASE = "increase"


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom a rule holds: shell patterns (`gpu0*`); empty means everybody. All that are given must match."""

    nodes: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    gpu_models: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A threshold on a metric (`metric` set) or a health check (`check` set).

    Attributes:
        rule_id: a slug, unique: "gpu-hot".
        clear: the level at which it ends (hysteresis); None = at the threshold.
        for_seconds: how long it must hold before it fires.
        message: what people are told; `{node}`, `{gpu}`, `{job}`, `{value}`, `{threshold}` are filled in.
        source: where the threshold comes from, in words.
        severity: of a check's rule None leaves the check's own, which may differ by finding.
        instead_of: of a threshold, the check that covers it better; it stands in for the check in Prometheus rule files.
        note: what who edits it should know: why it is off, what else watches the same.
    """

    rule_id: str
    title: str
    severity: Severity | None = None
    metric: str = ""
    check: str = ""
    comparison: Comparison = Comparison.ABOVE
    threshold: float = 0.0
    clear: float | None = None
    reading: Reading = Reading.VALUE
    over_seconds: float = 600.0
    for_seconds: float = 0.0
    scope: Scope = field(default_factory=Scope)
    message: str = ""
    action: str = ""
    source: str = ""
    enabled: bool = True
    note: str = ""
    instead_of: str = ""
