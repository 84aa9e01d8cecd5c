"""Each tool on a cluster that answers from formulas: values with units, marks of what is unknown, any instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.fakes import FakeCluster
from tests.slurm_fakes import FakeSlurm, drained
from tests.unit.assistant.desk_kit import call, column, desk_of, first
from watchdog.assistant.records import Evidence
from watchdog.assistant.tools.registry import TOOLS
from watchdog.base.clock import FakeClock
from watchdog.base.errors import SourceUnavailableError, SqlError, ToolError, WatchdogError
from watchdog.model.telemetry import Answer
from watchdog.services.sql import SqlService

GPU = "GPU-00010002-0000"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    slurm = FakeSlurm(node_changes={3: drained("GPU 2: Xid 79")})
    folder = tmp_path_factory.mktemp("desk")
    return desk_of(FakeCluster(4, faults={(1, 2): "hung", (2, 3): "lost", (0, 5): "held idle"}), slurm, folder)


def test_the_overview_counts_gpus_by_state_and_says_what_is_free(desk):
    found = call(desk, "cluster_overview")
    row = first(found)
    assert (row["nodes_known"], row["gpus_expected"], row["gpus_seen"]) == (4, 32, 31)
    assert (row["gpus_hung"], row["gpus_lost"], row["gpus_held_idle"]) == (1, 1, 1)
    assert row["jobs_running"] == 6
    assert found.page == "overview"
    assert found.parameters == {"at": "2026-03-01T12:00:00Z"}


def test_without_slurm_the_queue_is_unknown_and_not_empty():
    found = call(desk_of(), "cluster_overview")
    assert first(found)["jobs_running"] is None
    assert any("queue is unknown" in mark for mark in found.marks)


def test_findings_come_worst_first_and_say_which_checks_were_blind(desk):
    found = call(desk, "findings")
    ranks = [("critical", "warning", "info").index(severity) for severity in column(found, "severity")]
    assert ranks == sorted(ranks)
    assert "gpu_missing" in column(found, "check")
    assert any("could not judge" in mark for mark in found.marks)


def test_findings_about_one_node_are_about_no_other(desk):
    assert set(column(call(desk, "findings", node="node003"), "node")) == {"node003"}
    assert any("No GPU of a node" in mark for mark in call(desk, "findings", node="nowhere").marks)


def test_gpus_are_filtered_by_state_and_ordered_by_a_reading(desk):
    hung = call(desk, "gpus", state="hung")
    assert column(hung, "gpu_uuid") == [GPU]
    assert "120 W of 700 W" in first(hung)["reason"]
    hot = [value for value in column(call(desk, "gpus", order="temperature"), "gpu_temperature_celsius") if value]
    assert hot == sorted(hot, reverse=True)


def test_a_node_or_gpu_that_nobody_knows_is_an_error_that_names_those_there_are(desk):
    for name, arguments in (
        ("gpus", {"node": "x1"}),
        ("node", {"node": "x1"}),
        ("gpu_metrics", {"metric": "power_watts", "node": "x1"}),
    ):
        with pytest.raises(ToolError) as caught:
            call(desk, name, **arguments)
        assert "node001" in caught.value.hint


def test_a_metric_is_one_value_a_node_with_its_unit_and_window(desk):
    found = call(desk, "gpu_metrics", metric="power_watts", hours=2)
    assert [each.unit for each in found.columns][-1] == "watts"
    values = column(found, "value")
    assert values == sorted(values, reverse=True)
    assert found.window.length == timedelta(hours=2)
    assert len(found.rows) == 4


def test_a_metric_over_time_comes_in_order_of_time(desk):
    times = column(call(desk, "gpu_metrics", metric="gpu_util_ratio", by="cluster", over_time=True), "bucket_at")
    assert times == sorted(times)
    assert len(times) == 60


def test_a_metric_that_nobody_publishes_is_unknown(desk):
    found = call(desk, "gpu_metrics", metric="fan_ratio")
    assert found.rows == ()
    assert "Unknown: no exporter publishes" in found.marks[0]


def test_the_mean_of_a_counter_is_refused(desk):
    with pytest.raises(ToolError, match="only counts up"):
        call(desk, "gpu_metrics", metric="energy_joules")


def test_two_windows_are_compared_line_by_line(desk):
    found = call(desk, "compare_windows", hours=1, hours_before=6, by="gpu")
    row = first(found)
    assert row["change"] == pytest.approx(row["after"] - row["before"])
    assert abs(row["change"]) == max(abs(change) for change in column(found, "change") if change is not None)


def test_a_node_tells_its_slurm_state_its_reason_and_its_gpus(desk):
    row = first(call(desk, "node", node="node004"))
    assert row["condition"] == "drained"
    assert row["reason"] == "GPU 2: Xid 79"
    assert row["gpus"] == 8


def test_nodes_out_of_service_tell_why_and_since_when(desk):
    found = call(desk, "nodes", show="out of service")
    assert column(found, "node") == ["node004"]
    assert first(found)["out_seconds"] == pytest.approx(26 * 3600)
    assert len(call(desk, "nodes", show="in service", partition="gpu").rows) == 3


def test_the_history_of_a_node_is_its_changes(desk):
    found = call(desk, "node_history", node="node004")
    assert column(found, "flags") == ["DRAIN"]
    with pytest.raises(ToolError):
        call(desk, "node_history", node="nowhere")


def test_the_queue_tells_why_jobs_wait_in_words(desk):
    found = call(desk, "queue")
    assert found.title.startswith("6 jobs run on 12 GPUs, 5 wait for 20 GPUs")
    assert first(found)["waited_seconds"] == pytest.approx(6 * 3600, rel=0.01)
    assert "what it asks for is not free" in first(found)["why"]
    reasons = call(desk, "queue", show="reasons")
    assert {"Resources", "Priority"} <= set(column(reasons, "reason"))


def test_the_queue_of_one_user_is_theirs(desk):
    assert set(column(call(desk, "queue", show="running", user="ada"), "user")) == {"ada"}


def test_a_job_tells_its_use_and_cost(desk):
    row = first(call(desk, "job", job_id="1000"))
    assert row["user"] == "ada"
    assert 0 < row["mean_busy_ratio"] < 1
    assert row["cost_usd"] == pytest.approx(row["held_hours"] * 2.0)
    gpus = call(desk, "job_gpus", job_id="1000")
    assert column(gpus, "node") == ["node001", "node001"]


def test_a_job_that_nobody_has_seen_is_an_error(desk):
    with pytest.raises(ToolError, match="nobody has seen a job 4711"):
        call(desk, "job", job_id="4711")


def test_waste_and_cost_are_by_user_with_their_sums_in_the_title(desk):
    found = call(desk, "waste", hours=3)
    idle = [value for value in column(found, "idle_hours") if value is not None]
    assert idle == sorted(idle, reverse=True)
    assert "GPU-hours held" in found.title
    cost = call(desk, "cost", by="account", hours=3)
    assert first(cost)["cost_usd"] == pytest.approx(first(cost)["held_hours"] * 2.0)


def test_without_a_price_cost_is_unknown_and_not_zero(tmp_path):
    found = call(desk_of(slurm=FakeSlurm(), folder=tmp_path, rates={}), "cost")
    assert first(found)["cost_usd"] is None
    assert any("no price" in mark for mark in found.marks)


def test_idle_nodes_need_no_slurm():
    found = call(desk_of(), "idle_nodes", hours=2)
    assert len(found.rows) == 4
    assert "GPU-hours measured" in found.title


def test_a_request_that_fits_could_start_and_one_that_is_too_large_could_not(desk):
    assert first(call(desk, "free_capacity", gpus=2))["could_start"] is True
    row = first(call(desk, "free_capacity", gpus=64))
    assert row["could_start"] is False
    assert "64" in row["words"]
    with pytest.raises(ToolError, match="no partition"):
        call(desk, "free_capacity", partition="nowhere")


def test_ended_jobs_are_none_where_none_ended(desk):
    assert call(desk, "finished_jobs").rows == ()


def test_alerts_of_a_history_without_any_are_none(desk):
    assert call(desk, "alerts_now").rows == ()
    assert call(desk, "alert_history", hours=48).rows == ()


def test_an_xid_is_looked_up_and_one_that_is_not_known_is_marked(desk):
    assert first(call(desk, "xid_lookup", code=79))["words"] == "GPU has fallen off the bus"
    assert "unknown" in call(desk, "xid_lookup", code=7777).marks[0]


def test_promql_and_sql_say_where_they_cannot_be_asked(desk):
    for name, query in (("promql", "up"), ("sql", "SELECT 1")):
        with pytest.raises(ToolError):
            call(desk, name, query=query)


def test_every_tool_answers_as_of_a_past_instant_and_none_of_the_future(desk):
    past = call(desk, "cluster_overview", at=(NOON - timedelta(hours=2)).isoformat())
    assert past.at == NOON - timedelta(hours=2)
    assert past.parameters["at"] == "2026-03-01T10:00:00Z"
    assert first(past)["gpus_expected"] == 32
    with pytest.raises(ToolError, match="future"):
        call(desk, "gpus", at=(NOON + timedelta(hours=2)).isoformat())


def test_a_source_that_is_down_is_an_error_with_its_word():
    down = desk_of(FakeCluster(error=SourceUnavailableError("prometheus does not answer")))
    with pytest.raises(WatchdogError, match="does not answer"):
        call(down, "cluster_overview")


def test_no_tool_hands_on_more_rows_than_it_may():
    found = call(desk_of(FakeCluster(20)), "gpus")
    assert len(found.rows) == 50
    assert found.total_rows == 160
    assert "Only the first 50 of 160" in found.marks[-1]


def test_every_tool_is_described_and_so_is_each_of_its_arguments():
    for tool in TOOLS:
        assert tool.description.endswith("."), tool.name
        for name, argument in tool.arguments.model_fields.items():
            assert argument.description, f"{tool.name}.{name}"


def test_answers_hold_plain_values_alone(desk):
    for name in ("cluster_overview", "findings", "gpus", "queue", "waste", "alerts_now"):
        found = call(desk, name)
        assert isinstance(found, Evidence)
        kinds = {type(cell).__name__ for row in found.rows for cell in row}
        assert kinds <= {"str", "int", "float", "bool", "datetime", "NoneType"}, name


class FakeProm:
    """A Prometheus that gives two values of `up`."""

    def __init__(self):
        self.asked = []

    def instant(self, text, at):
        self.asked.append((text, at))
        frame = pd.DataFrame({"sampled_at": [at, at], "value": [1.0, 0.0], "node": ["node001", "node002"]})
        return Answer(frame.astype({"sampled_at": "datetime64[us, UTC]"}), ("the server cut it",))

    def range(self, text, window, step):
        return self.instant(text, window.until - step)


def test_promql_is_asked_as_it_is_at_the_instant_or_over_hours():
    prometheus = FakeProm()
    found = call(desk_of(prometheus=prometheus), "promql", query="up")
    assert prometheus.asked == [("up", NOON)]
    assert found.query == "up"
    assert column(found, "value") == [1.0, 0.0]
    assert "the server cut it" in found.marks
    assert call(desk_of(prometheus=prometheus), "promql", query="up", hours=2).window.length == timedelta(hours=2)


@pytest.fixture
def asking(tmp_path):
    folder = tmp_path
    desk = desk_of(FakeCluster(2), FakeSlurm(), folder)
    service = SqlService(desk.reads.history, folder / "jobs.duckdb", FakeClock(NOON))
    yield replace(desk, reads=replace(desk.reads, sql=service))
    service.close()


def test_sql_reads_history_and_changes_nothing(asking):
    found = call(asking, "sql", query="SELECT job_id, user_name FROM jobs WHERE state = 'RUNNING' ORDER BY job_id")
    assert column(found, "job_id")[:2] == ["1000", "1001"]
    for query in ("DELETE FROM jobs", "COPY jobs TO 'x.csv'", "SELECT * FROM read_text('/etc/passwd')"):
        with pytest.raises(SqlError):
            call(asking, "sql", query=query)
