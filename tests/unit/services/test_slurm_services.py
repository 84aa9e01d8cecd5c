"""Answers about the queue and the nodes."""

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.unit.slurm_rows import HOUR, frame, history, jobs, nodes, partitions
from watchdog.analysis.queue import as_of
from watchdog.base.clock import FakeClock
from watchdog.base.config import Config
from watchdog.base.errors import ConfigError
from watchdog.model.scheduler import NODE_STATES
from watchdog.services.queue import queue
from watchdog.services.schedulers import chosen_scheduler
from watchdog.services.slurm_nodes import slurm_nodes
from watchdog.services.slurm_view import SlurmView
from watchdog.sources.slurm_rest import SlurmRest
from watchdog.sources.slurm_series import SlurmSeries

FIVE = jobs(
    {"job_id": "1", "gpus": 8, "started_at": NOON - HOUR},
    {"job_id": "2", "state": "PENDING", "reason": "Priority", "gpus": 2, "submitted_at": NOON - HOUR},
    {
        "job_id": "3",
        "state": "PENDING",
        "reason": "Resources",
        "gpus": 8,
        "submitted_at": NOON - 5 * HOUR,
        "user": "bob",
    },
    {"job_id": "4", "state": "PENDING", "reason": "JobHeldUser", "gpus": 1, "submitted_at": NOON - 90 * HOUR},
    {"job_id": "5", "state": "COMPLETED", "started_at": NOON - HOUR, "ended_at": NOON - HOUR / 2},
)
CLUSTER = nodes(
    {"node": "gpu01", "gpus_allocated": 8, "state": "MIXED"}, {"node": "gpu02", "gpus_allocated": 5, "state": "MIXED"}
)


def asked(table=FIVE, cluster=CLUSTER):
    return queue(SlurmView(jobs=table, nodes=cluster, taken_at=NOON), NOON)


def test_the_queue_is_counted_and_explained():
    answer = asked()
    assert (answer.running, answer.pending, answer.gpus_held, answer.gpus_wanted) == (1, 3, 8, 11)
    assert list(answer.jobs["job_id"]) == ["4", "3", "2", "1", "5"]
    row = answer.jobs.set_index("job_id").loc["3"]
    assert row["waited_seconds"] == 5 * 3600
    assert row["why"] == "it is next in line, but what it asks for is not free"
    assert (answer.free.free, answer.free.largest_block) == (3, 3)


def test_a_job_on_hold_by_its_user_is_not_the_longest_wait():
    longest = asked().longest
    assert (longest.job_id, longest.user, NOON - longest.since) == ("3", "bob", 5 * HOUR)
    assert "the largest free block is 3 on gpu02" in longest.explanation.detail
    assert [item.reason for item in asked().reasons] == ["Resources", "Priority", "JobHeldUser"]


def test_an_empty_queue_has_no_wait():
    answer = queue(SlurmView(taken_at=NOON), NOON)
    assert (answer.running, answer.pending, answer.longest, answer.free.total) == (0, 0, None, 0)


def test_the_queue_of_a_past_instant_shows_what_waited_and_ran_then():
    past = history(
        {
            "job_id": "1",
            "state": "COMPLETED",
            "submitted_at": NOON - 9 * HOUR,
            "started_at": NOON - 8 * HOUR,
            "ended_at": NOON - HOUR,
        },
        {"job_id": "2", "state": "RUNNING", "submitted_at": NOON - 7 * HOUR, "started_at": NOON - 2 * HOUR},
        {"job_id": "3", "state": "RUNNING", "submitted_at": NOON - 3 * HOUR, "started_at": NOON - HOUR},
        {"job_id": "4", "state": "FAILED", "submitted_at": NOON - 9 * HOUR, "ended_at": NOON - 6 * HOUR},
    )
    then = NOON - 5 * HOUR
    answer = queue(SlurmView(jobs=as_of(past, then), taken_at=then), then)
    assert dict(zip(answer.jobs["job_id"], answer.jobs["state"], strict=True)) == {"1": "RUNNING", "2": "PENDING"}
    assert answer.jobs["ended_at"].isna().all()
    assert answer.jobs.set_index("job_id").loc["2", "waited_seconds"] == 2 * 3600
    assert answer.jobs.set_index("job_id").loc["2", "why"] == "why was not kept, as it has started since"
    assert answer.reasons[0].explanation.detail == ""


