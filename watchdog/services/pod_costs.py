"""What rented pods have cost, by pod, day, user and job, and what the month will come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd

from watchdog.analysis.pod_costs import Known, charges
from watchdog.model.pods import CHARGES
from watchdog.model.telemetry import Window
from watchdog.services.history import History
from watchdog.store.jobs import JobStore
from watchdog.store.node_states import NodeStateStore
from watchdog.store.pods import PodStore

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Spend:
    """What pods cost in a window.

    Attributes:
        charges: CHARGES.
        total_usd: all of it; held_usd, free_usd, unknown_usd: its parts by use. Free is what nobody held.
    """

    window: Window
    charges: pd.DataFrame

    @property
    def total_usd(self) -> float:
        """All of it."""
        return float(self.charges["usd"].sum())

    def of(self, use: str) -> float:
        """The part of one use: HELD, FREE or UNKNOWN."""
        return float(self.charges.loc[self.charges["use"] == use, "usd"].sum())

    def by(self, keys: Sequence[str]) -> pd.DataFrame:
        """Sums of gpu_hours and usd by columns of CHARGES or `day` (midnight UTC), the dearest first."""
        frame = self.charges.assign(day=self.charges["since"].dt.floor("D"))
        sums = frame.groupby([*keys], dropna=False, observed=True)[["gpu_hours", "usd"]].sum().reset_index()
        return sums.sort_values("usd", ascending=False, kind="stable", ignore_index=True)


@dataclass(frozen=True)
class Month:
    """A calendar month, UTC, in USD.

    Attributes:
        so_far: from its first to now.
        until_deadline: at its end if all goes on as it is and is returned at the deadline; None: there is none.
        going_on: at its end if nothing is returned.
    """

    so_far: float
    until_deadline: float | None
    going_on: float


def spend(history: History, window: Window) -> Spend:
    """What pods cost in the window; StoreError where the store cannot be read."""
    store = history.store()
    pods = PodStore(store).pods()
    if not len(pods):
        return Spend(window, CHARGES.empty())
    jobs = JobStore(store)
    known = _known(NodeStateStore(store).states(window), jobs)
    return Spend(window, charges(pods, jobs.jobs(window), jobs.gpus(window), known, window))


def _known(states: pd.DataFrame, jobs: JobStore) -> Known:
    """Who held what is known of nodes that Slurm listed, from when it was read first until it was read last."""
    first = states["changed_at"].min()
    since = [at for at in (jobs.since(), None if pd.isna(first) else first.to_pydatetime()) if at is not None]
    return Known(frozenset(states["node"].astype(str)), min(since, default=None), jobs.seen_until())


def month(history: History, now: datetime, usd_per_hour: float, deadline_at: datetime | None) -> Month:
    """The calendar month of `now`.

    Args:
        history: with the pods.
        now: the instant.
        usd_per_hour: what all pods cost an hour now.
        deadline_at: when they are to be returned; None: not said.
    """
    first = datetime(now.year, now.month, 1, tzinfo=UTC)
    end = (first + timedelta(days=32)).replace(day=1)
    so_far = spend(history, Window(first, now)).total_usd if now > first else 0.0
    going_on = so_far + usd_per_hour * ((end - now) / _HOUR)
    if deadline_at is None:
        return Month(so_far, None, going_on)
    hours = max(timedelta(), min(deadline_at, end) - now) / _HOUR
    return Month(so_far, so_far + usd_per_hour * hours, going_on)
