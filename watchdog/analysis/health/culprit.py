"""Which job held a GPU at an instant of the last hour: the job that an event hit, and may have ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd

from watchdog.analysis.health.facts import Facts
from watchdog.model.slurm import hostlist

# Between what hit a job and its end in Slurm's books.
_GRACE = timedelta(seconds=60)


class Held(NamedTuple):
    """Who held it; empty where that is not known."""

    job_id: str = ""
    user: str = ""


class Culprits:
    """Answers for the GPUs of one fleet."""

    def __init__(self, facts: Facts) -> None:
        self._slurm = facts.slurm
        rows = facts.cells[facts.cells["job_started_at"].notna().to_numpy(dtype=bool)]
        columns = (rows[name].astype(object) for name in ("node", "gpu_index", "job_id", "job_user"))
        started = [at.to_pydatetime() for at in rows["job_started_at"]]
        self._now = {
            (node, index): (since, Held(str(job), "" if pd.isna(user) else str(user)))
            for node, index, job, user, since in zip(*columns, started, strict=True)
        }

    def at(self, node: str, gpu_index: int | None, at: datetime) -> Held:
        """Who held the GPU at `at`: its job of now if it ran then, else one that ended there since."""
        since, held = self._now.get((node, gpu_index), (None, Held()))
        return held if since is not None and since <= at else self._ended_there(node, gpu_index, at)

    def _ended_there(self, node: str, gpu_index: int | None, at: datetime) -> Held:
        if self._slurm is None or not len(self._slurm.ended):
            return Held()
        ended, then = self._slurm.ended, pd.Timestamp(at)
        ran = ((ended["started_at"] <= then) & (ended["ended_at"] >= then - _GRACE)).fillna(False)
        found = ended[ran.to_numpy(dtype=bool)]
        columns = (found[name].astype(object) for name in ("job_id", "user", "nodes"))
        there = [
            Held(str(job), str(user))
            for job, user, nodes in zip(*columns, strict=True)
            if node in hostlist.expand(nodes)
        ]
        if len(there) > 1:
            named = self._named(node, gpu_index)
            there = [held for held in there if held.job_id in named]
        return there[0] if len(there) == 1 else Held()

    def _named(self, node: str, gpu_index: int | None) -> set[str]:
        """Jobs that Slurm says this GPU was given to."""
        holds = self._slurm.job_gpus if self._slurm else pd.DataFrame()
        if gpu_index is None or not len(holds):
            return set()
        mine = (holds["node"] == node) & (holds["gpu_index"] == gpu_index)
        return set(holds.loc[mine.fillna(False).to_numpy(dtype=bool), "job_id"])
