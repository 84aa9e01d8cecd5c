from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.fakes import FakeCluster
from tests.slurm_fakes import FakeSlurm, gpus_frame, jobs_frame
from watchdog.analysis.holders import with_holders
from watchdog.analysis.occupancy import occupancy
from watchdog.charts.allocation import PARTS, allocation_bars, allocation_text
from watchdog.charts.gantt import gantt, gantt_text
from watchdog.charts.grid import gpu_grid
from watchdog.charts.node_map import SHAPES, node_map, node_map_text
from watchdog.charts.palette import DARK, LIGHT
from watchdog.model.telemetry import Window
from watchdog.services.fleet import fleet, recent

WINDOW = Window(NOON - timedelta(hours=1), NOON)
EVIL = "a\"]';</script>\u202e`" * 40


def rows_of(spec, layer=0):
    return spec["datasets"][spec["layer"][layer]["data"]["name"]]


def timeline(state="RUNNING", name="train", ended=None):
    jobs = jobs_frame(
        {
            "job_id": "7",
            "name": name,
            "user": name,
            "state": state,
            "started_at": NOON - timedelta(hours=2),
            "ended_at": ended,
        }
    )
    nodes = FakeSlurm(nodes_count=2).nodes
    found = occupancy(jobs, gpus_frame(jobs, {"7": (("node001", 3),)}), nodes, WINDOW)
    return found, gantt(found.bars, found.rows, WINDOW, LIGHT).to_dict()


def test_a_bar_is_cut_to_the_window_and_its_tooltip_says_the_whole():
    _, spec = timeline()
    (bar,) = rows_of(spec)

    assert bar["bucket_at"].startswith("2026-03-01T11:00")
    assert bar["ends_at"].startswith("2026-03-01T12:00")
    assert bar["started"] == "2026-03-01 10:00:00 UTC"
    assert bar["ended"] == "not yet"


def test_every_gpu_is_a_row_and_only_the_first_of_a_node_carries_its_name():
    found, spec = timeline()
    keys = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]

    assert len(keys) == 16
    assert [key[-1] == "1" for key in keys] == [n % 8 == 0 for n in range(16)]
    assert gantt_text(found.bars, found.rows, WINDOW) == (
        "Timeline of 1 jobs on 16 rows over 1\u00a0h to 2026-03-01 12:00 UTC."
    )


def test_the_name_of_a_node_stands_apart_from_the_number_of_its_gpu():
    label = timeline()[1]["layer"][0]["encoding"]["y"]["axis"]["labelExpr"]

    assert "'\\u00a0\\u00a0 '" in label


@pytest.mark.parametrize(
    ("state", "word"), [("FAILED", "failed"), ("TIMEOUT", "time limit"), ("NODE_FAIL", "node failed")]
)
def test_a_bad_end_has_a_mark_with_a_word(state, word):
    _, spec = timeline(state, ended=NOON - timedelta(minutes=9))
    assert [mark["end"] for mark in rows_of(spec, 2)] == [word]


def test_a_good_end_and_a_running_job_have_none():
    assert rows_of(timeline("COMPLETED", ended=NOON - timedelta(minutes=9))[1], 2) == []
    assert rows_of(timeline()[1], 2) == []


def test_names_are_data_and_cut_never_code():
    _, spec = timeline(name=EVIL)

    assert len(rows_of(spec)[0]["job"]) <= 60
    assert all("script" not in str(layer["encoding"]["y"]["axis"]) for layer in spec["layer"])


def test_a_click_on_a_bar_names_its_job():
    assert timeline()[1]["params"][0]["select"]["fields"] == ["job_id"]


def places(count: int, condition="idle", share=0.5) -> pd.DataFrame:
    names = [f"node{n:04d}" for n in range(count)]
    return pd.DataFrame(
        {"node": names, "condition": condition, "share_ratio": share, "given": "", "partitions": "gpu", "reason": EVIL}
    )


@pytest.mark.parametrize("count", [0, 1, 64, 65, 1000])
def test_nodes_do_not_overlap_and_lie_inside_the_map(count):
    spec = node_map(places(count), DARK).to_dict()
    cells = pd.DataFrame(rows_of(spec))

    assert len(cells) == count
    if count:
        assert not cells.duplicated(["x", "y"]).any()
        assert cells["x2"].max() <= spec["layer"][0]["encoding"]["x"]["scale"]["domain"][1]
        assert spec["height"] <= 700


def test_a_node_of_unknown_use_is_not_coloured_as_empty():
    spec = node_map(places(1, share=float("nan")), LIGHT).to_dict()

    assert rows_of(spec)[0]["share"] is None
    assert spec["config"]["scale"]["invalid"] == {"color": {"value": LIGHT.no_data}}


@pytest.mark.parametrize("condition", SHAPES)
def test_what_takes_no_work_has_a_mark_of_its_own(condition):
    spec = node_map(places(2, condition), LIGHT).to_dict()

    assert {mark["condition"] for mark in rows_of(spec, 2)} == {condition}
    assert len({shape for shape, _ in SHAPES.values()}) == len(SHAPES)
    assert node_map_text(places(2, condition)) == f"Map of 2 nodes: 2 {condition}."


def shares(*amounts: float) -> pd.DataFrame:
    return pd.DataFrame({"partition": "gpu", "part": list(PARTS), "amount": amounts, "whole": float(sum(amounts))})


def test_the_parts_of_a_partition_fill_its_bar():
    spec = allocation_bars(shares(18, 6, 8, 0), LIGHT).to_dict()
    parts = pd.DataFrame(rows_of(spec))

    assert parts["x"].tolist() == [0, 56.25, 75, 100]
    assert parts["x2"].tolist() == [56.25, 75, 100, 100]
    assert rows_of(spec, 1)[0]["text"] == "18 of 32"
    assert spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == list(PARTS[:3])
    assert allocation_text(shares(18, 6, 8, 0), "GPUs") == "Allocated GPUs: gpu 18 of 32."


@pytest.mark.parametrize(
    ("amounts", "text"), [((0, 0, 0, 32), "? of 32"), ((6, 2, 0, 24), "≥ 6 of 32"), ((0, 8, 0, 24), "? of 32")]
)
def test_what_is_not_known_has_a_part_of_its_own_and_is_no_zero(amounts, text):
    spec = allocation_bars(shares(*amounts), LIGHT).to_dict()

    assert rows_of(spec, 1)[0]["text"] == text
    assert spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == list(PARTS)


def test_a_partition_without_the_resource_has_an_empty_bar():
    assert rows_of(allocation_bars(shares(0, 0, 0, 0), LIGHT).to_dict(), 1)[0]["text"] == "0 of 0"


def test_the_gpu_grid_says_who_holds_a_gpu_where_it_is_known():
    cluster = FakeCluster(nodes=1)
    inventory = cluster.gpus(NOON)
    cells = fleet(cluster, inventory, NOON, recent(cluster, NOON, len(inventory))).cells
    slurm = FakeSlurm(running=1)
    spec = gpu_grid(with_holders(cells, slurm.jobs, slurm.job_gpus), LIGHT).to_dict()

    assert [row["job"] for row in rows_of(spec)] == ["1000", "1000", *[""] * 6]
    titles = [tip["title"] for tip in spec["layer"][0]["encoding"]["tooltip"]]
    assert titles[-2:] == ["job", "user"]
    assert "job" not in rows_of(gpu_grid(cells, LIGHT).to_dict())[0]
