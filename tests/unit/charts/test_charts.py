from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.fakes import FakeCluster
from watchdog.charts.glyphs import SHAPES
from watchdog.charts.grid import MOST_CELLS, gpu_grid, grid_text
from watchdog.charts.heat import heat_map
from watchdog.charts.history import history_chart, history_text
from watchdog.charts.palette import DARK, LIGHT, PALETTES, state_colour
from watchdog.model.health import GpuState
from watchdog.model.telemetry import Window
from watchdog.services.fleet import fleet, recent
from watchdog.services.gpu_history import gpu_history

WINDOW = Window(NOON - timedelta(hours=1), NOON)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
@pytest.mark.parametrize("name", ["text", "muted", "accent", "ok", "warning", "critical", "information", "unknown"])
def test_every_colour_that_words_have_is_readable(palette, name):
    for ground in (palette.background, palette.surface):
        assert contrast(getattr(palette, name), ground) >= 4.5


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_marks_are_readable_on_their_badge_and_load_is_ordered_by_brightness(palette):
    for state in SHAPES:
        assert contrast(state_colour(state, palette), palette.background) >= 4.5
    steps = [luminance(colour) for colour in palette.load]
    assert steps == sorted(steps) or steps == sorted(steps, reverse=True)


def test_every_state_that_needs_a_look_has_a_shape_of_its_own():
    assert set(SHAPES) == set(GpuState) - {GpuState.BUSY, GpuState.IDLE}
    assert len(set(SHAPES.values())) == len(SHAPES)


def cells(nodes: int, **kwargs) -> pd.DataFrame:
    cluster = FakeCluster(nodes=nodes, **kwargs)
    inventory = cluster.gpus(NOON)
    return fleet(cluster, inventory, NOON, recent(cluster, NOON, len(inventory))).cells


def test_a_cell_is_a_gpu_until_there_are_too_many_and_then_a_node():
    few = gpu_grid(cells(4), LIGHT).to_dict()
    many = gpu_grid(cells(MOST_CELLS // 8 + 1), LIGHT).to_dict()

    assert few["params"][0]["select"]["fields"] == ["node", "gpu_uuid"]
    assert many["params"][0]["select"]["fields"] == ["node"]


@pytest.mark.parametrize("nodes", [0, 1, 3, 13, 128])
def test_cells_do_not_overlap_and_lie_inside_the_grid(nodes):
    spec = gpu_grid(cells(nodes), DARK).to_dict()
    rows = pd.DataFrame(spec["datasets"][spec["layer"][0]["data"]["name"]])
    right = spec["layer"][0]["encoding"]["x"]["scale"]["domain"][1]

    assert len(rows) == nodes * 8
    if nodes:
        assert not rows.duplicated(["x", "y"]).any()
        assert rows["x2"].max() <= right


def test_a_gpu_without_a_reading_is_not_coloured_as_idle():
    spec = gpu_grid(cells(1, faults={(0, 1): "lost"}), LIGHT).to_dict()

    assert spec["config"]["scale"]["invalid"] == {"color": {"value": LIGHT.no_data}}
    assert LIGHT.no_data != LIGHT.load[0]


def test_the_grid_can_be_read_out():
    assert grid_text(cells(1, faults={(0, 1): "lost"})) == "Grid of 8 GPUs on 1 nodes: 6 busy, 1 lost, 1 idle."


def chart(metric: str = "power_watts", **kwargs):
    history = gpu_history(FakeCluster(), metric, WINDOW, timedelta(seconds=15))
    return history, history_chart(history.frame, metric, WINDOW, LIGHT, **kwargs).to_dict()


def test_time_is_utc_and_said_to_be_so_and_spans_the_whole_window():
    _, spec = chart()
    x = spec["layer"][0]["encoding"]["x"]

    assert x["scale"]["type"] == "utc"
    assert x["axis"]["title"] == "time, UTC"
    assert [edge["hours"] for edge in x["scale"]["domain"]] == [11, 12]


def test_loads_start_at_zero_with_their_unit_and_percent_ends_at_100():
    y = chart()[1]["layer"][0]["encoding"]["y"]
    assert y["axis"]["title"] == "W"
    assert y["scale"] == {"zero": True}
    assert chart("gpu_util_ratio")[1]["layer"][0]["encoding"]["y"]["scale"] == {"domain": [0, 100]}


def test_tooltips_carry_exact_values_in_utc():
    spec = chart()[1]
    assert "UTC" in spec["layer"][1]["transform"][0]["calculate"]
    assert any(tip.get("format") == ",.1f" for tip in spec["layer"][1]["encoding"]["tooltip"])


def test_a_threshold_is_a_thin_line_with_a_word():
    layers = chart(threshold=(700.0, "limit"))[1]["layer"]
    assert layers[-2]["mark"]["type"] == "rule"
    assert layers[-1]["mark"]["type"] == "text"


def test_a_chart_sends_only_what_it_draws():
    history, spec = chart()
    rows = next(iter(spec["datasets"].values()))

    assert set(rows[0]) == {"line", "bucket_at", "shown"}
    assert "node001" not in history_text(history.frame, "power_watts", WINDOW)
    assert "Power draw, W over 1" in history_text(history.frame, "power_watts", WINDOW)


def test_heat_takes_the_heat_hue_and_load_the_load_hue():
    rows = pd.DataFrame({"row": ["n1"], "bucket_at": [pd.Timestamp(NOON)], "value": [60.0]})
    hot = heat_map(rows, "gpu_temperature_celsius", WINDOW, timedelta(minutes=1), DARK, 90.0).to_dict()
    load = heat_map(rows, "power_watts", WINDOW, timedelta(minutes=1), DARK).to_dict()

    assert hot["encoding"]["color"]["scale"]["range"] == list(DARK.heat)
    assert load["encoding"]["color"]["scale"]["range"] == list(DARK.load)
