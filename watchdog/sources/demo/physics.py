"""Power, heat, clocks and energy of every GPU, one grid step at a time."""

from __future__ import annotations

import numpy as np

from watchdog.sources.demo.activity import Demand, Workload
from watchdog.sources.demo.effects import Effects, Mode
from watchdog.sources.demo.hardware import Flags, Fleet, Floats

SW_THERMAL_CELSIUS = 87.0
HW_THERMAL_CELSIUS = 92.0
_HW_RELEASE_CELSIUS = 88.0
# The driver starts to ease the clocks a little before its limit, by this share a degree.
_EASE_FROM, _EASE_PER_KELVIN = 86.5, 0.03
# Dynamic power grows with the clock times the square of the voltage, which follows the clock in part.
_CLOCK_EXPONENT = 2.2
_CLOCK_STEP_MHZ = 15.0


class Physics:
    """The machines' state; arrays are (GPUs,) in watts, degrees Celsius, joules, shares of the top clock."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.limit = fleet.spec("limit_watts")
        self.power = fleet.idle_watts.copy()
        self.temperature = fleet.inlet + fleet.kelvin_per_watt * self.power
        self.memory_temperature = self.temperature + 4.0
        self.energy = fleet.driver_age_seconds * 0.55 * self.limit
        self.clock_ratio = np.ones(fleet.count)
        self.capped: Flags = np.zeros(fleet.count, dtype=np.bool_)
        self.eased, self.overheated = self.capped.copy(), self.capped.copy()
        self._context = fleet.spec("context_watts")
        self._max_mhz = fleet.spec("max_sm_mhz")
        self._idle_mhz = fleet.spec("idle_sm_mhz")
        self.sm_mhz = self._idle_mhz.copy()

    def pace(self, workload: Workload) -> Floats:
        """How far each GPU must wait for the slowest of its job: 1 is not at all."""
        slowest = np.ones(self.fleet.count)
        np.minimum.at(slowest, workload.slot, self.clock_ratio)
        pace = slowest[workload.slot] / self.clock_ratio
        return np.where(pace < 0.93, pace, 1.0)

    def step(self, demand: Demand, effects: Effects, seconds: float, noise: Floats) -> None:
        """Move on by `seconds`; `noise` is standard normal."""
        base = self.fleet.idle_watts + self._context * (demand.processes > 0)
        dynamic = np.maximum(self.limit - base, 1.0) * demand.intensity * 1.06
        self._clocks(demand, effects, base, dynamic)
        quiet = effects.mode == Mode.HUNG
        draw = base + dynamic * self.clock_ratio**_CLOCK_EXPONENT
        wobble = np.where(quiet, 0.15, 0.35 + 0.006 * dynamic)
        self.power = np.clip(draw + wobble * noise, 0.8 * self.fleet.idle_watts, self.limit * 1.03)
        self._heat(effects, base + dynamic, demand.dram, seconds)
        self.energy = self.energy + self.power * seconds

    def _clocks(self, demand: Demand, effects: Effects, base: Floats, dynamic: Floats) -> None:
        room = np.maximum(self.limit - base, 1.0)
        power_cap = np.minimum(1.0, (room / np.maximum(dynamic, 1.0)) ** (1 / _CLOCK_EXPONENT))
        heat_cap = np.clip(1 - _EASE_PER_KELVIN * (self.temperature - _EASE_FROM), 0.35, 1.0)
        self.overheated = np.where(
            self.temperature >= HW_THERMAL_CELSIUS, True, self.overheated & (self.temperature > _HW_RELEASE_CELSIUS)
        )
        busy = demand.intensity > 0.03
        self.eased = (heat_cap < 0.99) & busy
        self.capped = (power_cap < 0.995) & (power_cap <= heat_cap) & (power_cap <= effects.clock_cap)
        ratio = np.minimum(np.minimum(power_cap, heat_cap), effects.clock_cap)
        self.clock_ratio = ratio * np.where(self.overheated | effects.brake, 0.5, 1.0)
        awake = np.where(demand.processes > 0, self._max_mhz * self.clock_ratio, self._idle_mhz)
        self.sm_mhz = np.where(
            demand.processes > 0, self._max_mhz - _CLOCK_STEP_MHZ * np.round((self._max_mhz - awake) / 15), awake
        )

    def _heat(self, effects: Effects, unthrottled: Floats, dram: Floats, seconds: float) -> None:
        resistance = self.fleet.kelvin_per_watt
        if effects.hottest.any():
            # Cooling that cannot carry more than the job's usual power to that temperature.
            bad = (effects.hottest - self.fleet.inlet) / np.maximum(unthrottled, 0.55 * self.limit)
            resistance = np.where(effects.hottest > 0, np.maximum(bad, resistance), resistance)
        share = 1 - np.exp(-seconds / self.fleet.lag_seconds)
        self.temperature = self.temperature + share * (self.fleet.inlet + resistance * self.power - self.temperature)
        target = self.temperature + 4.0 + 9.0 * dram
        self.memory_temperature = self.memory_temperature + share * (target - self.memory_temperature)
