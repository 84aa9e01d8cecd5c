"""The life of one rule's alerts on many GPUs at once: what `machine` does to one alert, as arrays.

Only what a preview needs: when alerts fire and end, by the same waits, hysteresis and holding back. That both agree is
held by a test that gives them the same readings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchdog.alerts.evaluate import compared, holds
from watchdog.alerts.machine import BLIND_PENDING, FLAP_WINDOW, FLAPS, QUIET
from watchdog.model.arrays import Ints, duration_micros
from watchdog.model.rules import Rule

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_NEVER = np.iinfo(np.int64).min // 4


class Episode(NamedTuple):
    """One alert that fired; instants in microseconds, `until` None while it is open."""

    row: int
    since: int
    fired_at: int
    until: int | None
    peak: float


@dataclass(frozen=True)
class Now:
    """What is read of every GPU at one instant, NaN where nothing is.

    Attributes:
        entry: decides whether an alert begins and goes on waiting.
        stay: decides whether one that fires goes on; also its peak.
        inside: who is in the rule's scope; None = all.
    """

    at: int
    entry: Floats
    stay: Floats
    inside: Bools | None = None


class Lives:
    """Alerts of one rule, one place a GPU.

    Args:
        rule: a threshold.
        count: how many GPUs.
        wait: how long it must hold, microseconds.
        confirmed: whether it must be seen clear twice to end, as at live ticks; buckets that are clear throughout
            need no second look.
    """

    def __init__(self, rule: Rule, count: int, wait: int, *, confirmed: bool = True) -> None:
        self.rule = rule
        self._wait = wait
        self._confirmed = confirmed
        self._pending = np.zeros(count, dtype=bool)
        self._firing = np.zeros(count, dtype=bool)
        self._flapping = np.zeros(count, dtype=bool)
        self._since, self._fired, self._clear, self._blind = (np.full(count, _NEVER) for _ in range(4))
        self._fires = np.full((count, FLAPS), _NEVER)
        self._peak = np.full(count, np.nan)
        self.over: list[Episode] = []

    def step(self, now: Now) -> None:
        """Go on to the next instant; they must ascend."""
        value = np.where(self._firing, now.stay, now.entry)
        outside = np.zeros(len(value), dtype=bool) if now.inside is None else ~now.inside
        # As `judge_rule` is told: one that was seen clear must come back past the threshold.
        held = self._firing & (self._clear == _NEVER)
        bad = holds(self.rule, value, held) & ~outside
        dark = np.isnan(value) & ~outside
        self._see_bad(bad, now)
        self._see_nothing(dark, now.at)
        self._see_clear(~bad & ~dark, now.at)

    @property
    def idle(self) -> bool:
        """Whether nothing waits or fires: then only a value past the threshold changes anything."""
        return not (self._pending.any() or self._firing.any())

    def open(self) -> list[Episode]:
        """Those that fire at the end."""
        return [self._episode(row, None) for row in np.flatnonzero(self._firing).tolist()]

    def _see_bad(self, bad: Bools, now: Now) -> None:
        new = bad & ~self._pending & ~self._firing
        self._since[new] = now.at
        self._peak[new] = np.nan
        self._pending |= new
        worse = np.fmax if self.rule.comparison.is_upper else np.fmin
        self._peak[bad] = worse(self._peak[bad], now.stay[bad])
        self._blind[bad] = _NEVER
        self._clear[bad] = _NEVER
        self._fire(bad & self._pending & (now.at - self._since >= self._wait), now.at)

    def _fire(self, fires: Bools, at: int) -> None:
        self._pending[fires] = False
        self._firing[fires] = True
        self._flapping[fires] = False
        self._fired[fires] = at
        self._fires[fires] = np.roll(self._fires[fires], -1, axis=1)
        self._fires[fires, -1] = at

    def _see_nothing(self, dark: Bools, at: int) -> None:
        self._blind[dark & (self._blind == _NEVER)] = at
        self._clear[dark] = _NEVER
        self._pending &= ~(dark & (at - self._blind >= duration_micros(BLIND_PENDING)))
        idle = dark & ~self._pending & ~self._firing
        self._blind[idle] = _NEVER

    def _see_clear(self, clear: Bools, at: int) -> None:
        self._pending &= ~clear
        seen = clear & self._firing
        first = seen & (self._clear == _NEVER)
        self._clear[first] = at
        again = seen & ~first if self._confirmed else seen
        quiet = at - self._clear >= duration_micros(QUIET)
        often = at - self._fires[:, 0] < duration_micros(FLAP_WINDOW)
        self._end(again & np.where(self._flapping, quiet, ~often), at)
        self._flapping |= again & often & self._firing

    def _end(self, ends: Bools, at: int) -> None:
        self.over += [self._episode(row, at) for row in np.flatnonzero(ends).tolist()]
        self._firing[ends] = False
        self._flapping[ends] = False
        self._clear[ends] = _NEVER
        self._blind[ends] = _NEVER

    def _episode(self, row: int, until: int | None) -> Episode:
        return Episode(row, int(self._since[row]), int(self._fired[row]), until, float(self._peak[row]))


def replay(lives: Lives, instants: Ints, entry: Floats, stay: Floats, inside: Bools | None = None) -> None:
    """Go through columns of readings, one instant each; shapes (GPUs, instants)."""
    rule = lives.rule
    begins = np.logical_or.reduce(compared(rule.comparison, entry, rule.threshold), axis=0)
    for column, at in enumerate(instants.tolist()):
        if lives.idle and not begins[column]:
            continue
        within = None if inside is None else inside[:, column]
        lives.step(Now(at, entry[:, column], stay[:, column], within))
