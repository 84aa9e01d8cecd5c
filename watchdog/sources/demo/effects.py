"""What the active faults do to the machines, as arrays the physics multiplies with."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from watchdog.sources.demo.activity import Demand
from watchdog.sources.demo.hardware import Fleet
from watchdog.sources.demo.jobs import FOREVER


class Mode(IntEnum):
    """Activity that a fault forces on a GPU."""

    NORMAL = 0
    HUNG = 1
    IDLE = 2
    STARVED = 3


class Effects:
    """Neutral until faults change them; arrays are (GPUs,), those named `node_` are (nodes,).

    Attributes:
        hottest: core temperature that full clocks would reach at the job's usual power; 0 = healthy cooling.
        clock_cap: share of the highest clock.
        sbe_rate, replay_rate, flit_rate, data_rate, link_replay_rate: errors a second of wall time.
        leak_from, leak_since, leak_until: memory grows in that time from that share to nearly all.
        zombie: share of memory that no job's process holds.
    """

    def __init__(self, fleet: Fleet) -> None:
        n, nodes = fleet.count, len(fleet.node_names)
        self.hottest = np.zeros(n)
        self.clock_cap = np.ones(n)
        self.mode = np.zeros(n, dtype=np.int64)
        self.brake = np.zeros(n, dtype=np.bool_)
        self.sbe_rate, self.replay_rate, self.flit_rate = np.zeros(n), np.zeros(n), np.zeros(n)
        self.data_rate, self.link_replay_rate = np.zeros(n), np.zeros(n)
        self.leak_since, self.leak_until, self.leak_from = np.full(n, FOREVER), np.full(n, 2 * FOREVER), np.zeros(n)
        self.zombie = np.zeros(n)
        self.lanes = np.full(n, 16.0)
        self.remap_pending, self.remap_failed, self.recovery = np.zeros(n), np.zeros(n), np.zeros(n)
        self.lost, self.stuck, self.frozen = (np.zeros(n, dtype=np.bool_) for _ in range(3))
        self.node_refuses = np.zeros(nodes, dtype=np.bool_)
        self.node_down = np.zeros(nodes, dtype=np.bool_)
        self.node_skew = np.zeros(nodes)

    def reshape(self, demand: Demand, now: float) -> None:
        """Change what jobs ask for to what happens instead."""
        if self.mode.any():
            self._force(demand)
        leaking = self.leak_since <= now
        if leaking.any():
            share = np.clip((now - self.leak_since) / (self.leak_until - self.leak_since), 0, 1)
            target = self.leak_from + (0.988 - self.leak_from) * share
            demand.memory = np.where(leaking, np.maximum(demand.memory, target), demand.memory)
        demand.memory = np.maximum(demand.memory, self.zombie)
        demand.processes = np.maximum(demand.processes, self.zombie > 0)
        slow = self.lanes / 16
        demand.pcie_in, demand.pcie_out = demand.pcie_in * slow, demand.pcie_out * slow

    def _force(self, demand: Demand) -> None:
        hung, idle = self.mode == Mode.HUNG, self.mode == Mode.IDLE
        starved = self.mode == Mode.STARVED
        # A kernel that spins: every counter of work is still, but "a kernel runs" is true.
        for values, spin in (
            (demand.util, 1.0),
            (demand.intensity, 0.06),
            (demand.sm, 0.008),
            (demand.occupancy, 0.01),
        ):
            values[hung], values[idle] = spin, 0.0
            values[starved] *= 0.27
        for values in (demand.tensor, demand.dram, demand.pcie_in, demand.pcie_out, demand.nvlink):
            values[hung | idle] = 0.0
            values[starved] *= 0.22
