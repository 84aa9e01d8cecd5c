"""Slurm as it was: nodes from the changes of their states, GPUs in use from the jobs that ran."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.unit.slurm_rows import HOUR, frame, held, history, nodes, partitions
from watchdog.analysis.past_nodes import past_nodes
from watchdog.analysis.queue import as_of
from watchdog.base.clock import FakeClock
from watchdog.model.scheduler import JOB_GPUS, NODE_STATES
from watchdog.services.history import History
from watchdog.services.jobs import Known
from watchdog.services.slurm_nodes import slurm_nodes
from watchdog.services.slurm_past import past_queue, slurm_past
from watchdog.services.slurm_view import SlurmView
from watchdog.store.jobs import JobStore
from watchdog.store.node_states import NodeStateStore

THEN = NOON - 3 * HOUR
NOW = nodes(*({"node": f"gpu0{n}", "gpus_allocated": 8, "cpus_allocated": 64} for n in (1, 2, 3, 4)))


def change(node, hours, state="IDLE", flags="", **more):
    return {"node": node, "changed_at": NOON - hours * HOUR, "state": state, "flags": flags, **more}


STATES = frame(
    NODE_STATES,
    [
        change("gpu01", 90), change("gpu02", 90), change("gpu02", 5, flags="DRAIN", reason="fan", reason_by="root"),
        change("gpu02", 1), change("gpu03", 90, "MIXED"), change("old", 90), change("left", 90), change("left", 9, "GONE"),
    ],
)  # fmt: skip
RAN = history(
    {"job_id": "1", "gpus": 3, "nodes": "gpu01", "submitted_at": NOON - 9 * HOUR, "started_at": NOON - 8 * HOUR},
    {"job_id": "2", "gpus": 8, "nodes": "gpu01", "submitted_at": NOON - 9 * HOUR, "started_at": NOON - HOUR},
    {"job_id": "3", "gpus": 0, "nodes": "gpu03", "submitted_at": NOON - 9 * HOUR, "started_at": NOON - 8 * HOUR},
)
HELD = pd.concat(
    [
        held("1", *(("gpu01", n) for n in range(3)), submitted_at=NOON - 9 * HOUR),
        held("2", *(("gpu01", n) for n in range(8)), submitted_at=NOON - 9 * HOUR),
    ]
)


def then(jobs=RAN, gpus=HELD, states=STATES):
    ran = None if jobs is None else (as_of(jobs, THEN), gpus)
    return past_nodes(NOW, states, ran, THEN).set_index("node")


def test_a_node_has_the_state_and_the_reason_of_then():
    row = then().loc["gpu02"]

    assert (row["state"], row["flags"], row["reason"], row["reason_by"]) == ("IDLE", "DRAIN", "fan", "root")
    assert not row["takes_work"]
    assert then().loc["gpu01", "takes_work"]


def test_gpus_in_use_are_those_of_the_jobs_that_ran_then():
    assert then()["gpus_allocated"].to_dict() | {"old": 0} == {"gpu01": 3, "gpu02": 0, "gpu03": 0, "gpu04": 0, "old": 0}


def test_a_node_was_in_use_when_a_job_ran_there_with_gpus_or_without():
    assert then()["state"].drop("gpu02").to_dict() == {"gpu01": "MIXED", "gpu03": "MIXED", "gpu04": "", "old": "IDLE"}


def test_cpus_and_memory_in_use_are_not_known():
    assert then()["cpus_allocated"].isna().all()
    assert then()["memory_allocated_bytes"].isna().all()


def test_a_node_that_has_left_since_is_there_with_unknown_size_and_one_that_had_left_is_not():
    assert pd.isna(then().loc["old", "gpus"])
    assert "left" not in then().index


def test_where_it_is_not_known_which_jobs_ran_nothing_is_said_of_use():
    table = then(jobs=None)

    assert table["gpus_allocated"].isna().all()
    assert set(table["state"].drop("gpu02")) == {""}


def test_a_job_of_which_it_was_not_kept_where_its_gpus_are_makes_its_node_unknown():
    table = then(gpus=JOB_GPUS.empty())

    assert pd.isna(table.loc["gpu01", "gpus_allocated"])
    assert table.loc["gpu03", "gpus_allocated"] == 0


def test_gpus_without_a_number_are_counted_as_many_as_the_job_has():
    table = then(gpus=held("1", ("gpu01", None), submitted_at=NOON - 9 * HOUR))
    assert table.loc["gpu01", "gpus_allocated"] == 3


def test_without_any_history_of_nodes_all_are_unknown():
    table = then(states=None)

    assert set(table["state"]) == {""}
    assert not table["takes_work"].any()


def test_what_a_partition_had_given_out_is_known_for_gpus_and_unknown_for_the_rest():
    table = then().reset_index()
    shares = slurm_nodes(table, partitions({"partition": "gpu"}), STATES, THEN).shares
    amounts = {resource: dict(rows[["part", "amount"]].to_numpy()) for resource, rows in shares.groupby("resource")}

    assert amounts["GPUs"] == {"allocated": 3, "free": 13, "out of service": 8, "unknown": 8}
    assert amounts["CPUs"] == {"allocated": 0, "free": 0, "out of service": 0, "unknown": 256}


@pytest.fixture
def known(tmp_path):
    kept = History(tmp_path / "jobs.duckdb", FakeClock(NOON))
    store = JobStore(kept.store())
    columns = [name for name in RAN.columns if name not in {"first_seen_at", "last_seen_at"}]
    for at in (NOON - 4 * HOUR, NOON - HOUR / 2):
        store.take(RAN[columns], HELD, at, whole=True)
        NodeStateStore(kept.store()).take(NOW.head(3), at, whole=True)
    yield Known(SlurmView(nodes=NOW, taken_at=NOON), kept)
    kept.close()


def test_the_past_is_read_from_the_store(known):
    past = slurm_past(known, THEN)
    answer = past_queue(past)

    assert past.jobs_known
    assert (answer.running, answer.pending) == (2, 1)
    assert (answer.free.free, answer.free.unknown_nodes) == (5 + 8 + 8, 1)
    assert (answer.nodes, answer.nodes_out) == (3, 0)
    assert {item.explanation.detail for item in answer.reasons} == {""}


def test_before_the_first_look_nothing_is_known_of_nodes_and_none_is_out(known):
    past = slurm_past(known, NOON - 5 * HOUR)
    answer = past_queue(past)

    assert not past.jobs_known
    assert past.view.nodes["gpus_allocated"].isna().all()
    assert (answer.nodes, answer.nodes_out, answer.free.free, answer.free.unknown_nodes) == (0, 0, 0, 4)


def test_a_job_that_ended_before_shows_that_history_reaches_back(known):
    store = JobStore(known.history.store())
    assert store.since() == NOON - 4 * HOUR
    ended = RAN.head(1).drop(columns=["first_seen_at", "last_seen_at"])
    ended = ended.assign(job_id="0", state="COMPLETED", ended_at=pd.Timestamp(NOON - 6 * HOUR))
    store.take(
        ended.astype({"job_id": "string", "state": "string", "ended_at": RAN["ended_at"].dtype}),
        JOB_GPUS.empty(),
        NOON,
        whole=False,
    )

    assert store.since() == NOON - 6 * HOUR
    assert slurm_past(known, NOON - 5 * HOUR).jobs_known


def test_after_the_newest_look_the_jobs_of_that_look_are_shown_but_no_use_is_claimed(known):
    past = slurm_past(known, NOON - HOUR / 4)

    assert past_queue(past).running == 3
    assert not past.jobs_known
    assert past.view.nodes["gpus_allocated"].isna().all()
    assert slurm_past(known, NOON - HOUR / 2 + HOUR / 60).jobs_known


def test_an_empty_store_is_known_since_never(tmp_path):
    kept = History(tmp_path / "jobs.duckdb", FakeClock(NOON))
    assert JobStore(kept.store()).since() is None
    past = slurm_past(Known(SlurmView(nodes=NOW, taken_at=NOON), kept), THEN)
    assert past.view.nodes["gpus_allocated"].isna().all()
    kept.close()
