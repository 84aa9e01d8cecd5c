"""Counters the driver and the exporter keep for each GPU: errors, remapped rows, XIDs."""

from __future__ import annotations

import numpy as np

from watchdog.sources.demo.effects import Effects
from watchdog.sources.demo.hardware import Fleet
from watchdog.sources.demo.injector import Events

# A healthy board replays a PCIe packet now and then.
_USUAL_REPLAYS = 2e-6


class Counters:
    """Arrays are (GPUs,) of whole numbers.

    Attributes:
        last_xid: NaN before the first.
        xids: (GPU, code) -> how often since the exporter started.
    """

    def __init__(self, fleet: Fleet, rng: np.random.Generator) -> None:
        n = fleet.count
        self._fleet, self._rng = fleet, rng
        self.sbe, self.dbe, self.replays = np.zeros(n), np.zeros(n), np.zeros(n)
        self.flits, self.data, self.link_replays = np.zeros(n), np.zeros(n), np.zeros(n)
        self.sbe_life = rng.poisson(0.4, n).astype(np.float64)
        self.dbe_life = np.zeros(n)
        self.remapped, self.remapped_sbe = np.zeros(n), (rng.random(n) < 0.04).astype(np.float64)
        self.last_xid = np.full(n, np.nan)
        self.xids: dict[tuple[int, int], int] = {}

    def step(self, effects: Effects, seconds: float) -> None:
        """Count what went wrong in `seconds`."""
        self.replays += self._rng.poisson((effects.replay_rate + _USUAL_REPLAYS) * seconds)
        if effects.sbe_rate.any():
            errors = self._rng.poisson(effects.sbe_rate * seconds)
            self.sbe += errors
            self.sbe_life += errors
        if effects.flit_rate.any():
            self.flits += self._rng.poisson(effects.flit_rate * seconds)
            self.data += self._rng.poisson(effects.data_rate * seconds)
            self.link_replays += self._rng.poisson(effects.link_replay_rate * seconds)

    def take(self, events: Events) -> list[int]:
        """Count the events and return the GPUs that were reset (their energy starts anew, too)."""
        reset = [*events.resets, *(gpu for node in events.reboots for gpu in self._fleet.of_node(node))]
        for node in events.reboots:
            gpus = self._fleet.of_node(node)
            self.xids = {key: count for key, count in self.xids.items() if key[0] not in gpus}
        self._reset(reset)
        for gpu, code in events.xids:
            self.xids[gpu, code] = self.xids.get((gpu, code), 0) + 1
            self.last_xid[gpu] = code
        for gpu, errors in events.uncorrected:
            self.dbe[gpu] += errors
            self.dbe_life[gpu] += errors
        return reset

    def _reset(self, gpus: list[int]) -> None:
        self.remapped[gpus] += self.dbe[gpus] > 0
        for values in (self.sbe, self.dbe, self.replays, self.flits, self.data, self.link_replays):
            values[gpus] = 0
        self.last_xid[gpus] = np.nan