STATES = frame(
    NODE_STATES,
    [
        {"node": "gpu01", "changed_at": NOON - 900 * HOUR, "state": "IDLE"},
        *({"node": "gpu01", "changed_at": NOON - n * HOUR, "state": "IDLE", "flags": "DRAIN"} for n in (800, 300, 20)),
        *({"node": "gpu01", "changed_at": NOON - n * HOUR, "state": "IDLE"} for n in (700, 290)),
        {"node": "gpu01", "changed_at": NOON - 10 * HOUR, "state": "DOWN", "flags": "DRAIN", "reason": "no answer"},
        {"node": "gpu02", "changed_at": NOON - 900 * HOUR, "state": "IDLE"},
    ],
)
DRAINED = nodes(
    {"node": "gpu02", "state": "MIXED", "gpus_allocated": 3},
    {"node": "gpu01", "state": "DOWN", "flags": "DRAIN", "reason": "no answer", "takes_work": False},
)


def test_nodes_out_of_service_come_first_with_since_when_and_how_often():
    answer = slurm_nodes(DRAINED, partitions({"partition": "gpu"}), STATES, NOON)
    first = answer.nodes.iloc[0]
    assert (first["node"], first["condition"], first["times_out_30d"]) == ("gpu01", "down", 2)
    assert first["out_since"] == NOON - 20 * HOUR
    assert pd.isna(answer.nodes.iloc[1]["out_since"])
    assert (answer.out, answer.counts) == (1, {"down": 1, "in use": 1})
    row = answer.partitions.iloc[0]
    assert (row["nodes_total"], row["nodes_out"], row["gpus_total"], row["gpus_allocated"]) == (2, 1, 16, 3)


def test_without_history_slurms_own_instant_counts_and_how_often_is_not_known():
    told = DRAINED.assign(reason_at=pd.Series([pd.NaT, NOON - HOUR]).astype("datetime64[us, UTC]"))
    first = slurm_nodes(told, partitions(), None, NOON).nodes.iloc[0]
    assert first["out_since"] == NOON - HOUR
    assert pd.isna(first["times_out_30d"])


def test_shares_of_a_partition_are_whole():
    shares = slurm_nodes(DRAINED, partitions(), None, NOON).shares
    gpus = shares[shares["resource"] == "GPUs"].set_index("part")["amount"]
    assert dict(gpus) == {"allocated": 3, "free": 5, "out of service": 8, "unknown": 0}
    assert set(shares["resource"]) == {"GPUs", "CPUs", "Memory, GiB"}


@pytest.mark.parametrize(
    ("state", "flags", "word"),
    [
        ("IDLE", "", "idle"),
        ("MIXED", "", "in use"),
        ("MIXED", "DRAIN", "draining"),
        ("IDLE", "DRAIN", "drained"),
        ("IDLE", "NOT_RESPONDING", "not responding"),
        ("DOWN", "NOT_RESPONDING", "down"),
        ("IDLE", "MAINTENANCE,RESERVED", "maintenance"),
        ("IDLE", "CLOUD,POWERED_DOWN", "powered down"),
        ("IDLE", "RESERVED", "reserved"),
        ("FUTURE", "", "unknown"),
        ("UNKNOWN", "", "unknown"),
    ],
)
def test_a_nodes_condition_is_one_word(state, flags, word):
    table = nodes({"node": "gpu01", "state": state, "flags": flags})
    assert list(slurm_nodes(table, partitions(), None, NOON).nodes["condition"]) == [word]


def chosen(gpu_source="local", demo=None, **settings):
    return chosen_scheduler(Config(**settings), gpu_source, demo, FakeClock(NOON))


def test_slurm_is_read_as_the_settings_say(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert chosen() is None
    assert chosen(demo="demo").scheduler == "demo"
    assert chosen(demo="demo", slurm="off") is None
    assert isinstance(chosen(slurm_rest_url="http://head:6820").scheduler, SlurmRest)
    series = chosen("prometheus", prometheus_url="http://prom:9090")
    assert isinstance(series.scheduler, SlurmSeries)
    assert not series.sure
    assert chosen("targets", targets="n1:9400") is None
    assert chosen("targets", targets="n1:9400,head:9341").sure


def test_a_choice_without_its_setting_says_which_is_missing():
    with pytest.raises(ConfigError, match="slurm_rest_url"):
        chosen(slurm="rest")
    with pytest.raises(ConfigError, match="series"):
        chosen(slurm="series")


def test_a_price_by_type_wins_over_the_general_one():
    assert Config(gpu_hour_usd=1.0, gpu_hour_usd_by_type="H100=2.5, a100=1").gpu_rates == {
        "": 1,
        "h100": 2.5,
        "a100": 1,
    }
    with pytest.raises(ConfigError, match="h100"):
        Config(gpu_hour_usd_by_type="h100:2")
