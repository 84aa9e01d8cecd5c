"""GPUs: what does the cluster, a node or a single GPU do, and what did it do before?"""

from __future__ import annotations

import pytest

from tests.fakes import FakeCluster
from tests.pages.conftest import TROUBLE, words
from watchdog.base.errors import SourceUnavailableError

GPU = "GPU-00010002-0000"


def test_the_cluster_has_verdict_grid_history_heat_and_table(open_page):
    page = open_page("gpus")

    assert not page.exception
    assert not page.error
    assert [s.value for s in page.header] == ["History", "Temperature", "All GPUs", "Compare"]
    assert len(page.get("vega_lite_chart")) == 3
    assert len(page.dataframe[0].value) == 32


def test_a_deep_link_to_a_node_shows_its_gpus_only(open_page):
    page = open_page("gpus", node="node002")

    assert not page.exception
    assert set(page.dataframe[0].value["node"]) == {"node002"}
    assert page.selectbox(key="gpus.node").value == "node002"


def test_a_deep_link_to_a_gpu_says_what_it_does_and_why(open_page):
    page = open_page("gpus", FakeCluster(faults=TROUBLE), node="node002", gpu=GPU, window="24h")

    assert not page.exception
    assert not page.error
    assert "**hung**" in words(page)
    assert "100 % busy for 10 min at only 120 W of 700 W" in words(page).replace("\\", "")
    assert len(page.get("vega_lite_chart")) >= 5


def test_a_throttled_gpu_says_so_in_words(open_page):
    page = open_page("gpus", FakeCluster(faults=TROUBLE), node="node004", gpu="GPU-00030001-0000")

    assert "Hardware thermal slowdown" in words(page)


def test_a_lost_gpu_is_shown_as_lost_and_not_as_idle(open_page):
    page = open_page("gpus", FakeCluster(faults=TROUBLE), node="node003", gpu="GPU-00020003-0000")

    assert not page.exception
    assert "**lost**" in words(page)
    assert "Utilization: n/a" in words(page)


@pytest.mark.parametrize(
    "parameters", [{"node": "no-such"}, {"gpu": "GPU-none"}, {"node": "<script>", "gpu": "'; drop"}]
)
def test_an_unknown_place_is_said_and_can_be_left(open_page, parameters):
    page = open_page("gpus", **parameters)

    assert not page.exception
    assert "is not among the GPUs seen" in words(page)
    assert page.selectbox(key="gpus.node").value == "all"


def test_picking_a_node_writes_it_into_the_address(open_page):
    page = open_page("gpus", window="6h")
    page.selectbox(key="gpus.node").select("node003").run()

    assert page.query_params["node"] == "node003"
    assert page.query_params["window"] == "6h"
    assert set(page.dataframe[0].value["node"]) == {"node003"}


def test_the_window_and_instant_go_along_to_the_next_page(open_page):
    page = open_page("gpus", window="6h", at="2026-03-01T09:00:00Z", node="node003")
    page.switch_page("pages/overview.py").run()

    assert page.query_params["window"] == "6h"
    assert page.query_params["at"] == "2026-03-01T09:00:00Z"


def test_rewinding_and_coming_back_is_one_choice(open_page):
    page = open_page("gpus")
    page.segmented_control(key="filters.rewind").select("Past").run()
    assert page.query_params["at"] == "2026-03-01T12:00:00Z"

    page.segmented_control(key="filters.rewind").select("Now").run()
    assert "at" not in page.query_params


def test_gpus_can_be_compared(open_page):
    page = open_page("gpus")
    before = len(page.get("vega_lite_chart"))
    page.multiselect(key="gpus.compare").set_value(["GPU-00000001-0000", GPU]).run()

    assert not page.exception
    assert len(page.get("vega_lite_chart")) == before + 1


def test_a_row_of_the_table_opens_its_gpu(open_page):
    page = open_page("gpus", FakeCluster(faults=TROUBLE))
    page.session_state["gpus.table"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    page.run()

    assert page.query_params["gpu"] == "GPU-00020003-0000"


def test_a_dead_source_is_one_message(open_page):
    dead = SourceUnavailableError("the store is locked", hint="Stop the other process.")
    page = open_page("gpus", FakeCluster(error=dead))

    assert not page.exception
    assert len(page.error) == 1
    assert "Stop the other process" in page.error[0].value


def test_dead_history_costs_the_charts_alone(open_page):
    dead = SourceUnavailableError("no history", hint="Wait.")
    page = open_page("gpus", FakeCluster(history_error=dead))

    assert not page.exception
    assert "GPUs seen: 32 of 32" in words(page)
    assert len(page.dataframe[0].value) == 32


@pytest.mark.parametrize("nodes", [0, 128, 1280])
def test_any_size_of_cluster_opens(open_page, nodes):
    page = open_page("gpus", FakeCluster(nodes=nodes, faults=TROUBLE))

    assert not page.exception
    assert not page.error


def test_hostile_names_stay_text(open_page):
    evil = "a\x00b`:red[x]` **bold** $x$ https://evil.example @me"
    page = open_page("gpus", FakeCluster(names={1: evil}), node=evil.replace("\x00", " "))

    assert not page.exception
