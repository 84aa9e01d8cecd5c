"""Slurm as it was at a past instant, from history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from watchdog.analysis.past_nodes import past_nodes
from watchdog.analysis.queue import as_of, reasons
from watchdog.model.scheduler import NODES
from watchdog.model.telemetry import Window
from watchdog.services.jobs import Known
from watchdog.services.queue import Queue, queue
from watchdog.services.slurm_nodes import history_window
from watchdog.services.slurm_view import SlurmView
from watchdog.store.jobs import JobStore
from watchdog.store.node_states import NodeStateStore

_BETWEEN_LOOKS = timedelta(minutes=2)


@dataclass(frozen=True)
class SlurmPast:
    """Slurm at `at`.

    Attributes:
        view: what a snapshot would have said, as far as it is known (`analysis.past_nodes.past_nodes`). Sizes of nodes,
            and partitions, are those of now.
        states: NODE_STATES of the 30 days before.
        jobs_known: whether history reaches back so far that it is known which jobs ran.
    """

    at: datetime
    view: SlurmView
    states: pd.DataFrame
    jobs_known: bool


def slurm_past(known: Known, at: datetime) -> SlurmPast:
    """Read history; raises StoreError where there is none."""
    store = known.history.store()
    jobs, states = JobStore(store), NodeStateStore(store).states(history_window(at))
    since, seen = jobs.since(), jobs.seen_until()
    # Of what came after the newest look nothing is known; the jobs of that look are the best guess.
    look = min(at, seen or at)
    moment = Window(look, look + timedelta(microseconds=1))
    ran, held = as_of(jobs.jobs(moment), at), jobs.gpus(moment)
    jobs_known = since is not None and since <= at <= look + _BETWEEN_LOOKS
    nodes = past_nodes(known.view.nodes, states, (ran, held) if jobs_known else None, at)
    view = SlurmView(jobs=ran, job_gpus=held, nodes=nodes, partitions=known.view.partitions, taken_at=at)
    return SlurmPast(at, view, states, jobs_known)


def past_queue(past: SlurmPast) -> Queue:
    """The queue then; nodes whose state was not known are neither free nor out of service."""
    view = past.view
    known = (view.nodes["state"] != "").to_numpy(dtype=bool)
    given = view.nodes["gpus_allocated"].where(known)
    answer = queue(replace(view, nodes=view.nodes.assign(gpus_allocated=given)), past.at)
    if known.all():
        return answer
    # What was free on a part of the nodes does not say why a job waited.
    why = reasons(answer.jobs, NODES.empty(), past.at)
    out = answer.nodes_out - int((~known).sum())
    return replace(answer, nodes=int(known.sum()), nodes_out=out, reasons=why)
