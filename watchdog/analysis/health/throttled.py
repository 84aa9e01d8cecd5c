"""GPUs whose driver says why they are slow: what that explains needs no other explanation."""

from __future__ import annotations

import numpy as np

from watchdog.analysis.gpu_state import THROTTLES
from watchdog.analysis.health.check import Bools
from watchdog.analysis.health.facts import Facts


def throttled(facts: Facts, minutes: int) -> Bools:
    """Whether a bad clock event reason (`gpu_state.THROTTLES`) was set in the last so many minutes, for each GPU."""
    flags = [np.fmax.reduce(facts.trace.last(flag, minutes), axis=1) > 0 for flag in THROTTLES]
    return np.asarray(np.logical_or.reduce(flags))
