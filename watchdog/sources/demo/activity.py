"""What running jobs ask of their GPUs at an instant: a closed form, so any instant can be asked for."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from watchdog.sources.demo.hardware import Flags, Fleet, Floats, Ints
from watchdog.sources.demo.jobs import FOREVER, Job, Profile, Work

_COLUMN = {field.name: i for i, field in enumerate(fields(Profile))}
_IDLE = np.array([*Profile().numbers, 0.0, FOREVER])


@dataclass
class Demand:
    """What the jobs ask for now, as arrays (GPUs,); shares are 0..1, pcie is bytes a second each way."""

    util: Floats
    intensity: Floats
    sm: Floats
    occupancy: Floats
    tensor: Floats
    dram: Floats
    memory: Floats
    pcie_in: Floats
    pcie_out: Floats
    nvlink: Floats
    processes: Floats

    def wait(self, pace: Floats) -> None:
        """Slow down to the pace of the slowest; a GPU that waits spins, so its utilization stays."""
        for values in (self.intensity, self.sm, self.occupancy, self.tensor, self.dram, self.nvlink):
            np.multiply(values, pace, out=values)


class Workload:
    """Who runs where, as arrays, between two changes of the schedule."""

    def __init__(self, fleet: Fleet, running: list[Job]) -> None:
        table = np.tile(_IDLE[:, None], fleet.count)
        self.slot: Ints = np.arange(fleet.count)
        for job in running:
            places = list(job.gpus)
            row = [*job.request.profile.numbers, job.started, job.ends]
            table[:, places] = np.array(row)[:, None]
            self.slot[places] = places[0]
        self._table = table
        self.started, self.ends = table[-2], table[-1]
        self.work = self.column("work")
        # No two boards and shards are the same.
        self._own = 1 + 0.02 * np.sin(7.0 * np.arange(fleet.count) + 40 * self.column("phase"))
        self.memory = np.clip(self.column("memory") * self._own, 0, 0.985)
        self._training = self.work == Work.TRAINING
        self._service = self.work == Work.SERVICE
        self._notebook = self.work == Work.NOTEBOOK
        self._processes = (self.memory > 0).astype(np.float64)

    def column(self, name: str) -> Floats:
        """One number of the running jobs' profiles, for each GPU."""
        values: Floats = self._table[_COLUMN[name]]
        return values

    def demand(self, now: float, noise: Floats) -> Demand:
        """What is asked for at `now` (story seconds); `noise` is standard normal, shape (GPUs,)."""
        age = now - self.started
        loading = age < self.column("loading")
        level = np.where(loading, 0.03, self._level(now, age))
        level[self.ends - now < self.column("tail")] = 0.0
        shake = np.clip(1 + 0.012 * noise, 0.9, 1.05)
        work = level * shake * self._own
        io = self.column("pcie")
        return Demand(
            util=np.clip(self.column("util") * np.where(self._training, np.sqrt(level) * shake, work), 0, 1),
            intensity=self.column("intensity") * work,
            sm=np.clip(self.column("sm") * work, 0, 1),
            occupancy=np.clip(self.column("occupancy") * work, 0, 1),
            tensor=np.clip(self.column("tensor") * work, 0, 1),
            dram=np.clip(self.column("dram") * work, 0, 1),
            memory=self.memory * np.clip(age / np.maximum(self.column("loading"), 1), 0.02, 1),
            pcie_in=io * np.where(loading, 6.0, work),
            pcie_out=io * (0.35 * work + self._checkpointing(age) * 4.0),
            nvlink=self.column("nvlink") * work,
            processes=self._processes,
        )

    def _level(self, now: float, age: Floats) -> Floats:
        """How hard they compute, 1 being their usual."""
        level = np.zeros(len(age))
        t, s, n = self._training, self._service, self._notebook
        if t.any():
            level[t] = self._training_level(age)[t]
        if s.any():
            phase = 6.28 * self.column("phase")[s]
            level[s] = 0.62 + 0.22 * np.sin(now / 2300 + phase) + 0.14 * np.sin(now / 170 + 3 * phase)
        if n.any():
            block = np.floor(age[n] / 240)
            dice = _hash01(block + 1000 * self.column("phase")[n])
            # Who works comes back within the hour; who does not is a fault of its own (gone_idle).
            at_work = (dice < 0.42) | (np.mod(block, 8) == 0)
            level[n] = np.where(at_work, 0.3 + 1.4 * np.minimum(dice, 0.42), 0.0)
        return level

    def _training_level(self, age: Floats) -> Floats:
        body = age - self.column("loading")
        dip = np.sin(6.283 * body / self.column("rhythm") + self.column("phase")) > 0.93
        every, length = self.column("eval_every"), self.column("eval_for")
        evaluating = np.mod(body, every) > every - length
        level = np.where(evaluating, 0.58, np.where(dip, 0.9, 1.0))
        level[self._checkpointing(age)] = 0.02
        return level

    def _checkpointing(self, age: Floats) -> Flags:
        body, every = age - self.column("loading"), self.column("checkpoint_every")
        stalled: Flags = (body > every) & (np.mod(body, every) < self.column("checkpoint_for"))
        return stalled


def _hash01(x: Floats) -> Floats:
    """A number in 0..1 that only looks random."""
    y: Floats = np.mod(np.sin(x * 12.9898) * 43758.5453, 1.0)
    return y
