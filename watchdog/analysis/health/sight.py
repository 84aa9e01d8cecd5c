"""Whether Slurm was seen lately enough to judge by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.analysis.health.facts import Facts, Slurm
from watchdog.model.arrays import Ints
from watchdog.model.findings import Blind, Judged
from watchdog.model.telemetry import LOOKBACK

# Older than a reading may be, a snapshot says nothing of now.
SLURM_STALE = LOOKBACK
NEVER = np.iinfo(np.int64).min


def fresh_slurm(facts: Facts) -> Slurm | None:
    """Slurm as it is now; None where none is read or it was not seen for SLURM_STALE."""
    slurm = facts.slurm
    return slurm if slurm is not None and facts.at - slurm.taken_at <= SLURM_STALE else None


def slurm_unseen(facts: Facts) -> Judged:
    """What a check that needs Slurm answers without it: nothing is known of anybody."""
    minutes = int(SLURM_STALE.total_seconds() // 60)
    why = "no Slurm is read" if facts.slurm is None else f"Slurm was not seen for {minutes} minutes"
    return Judged(blind=Blind(everybody=True, why=why))


def slurm_lags(facts: Facts) -> bool:
    """Whether there is a Slurm that was not seen lately: which jobs there are is not known."""
    return facts.slurm is not None and fresh_slurm(facts) is None


def as_far_as_read(facts: Facts, answer: Judged) -> Judged:
    """The answer, where a part of Slurm could not be read without a word on whom was not found."""
    if facts.slurm is None or facts.slurm.whole:
        return answer
    return replace(answer, blind=Blind(everybody=True, why="a part of Slurm could not be read"))


def texts(frame: pd.DataFrame, column: str) -> NDArray[np.object_]:
    """A text column as plain strings: comparing Arrow strings one call at a time is slow."""
    return np.asarray(frame[column].to_numpy(dtype=object, na_value=""))


def instants_us(frame: pd.DataFrame, column: str) -> Ints:
    """An instant column in microseconds since the epoch; NEVER where it is null."""
    return np.asarray(pd.DatetimeIndex(frame[column]).asi8, dtype=np.int64)
