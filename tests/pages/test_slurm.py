"""Slurm: what runs, what waits and why, which nodes take no work, and who held which GPU when?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from tests.conftest import NOON
from tests.fakes import FakeCluster, fake_runtime
from tests.pages.conftest import words
from tests.pages.job_rows import done, finished
from tests.slurm_fakes import FakeSlurm, drained, keep, view_of, with_slurm

EVIL = "![x](https://evil.example/p.png)<img src=x onerror=alert(1)> **b** \u202e😀" + "x" * 10_000
NOTHING = SimpleNamespace(attempt=lambda action: None, error="the disk is full")


def with_queue(slurm: FakeSlurm | None = None, folder=None, **config) -> SimpleNamespace:
    runtime = fake_runtime(FakeCluster(), **config)
    runtime.history = NOTHING
    return with_slurm(runtime, slurm or FakeSlurm(), folder)


def test_the_verdict_says_how_long_the_queue_is_and_who_waits_longest(open_page):
    page = open_page("slurm", runtime=with_queue())

    assert not page.exception
    assert not page.error
    text = words(page).replace("\u00a0", " ")
    assert "6 running, 5 pending." in text
    assert "waits longest, 5 h 59 min: it is next in line" in text
    assert "Free GPUs: 20 of 32" in text
    assert "Largest free block: 8 on node" in text
    assert "Nodes out: 0 of 4" in text
    assert "12 s old" in text


def test_all_blocks_are_there_in_order(open_page):
    page = open_page("slurm", runtime=with_queue())

    assert [head.value for head in page.header] == [
        "Why jobs wait",
        "Queue",
        "Partitions",
        "Nodes",
        "Waste",
        "Timeline",
    ]
    assert len(page.get("vega_lite_chart")) == 5


def test_reasons_are_explained_with_what_would_help(open_page):
    text = words(open_page("slurm", runtime=with_queue()))

    assert "It is next in line" in text
    assert "Jobs with a higher priority are ahead of it" in text
    assert "Its user has put it on hold" in text
    assert "Running jobs must end" in text


def queue_of(page):
    return next(table.value for table in page.dataframe if "why" in table.value)


def test_the_table_has_the_longest_wait_first_in_words(open_page):
    table = queue_of(open_page("slurm", runtime=with_queue()))

    assert table["job"].tolist()[:2] == ["500000", "500001"]
    assert table["state"].iloc[0] == "◷ pending"
    assert table["state"].iloc[-1] == "▶ running"
    assert table["for"].iloc[0].replace("\u00a0", " ") == "5 h 59 min"
    assert table["why"].iloc[0].startswith("it is next in line")


def test_filters_and_search_narrow_the_table_and_stay(open_page):
    page = open_page("slurm", runtime=with_queue())
    page.multiselect(key="slurm.users").set_value(["bob"]).run()
    assert queue_of(page)["user"].tolist() == ["bob"]

    page.multiselect(key="slurm.users").set_value([]).run()
    page.text_input(key="slurm.search").set_value("WAIT-3 ada").run()
    assert queue_of(page)["name"].tolist() == ["wait-3"]
    page.text_input(key="slurm.search").set_value("no such job").run()
    assert "No job matches" in words(page)
    page.text_input(key="slurm.search").set_value("").run()
    page.segmented_control(key="slurm.show").select("pending").run()
    assert len(queue_of(page)) == 5
    page.run()
    assert len(queue_of(page)) == 5


def test_the_filters_stand_in_the_address(open_page):
    page = open_page("slurm", runtime=with_queue(FakeSlurm(running=14)))
    page.multiselect(key="slurm.users").set_value(["ada", "bob"]).run()
    page.segmented_control(key="slurm.show").select("running").run()
    page.text_input(key="slurm.search").set_value("node001").run()

    asked = {key: page.query_params[key] for key in ("user", "show", "search")}
    assert asked == {"user": ["ada", "bob"], "show": "running", "search": "node001"}
    page.multiselect(key="slurm.users").set_value([]).run()
    assert "user" not in page.query_params


def test_a_link_opens_the_queue_filtered(open_page):
    link = {"user": ["ada", "left"], "show": "running", "search": "train", "partition": "gpu"}
    page = open_page("slurm", runtime=with_queue(FakeSlurm(running=14)), **link)

    assert set(queue_of(page)["user"]) == {"ada"}
    assert set(queue_of(page)["state"]) == {"▶ running"}
    assert page.multiselect(key="slurm.users").value == ["ada", "left"]
    assert page.text_input(key="slurm.search").value == "train"
    page.run()
    assert set(queue_of(page)["user"]) == {"ada"}


def test_a_hostile_link_is_named_and_shows_the_whole_queue(open_page):
    link = {"user": ["\x00", EVIL], "show": EVIL, "search": EVIL, "account": ["\u202e"]}
    page = open_page("slurm", runtime=with_queue(), **link)

    assert not page.exception
    assert not page.error
    said = [warning.value for warning in page.warning]
    assert len(said) == 4
    assert not any("<img" in text.replace("\\<img", "") for text in said)
    assert len(queue_of(page)) == 11


def test_a_row_opens_its_job_with_the_filters(open_page, tmp_path):
    page = open_page("slurm", runtime=with_queue(folder=tmp_path), window="6h")
    page.session_state["slurm.queue"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    page.run()

    assert page.title[0].value == "Job"
    assert page.query_params["job"] == "500001"
    assert page.query_params["window"] == "6h"


def test_a_node_out_of_service_comes_first_with_reason_age_and_who(open_page, tmp_path):
    slurm = FakeSlurm(node_changes={2: drained("GPU 3: Xid 79")})
    page = open_page("slurm", runtime=with_queue(slurm, tmp_path))

    table = next(table.value for table in page.dataframe if "by" in table.value)
    first = table.iloc[0]
    assert first["state"] == "‖ drained"
    assert (first["node"], first["reason"], first["by"]) == ("node003", "GPU 3: Xid 79", "root")
    assert first["since"].replace("\u00a0", " ") == "1 d 1 h"
    assert first["times"] == 1
    assert "Nodes out: 1 of 4" in words(page)


def test_no_slurm_says_what_would_be_here_and_how_to_get_it(open_page):
    page = open_page("slurm")

    assert not page.exception
    assert "No Slurm is read here" in words(page)
    assert "WATCHDOG\\_SLURM\\_REST\\_URL" in words(page) or "WATCHDOG_SLURM_REST_URL" in words(page)


def test_slurm_that_never_answered_says_why(open_page):
    runtime = with_queue(FakeSlurm(taken_at=None))
    runtime.slurm_error = "squeue: slurm_load_jobs error: Unable to contact slurm controller"
    page = open_page("slurm", runtime=runtime)

    assert not page.exception
    assert "has not answered yet" in page.error[0].value
    assert "Start slurmctld" in page.error[0].value


def test_slurm_that_went_down_shows_the_last_snapshot_with_its_age(open_page):
    runtime = with_queue(FakeSlurm(taken_at=NOON - timedelta(minutes=42)))
    runtime.slurm_error = "squeue does not answer"
    page = open_page("slurm", runtime=runtime)

    assert "last read 42\u00a0min ago" in page.warning[0].value
    assert "squeue does not answer" in page.warning[0].value
    assert any("opacity" in block.proto.body for block in page.get("html"))
    assert "6 running, 5 pending." in words(page)


def test_what_could_not_be_read_is_said(open_page):
    page = open_page("slurm", runtime=with_queue(FakeSlurm(problems=("sinfo timed out",))))
    assert "Incomplete: sinfo timed out" in words(page)


def test_an_empty_queue_is_said_to_be_empty(open_page):
    page = open_page("slurm", runtime=with_queue(FakeSlurm(running=0, pending=0)))

    assert not page.exception
    assert "The queue is empty" in words(page)
    assert "none waits" in words(page)


def test_a_cluster_without_nodes_opens(open_page):
    page = open_page("slurm", runtime=with_queue(FakeSlurm(nodes_count=0, running=0, pending=2)))

    assert not page.exception
    assert not page.error


def test_hostile_words_stay_text(open_page):
    job = {"name": EVIL, "user": EVIL, "account": EVIL, "reason": EVIL, "nodes": EVIL, "partition": EVIL}
    slurm = FakeSlurm(pending_changes={0: job}, node_changes={1: drained(EVIL, reason_by=EVIL)})
    page = open_page("slurm", runtime=with_queue(slurm))

    assert not page.exception
    assert not page.error
    text = words(page)
    assert "![x](" not in text
    assert "<img" not in text.replace("\\<img", "")
    assert "**b**" not in text


def test_ten_thousand_jobs_on_a_thousand_nodes_open_with_a_short_table(open_page):
    slurm = FakeSlurm(nodes_count=1000, running=3000, pending=7000)
    page = open_page("slurm", runtime=with_queue(slurm))

    assert not page.exception
    assert not page.error
    assert len(queue_of(page)) == 500
    assert "9,500 are not shown" in words(page)
    assert "3,000 running, 7,000 pending." in words(page)


def test_the_past_is_shown_as_it_was_then(open_page, tmp_path):
    runtime = with_queue(folder=tmp_path)
    page = open_page("slurm", runtime=runtime, at="2026-03-01T11:38:30Z")

    assert not page.exception
    assert not page.error
    text = words(page)
    assert "as of 2026-03-01 11:38:30 UTC, from history" in text
    assert "4 running, 7 pending." in text


def test_nodes_and_partitions_are_shown_as_they_were_then(open_page, tmp_path):
    runtime = with_slurm(fake_runtime(FakeCluster()), None, tmp_path)
    then = FakeSlurm(running=3, node_changes={3: drained("fan")}, taken_at=NOON - timedelta(minutes=15))
    for ago in (16, 15):
        keep(runtime.history, replace(view_of(then), taken_at=NOON - timedelta(minutes=ago)))
    runtime.slurm = view_of(FakeSlurm())
    keep(runtime.history, runtime.slurm)
    page = open_page("slurm", runtime=runtime, at="2026-03-01T11:45:00Z")

    assert not page.exception
    assert not page.error
    table = next(table.value for table in page.dataframe if "by" in table.value)
    assert table.iloc[0][["state", "node", "reason"]].tolist() == ["‖ drained", "node004", "fan"]
    assert table["cpus"].isna().all()
    text = words(page).replace("\u00a0", " ")
    assert "Nodes out: 1 of 4" in text
    assert "n/a" not in text.split("Free GPUs: ")[1].split("\n")[0]


def test_a_past_of_which_no_node_was_seen_is_not_called_free_or_out(open_page, tmp_path):
    page = open_page("slurm", runtime=with_queue(folder=tmp_path), at="2026-03-01T11:38:30Z")

    text = words(page)
    assert "Nodes out: n/a" in text
    assert "Free GPUs: n/a" in text
    table = next(table.value for table in page.dataframe if "by" in table.value)
    assert set(table["state"]) == {"? unknown"}


def test_the_past_without_history_is_one_message(open_page):
    runtime = with_queue()
    runtime.history = SimpleNamespace(attempt=lambda action: None, error="x", store=_refuse)
    page = open_page("slurm", runtime=runtime, at="2026-03-01T11:38:30Z")

    assert not page.exception
    assert any("the disk is full" in error.value for error in page.error)


def _refuse():
    from watchdog.base.errors import StoreFullError

    raise StoreFullError("the disk is full", hint="Make room.")


@pytest.mark.parametrize("nodes", [9, 30])
def test_more_gpus_than_fit_one_timeline_are_picked_in_groups(open_page, nodes):
    page = open_page("slurm", runtime=with_queue(FakeSlurm(nodes_count=nodes)))

    assert page.selectbox(key="slurm.timeline_nodes").options[0] == "node001 to node008"


def waste_of(page):
    return next(table.value for table in page.dataframe if "never" in table.value)


def test_waste_names_who_held_gpus_and_did_not_use_them_worst_first(open_page):
    # Of the fake cluster's GPUs every seventh, from the fourth on, is idle: GPU 3 of job 1001, GPU 10 of job 1005.
    page = open_page("slurm", runtime=with_queue())

    table = waste_of(page)
    assert table["user"].tolist()[:2] == ["fay", "bob"]
    assert table["idle"].iloc[0] == pytest.approx(table["never"].iloc[0])
    assert "cost" not in table
    text = words(page).replace("\u00a0", " ")
    assert "did nothing" in text
    page.segmented_control(key="slurm.waste_by").select("partition").run()
    assert waste_of(page)["partition"].tolist() == ["gpu"]


def test_waste_has_its_cost_where_a_rate_is_set(open_page):
    page = open_page("slurm", runtime=with_queue(gpu_hour_usd=2.0))

    table = waste_of(page)
    assert table["cost"].iloc[0] == pytest.approx(2 * table["idle"].iloc[0])


def test_waste_that_nobody_measured_is_unknown_and_not_idle(open_page):
    runtime = with_queue()
    runtime.gpus = FakeCluster(nodes=0).gpus
    page = open_page("slurm", runtime=runtime)

    assert waste_of(page)["idle"].isna().all()
    assert (waste_of(page)["unknown"] == waste_of(page)["held"]).all()
    assert "it is not known whether they were used" in words(page)
    assert "did nothing" not in words(page)


def test_no_gpu_held_in_the_window_says_what_would_be_there(open_page):
    assert "No job held a GPU in" in words(open_page("slurm", runtime=with_queue(FakeSlurm(running=0))))


def test_a_job_without_gpus_is_in_the_timeline(open_page):
    extra = {
        "job_id": "9",
        "gpus": 0,
        "nodes": "node002",
        "started_at": NOON - timedelta(minutes=30),
        "name": "cpu-only",
    }
    page = open_page("slurm", runtime=with_queue(FakeSlurm(extra=(extra,))))

    assert "cpu-only" in page.get("vega_lite_chart")[-1].proto.spec + str(page.get("vega_lite_chart")[-1].proto)


def test_jobs_that_ended_in_the_window_are_listed_newest_first(open_page, tmp_path):
    runtime = with_queue(folder=tmp_path)
    ends = {"a": 10, "b": 30, "c": 90}
    finished(runtime, *(done(job_id=name, ended_at=NOON - timedelta(minutes=m)) for name, m in ends.items()))
    page = open_page("slurm", runtime=runtime)
    page.segmented_control(key="slurm.show").select("ended").run()

    assert not page.exception
    assert queue_of(page)["job"].tolist() == ["a", "b"]
    assert queue_of(page)["state"].tolist() == ["✓ completed"] * 2


def test_the_overview_has_the_queue_in_a_line(open_page):
    page = open_page("overview", runtime=with_queue(FakeSlurm(node_changes={3: drained()})))

    assert not page.exception
    assert not page.error
    text = words(page).replace("\u00a0", " ")
    assert "6 running, 5 pending." in text
    assert "5 h 59 min: it is next in line" in text
    assert "**12 of 32 GPUs are free**; the largest free block is 8 on node003; 1 of 4 nodes take no work." in text


def test_the_overview_without_slurm_has_no_queue(open_page):
    assert "running," not in words(open_page("overview"))


def test_the_gpu_grid_names_jobs_only_now_and_not_of_the_past(open_page, tmp_path):
    runtime = with_queue(folder=tmp_path)
    assert '"job"' in grid_of(open_page("overview", runtime=runtime))
    assert '"job"' not in grid_of(open_page("overview", runtime=runtime, at="2026-03-01T09:00:00Z"))


def grid_of(page) -> str:
    return page.get("vega_lite_chart")[0].proto.spec


def test_a_requeued_job_is_no_trouble(open_page):
    page = open_page("slurm", runtime=with_queue(FakeSlurm(extra=({"job_id": "8", "state": "REQUEUED"},))))

    assert not page.exception
    assert not page.error
