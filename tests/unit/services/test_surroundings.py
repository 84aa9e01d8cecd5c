"""At a past instant the queue and the nodes are shown as they were, and what is not recorded is unknown."""

from datetime import timedelta

import pandas as pd

from tests.conftest import NOON
from tests.unit import slurm_rows
from watchdog.model.scheduler import NODE_STATES
from watchdog.services.surroundings import jobs_at, nodes_at

HOUR = timedelta(hours=1)


def states(*rows):
    return slurm_rows.frame(NODE_STATES, rows)


def test_a_job_that_ended_later_was_running():
    history = slurm_rows.history(
        {"job_id": "1", "state": "FAILED", "started_at": NOON - HOUR, "ended_at": NOON + HOUR, "exit_code": 1}
    )
    (job,) = jobs_at(history, NOON).itertuples()
    assert job.state == "RUNNING"
    assert pd.isna(job.ended_at)


def test_a_job_that_started_later_was_pending_and_one_that_ended_before_is_not_there():
    history = slurm_rows.history(
        {"job_id": "1", "state": "RUNNING", "started_at": NOON + HOUR},
        {"job_id": "2", "state": "COMPLETED", "started_at": NOON - 2 * HOUR, "ended_at": NOON - HOUR},
    )
    assert list(jobs_at(history, NOON)[["job_id", "state"]].itertuples(index=False, name=None)) == [("1", "PENDING")]


def test_a_node_has_the_state_it_had_and_what_was_given_out_is_unknown():
    now = slurm_rows.nodes({"node": "n1", "state": "MIXED", "gpus_allocated": 4}, {"node": "n2"})
    past = states(
        {"node": "n1", "changed_at": NOON - 2 * HOUR, "state": "IDLE"},
        {
            "node": "n1",
            "changed_at": NOON - HOUR,
            "state": "IDLE",
            "flags": "DRAIN",
            "reason": "fan",
            "reason_by": "ada",
        },
    )
    (node,) = nodes_at(now, past).itertuples()
    assert (node.node, node.flags, node.reason, node.takes_work) == ("n1", "DRAIN", "fan", False)
    assert pd.isna(node.gpus_allocated)
    assert node.gpus == 8
