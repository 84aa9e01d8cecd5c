"""A desk over the clusters that answer from formulas: what tools and rules are tried on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.conftest import NOON
from tests.fakes import FakeCluster, NoHistory
from tests.slurm_fakes import FakeSlurm, keep, view_of
from watchdog.assistant.desk import Desk, Reads
from watchdog.assistant.rules.answer import rule_answer
from watchdog.assistant.tools.registry import toolbox
from watchdog.base.clock import FakeClock
from watchdog.services.history import History
from watchdog.services.observation import Around
from watchdog.services.surroundings import Surroundings

RATES = {"": 2.0}


class Missing(NoHistory):
    """No history at all."""

    def attempt(self, action):
        del action


def desk_of(cluster=None, slurm=None, folder=None, **more) -> Desk:
    """As of NOON; with a folder it keeps history in a real store, and so knows the past."""
    cluster, view = cluster or FakeCluster(), view_of(slurm) if slurm else None
    history = History(folder / "jobs.duckdb", FakeClock(NOON)) if folder else Missing()
    if folder and view:
        keep(history, view)
    around = Surroundings(history, folder or Path(), lambda: view, lambda: (), lambda: None)
    reads = Reads(
        telemetry=cluster,
        history=history,
        gpus=cluster.gpus,
        slurm=lambda: view,
        around=around.then if folder else lambda _: Around(),
        around_now=around.now if folder else lambda _: Around(),
        judged=lambda: None,
        rates=RATES,
        interval=timedelta(seconds=15),
    )
    return Desk(replace(reads, **more), at=NOON, now=NOON)


def call(desk, name, **arguments):
    """Ask a tool as a model does."""
    return toolbox().run(desk, name, json.dumps(arguments, default=str))


def column(evidence, name):
    """One column's cells."""
    place = [each.name for each in evidence.columns].index(name)
    return [row[place] for row in evidence.rows]


def first(evidence):
    """The first row by the columns' names."""
    return dict(zip([each.name for each in evidence.columns], evidence.rows[0], strict=True))


def said(desk, question, about=None):
    """The rules' answer."""
    return rule_answer(question, desk) if about is None else rule_answer(question, desk, about)


FAULTS = {(1, 2): "hung", (2, 3): "lost", (0, 5): "held idle", (3, 1): "throttled", (3, 2): "faulty"}


def troubled(folder, **slurm) -> Desk:
    """Four nodes with one fault of each kind, and a Slurm with waiting jobs."""
    return desk_of(FakeCluster(4, faults=FAULTS), FakeSlurm(**slurm), folder)
