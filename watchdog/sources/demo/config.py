"""What the demo cluster is made of."""

from __future__ import annotations

from dataclasses import dataclass

from watchdog.base.errors import ConfigError
from watchdog.sources.demo.scenarios import Scenario

# The first screen needs a past in which the default story can have begun.
SHORTEST_PAST_HOURS = 6.0


@dataclass(frozen=True)
class DemoConfig:
    """The whole story follows from this and the start; equal settings give equal output.

    Attributes:
        speed: seconds of job and fault life for a second of wall time, from the start on; the past
            before the start is always lived at speed 1. Heat and energy keep to wall time.
        history_hours: how far back history() can reach.
        step_seconds: the simulation's grid; between two grid instants nothing changes.
        scenario: which faults come; None is the default story for this size.
    """

    nodes: int = 4
    gpus: int = 8
    seed: int = 7
    speed: float = 1.0
    history_hours: float = SHORTEST_PAST_HOURS
    step_seconds: int = 15
    scenario: Scenario | None = None

    def __post_init__(self) -> None:
        if self.nodes < 1 or self.gpus < 1:
            raise ConfigError("the demo cluster needs at least one node and one GPU", hint="Raise --nodes or --gpus.")
        if self.speed <= 0 or self.step_seconds < 1 or self.history_hours < 0:
            raise ConfigError("the demo cluster cannot run backwards", hint="Use a --speed above 0.")

    @property
    def past_seconds(self) -> float:
        """How long before the start the simulation begins."""
        return 3600 * max(self.history_hours, SHORTEST_PAST_HOURS)
