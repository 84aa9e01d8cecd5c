"""At a past instant the queue and the nodes are told as they were, and what is not recorded is unknown."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.unit import slurm_rows
from watchdog.analysis.health.facts import Rental, Rented
from watchdog.base.clock import FakeClock
from watchdog.model.scheduler import STEPS
from watchdog.model.telemetry import Window
from watchdog.services.history import History
from watchdog.services.slurm_view import SlurmView
from watchdog.services.surroundings import Surroundings
from watchdog.store.jobs import JobStore
from watchdog.store.node_states import NodeStateStore

HOUR = timedelta(hours=1)
RUNS = {"job_id": "7", "started_at": NOON - HOUR, "gpus": 2}


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path / "h.duckdb", FakeClock(NOON))
    yield made
    made.close()


def around(history, view):
    return Surroundings(history, history._path, lambda: view, tuple, lambda: None)


@pytest.fixture
def past(history):
    """A job ran at noon and has failed since; n1 was drained at noon and takes work now."""
    jobs, held = slurm_rows.jobs(RUNS), slurm_rows.held("7", ("n2", 0), ("n2", 1))
    store = history.store()
    drained = {"node": "n1", "flags": "DRAIN", "reason": "fan", "reason_by": "ada", "takes_work": False}
    NodeStateStore(store).take(slurm_rows.nodes(drained, {"node": "n2"}), NOON - HOUR / 2, whole=True)
    for minute in (-30, 0, 1):
        JobStore(store).take(jobs, held, NOON + timedelta(minutes=minute), whole=True)
    before = {"job_id": "6", "state": "COMPLETED", "started_at": NOON - 2 * HOUR, "ended_at": NOON - HOUR}
    ended = slurm_rows.jobs(before, {**RUNS, "state": "FAILED", "ended_at": NOON + HOUR, "exit_code": 1})
    window = Window(NOON - 2 * HOUR, NOON + 2 * HOUR)
    JobStore(store).finish(ended, held, STEPS.empty(), window, now=NOON + 2 * HOUR)
    NodeStateStore(store).take(slurm_rows.nodes({"node": "n1"}, {"node": "n2"}), NOON + HOUR, whole=True)
    view = SlurmView(nodes=slurm_rows.nodes({"node": "n1"}, {"node": "n2"}), taken_at=NOON + 2 * HOUR)
    return around(history, view).then(NOON)


def test_what_is_rented_is_known_now_and_not_of_the_past(history):
    rented = Rental(NOON, (Rented("lab", 7.16),))
    made = Surroundings(
        history, history._path, lambda: None, tuple, lambda: None, lambda at: replace(rented, taken_at=at)
    )
    assert made.now(NOON + HOUR).rental == Rental(NOON + HOUR, rented.clusters)
    assert made.then(NOON).rental is None


def test_a_job_that_ended_later_was_running_and_held_its_gpus(past):
    [job] = past.slurm.jobs.to_dict("records")
    assert job["state"] == "RUNNING"
    assert pd.isna(job["ended_at"])
    assert list(past.slurm.job_gpus["gpu_index"]) == [0, 1]


def test_a_node_was_drained_that_takes_work_now(past):
    nodes = past.slurm.nodes.set_index("node")
    assert (nodes.loc["n1", "flags"], nodes.loc["n1", "reason"]) == ("DRAIN", "fan")
    assert not nodes.loc["n1", "takes_work"]
    assert nodes.loc["n2", "takes_work"]
    assert pd.isna(nodes.loc["n1", "cpus_allocated"])


def test_before_anything_was_kept_not_everything_is_known(history):
    history.store()
    view = SlurmView(nodes=slurm_rows.nodes({"node": "n1"}), taken_at=NOON)
    assert not around(history, view).then(NOON - 24 * HOUR).slurm.whole


def test_without_slurm_there_is_nothing_to_tell(history):
    assert around(history, None).then(NOON).slurm is None
    assert around(history, None).now(NOON).slurm is None


def test_a_view_that_has_not_come_yet_is_no_slurm(history):
    assert around(history, SlurmView()).now(NOON).slurm is None
