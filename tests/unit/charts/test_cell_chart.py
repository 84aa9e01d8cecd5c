"""The picture of an answer: what is chosen, what is left out, and that words say so."""

import dataclasses
import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.conftest import NOON
from watchdog.base.errors import NotebookError
from watchdog.charts.cell_chart import cell_chart
from watchdog.charts.cell_fields import Columns, fields, unit_of
from watchdog.charts.cell_overlay import Earlier
from watchdog.charts.cell_points import MOST_POINTS, points
from watchdog.charts.marks import MOST_KNOWN, marks_layer
from watchdog.charts.palette import LIGHT
from watchdog.model.notebook import Chart, ChartKind
from watchdog.model.telemetry import Window


def series(count, nodes=1, column="power_watts", step="1min"):
    at = pd.date_range(NOON, periods=count, freq=step)
    rng = np.random.default_rng(3)
    frames = [
        pd.DataFrame({"at": at, "node": f"n{n}", column: rng.normal(900 - 60 * n, 9, count)}) for n in range(nodes)
    ]
    return pd.concat(frames, ignore_index=True)


def spec(drawn):
    return drawn.chart.to_dict()


def drawn_rows(drawn):
    return sum(len(rows) for rows in spec(drawn)["datasets"].values())


AUTO = Chart(of="cell_1")


@pytest.mark.parametrize(
    ("frame", "kind", "x", "y"),
    [
        (series(10), ChartKind.LINE, "at", "power_watts"),
        (pd.DataFrame({"node": ["a", "b"], "n": [1, 2]}), ChartKind.BAR, "node", "n"),
        (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), ChartKind.SCATTER, "a", "b"),
        (pd.DataFrame({"waited_seconds": [1.0, 2.0, 9.0]}), ChartKind.HISTOGRAM, "waited_seconds", ""),
        (pd.DataFrame({"node": ["a"]}), ChartKind.TABLE, "", ""),
        (series(0), ChartKind.TABLE, "", ""),
    ],
)
def test_the_columns_decide_what_is_drawn(frame, kind, x, y):
    chosen = fields(frame, AUTO)
    assert (chosen.kind, chosen.x, chosen.y) == (kind, x, y)


def test_numbers_that_only_name_a_thing_are_not_drawn_if_others_are_there():
    frame = pd.DataFrame({"at": pd.date_range(NOON, periods=2), "gpu_index": [0, 1], "temp_celsius": [40.0, 50.0]})
    assert fields(frame, AUTO).y == "temp_celsius"
    frame = pd.DataFrame({"job_id": [1, 2], "xid": [79, 79], "array_index": [0, 1], "paid": [1.0, 2.0], "grid": [3, 4]})
    assert Columns.of(frame).measuring == ("paid", "grid")


def test_lines_are_told_apart_by_as_few_words_as_it_takes():
    frame = pd.concat([series(5, 2).assign(gpu=gpu) for gpu in ("0", "1")])
    assert fields(series(5, 2), AUTO).colour == ("node",)
    assert fields(frame, AUTO).colour == ("node", "gpu")


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("power_watts", "watts"),
        ("bytes_per_second", "bytes_per_second"),
        ("gpu_hours", "hours"),
        ("swatts", ""),
        ("ratio", "ratio"),
    ],
)
def test_the_unit_is_the_end_of_the_name(column, unit):
    assert unit_of(column) == unit


def test_time_is_in_utc_and_a_load_from_zero_with_its_unit():
    text = json.dumps(spec(cell_chart(series(10), AUTO, LIGHT)))
    assert '"type": "utc"' in text
    assert "time, UTC" in text
    assert '"title": "power_watts, W"' in text
    assert '"zero": true' in text


def test_a_ratio_is_in_percent_and_a_temperature_not_from_zero():
    ratio = cell_chart(series(10, column="x_ratio").assign(x_ratio=0.25), AUTO, LIGHT)
    assert [row["y"] for row in next(iter(spec(ratio)["datasets"].values()))] == [25.0] * 10
    heat = cell_chart(series(10, column="temp_celsius"), AUTO, LIGHT)
    assert '"zero": false' in json.dumps(spec(heat)["layer"][0]["encoding"]["y"])


@pytest.mark.parametrize("kind", [ChartKind.LINE, ChartKind.AREA, ChartKind.BAR, ChartKind.SCATTER, ChartKind.HEAT_MAP])
def test_no_chart_has_more_than_five_thousand_points_and_words_say_what_was_done(kind):
    drawn = cell_chart(
        series(20_000, 9),
        Chart(of="cell_1", chart=kind, x="at", y="power_watts" if kind != ChartKind.HEAT_MAP else ""),
        LIGHT,
    )
    assert drawn_rows(drawn) <= MOST_POINTS
    assert drawn.words


def test_the_extremes_stay_when_points_are_left_out():
    frame = series(50_000)
    frame.loc[31_234, "power_watts"], frame.loc[7_777, "power_watts"] = 5_000.0, -400.0
    found = points(frame, fields(frame, AUTO))
    assert (found.frame["y"].max(), found.frame["y"].min()) == (5_000.0, -400.0)
    assert found.words[0].startswith("50,000 points drawn as 5,000: the lowest and the highest of each 20")


def test_bars_of_several_rows_are_their_mean_or_sum_and_say_so():
    for column, value, word in (("power_watts", 300.0, "mean"), ("cost_usd", 600.0, "sum")):
        frame = pd.DataFrame({"node": ["a", "a"], column: [300.0, 300.0]})
        drawn = cell_chart(frame, AUTO, LIGHT)
        assert [row["y"] for row in next(iter(spec(drawn)["datasets"].values()))] == [value]
        assert drawn.words == (f"A bar of several rows is their {word}.",)


def test_a_gap_stays_a_gap():
    frame = series(100).drop(range(40, 60))
    found = points(frame, fields(frame, AUTO)).frame
    assert found["y"].isna().sum() == 1
    long = series(50_000).drop(range(20_000, 30_000))
    assert points(long, fields(long, AUTO)).frame["y"].isna().sum() == 1


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3_000), st.sampled_from("abcdefgh"), st.one_of(st.none(), st.floats(-1e6, 1e6))),
        min_size=1,
        max_size=300,
    ),
    st.integers(40, 200),
)
def test_thinning_keeps_the_highest_and_lowest_of_every_line_and_the_limit(rows, most):
    frame = pd.DataFrame(rows, columns=["second", "node", "power_watts"])
    frame["at"] = pd.Timestamp(NOON) + pd.to_timedelta(frame["second"], unit="s")
    frame["power_watts"] = frame["power_watts"].astype("float64")
    chosen = fields(frame, Chart(of="c", chart=ChartKind.LINE, x="at", y="power_watts", colour="node"))
    whole, thin = points(frame, chosen, most=10_000).frame, points(frame, chosen, most=most).frame
    assert len(thin) <= most
    pd.testing.assert_frame_equal(*(f.groupby("series")["y"].agg(["min", "max"]) for f in (whole, thin)))


def test_more_than_six_lines_become_the_five_highest_and_one_for_the_others():
    drawn = cell_chart(series(10, 9), AUTO, LIGHT)
    rows = next(iter(spec(drawn)["datasets"].values()))
    assert {row["series"] for row in rows} == {"n0", "n1", "n2", "n3", "n4", "others: sum of 4"}
    assert drawn.words == ("The 5 highest of 9 lines by their mean; the other 4 as their sum.",)


def test_the_sum_of_others_is_unknown_where_nothing_is_known():
    frame = series(3, 8).assign(power_watts=np.nan)
    rows = points(frame, fields(frame, AUTO)).frame
    assert rows["y"].isna().all()


def test_hostile_names_of_columns_and_values_are_drawn_as_they_are():
    name, value = "a.b[0]\\'\"<script>", "</script><img src=x onerror=alert(1)>"
    frame = pd.DataFrame({name: [value, "b"], "count": [1, 2]})
    drawn = spec(cell_chart(frame, AUTO, LIGHT))
    assert drawn["layer"][0]["encoding"]["x"]["title"] == name
    assert {row["x"] for row in next(iter(drawn["datasets"].values()))} == {value, "b"}


def test_two_values_that_begin_alike_stay_two_lines():
    frame = pd.concat([series(2).assign(node="x" * 90 + end) for end in "ab"])
    assert points(frame, fields(frame, AUTO)).frame["series"].nunique() == 2


def test_a_column_that_is_gone_is_named():
    with pytest.raises(NotebookError, match="cell_1 has no column 'watts' any more") as caught:
        cell_chart(series(3), Chart(of="cell_1", y="watts"), LIGHT)
    assert "at, node, power_watts" in caught.value.hint


def test_a_chart_that_the_columns_cannot_give_says_what_it_needs():
    with pytest.raises(NotebookError, match="heat map needs words for its rows"):
        cell_chart(series(3)[["at", "power_watts"]], Chart(of="cell_1", chart=ChartKind.HEAT_MAP), LIGHT)


def test_last_week_is_laid_over_this_week():
    week = timedelta(days=7)
    this, last = series(5), series(5).assign(at=lambda f: f["at"] - week)
    drawn = cell_chart(this, AUTO, LIGHT, earlier=Earlier(last, week, ("this week", "last week")))
    line = spec(drawn)["layer"][0]
    assert drawn.fields.colour == ("period",)
    assert line["encoding"]["color"]["scale"]["domain"] == ["this week", "last week"]
    assert line["encoding"]["strokeDash"]["scale"] == {"domain": ["this week", "last week"], "range": [[1, 0], [5, 3]]}
    [rows] = spec(drawn)["datasets"].values()
    at = {name: [row["bucket_at"] for row in rows if row["series"] == name] for name in ("this week", "last week")}
    assert at["this week"] == at["last week"]
    # Under the pointer it is last week.
    assert f"{week.total_seconds() * 1000:.0f}" in line["transform"][-1]["calculate"]


def test_two_windows_of_many_nodes_keep_their_colours_apart_and_areas_become_lines():
    week = timedelta(days=7)
    this, last = series(5, 2), series(5, 2).assign(at=lambda f: f["at"] - week)
    earlier = Earlier(last, week, ("this week", "last week"))
    for chart in (AUTO, replace(AUTO, chart=ChartKind.AREA, colour="node")):
        drawn = cell_chart(this, chart, LIGHT, earlier=earlier)
        assert (drawn.fields.kind, drawn.fields.colour) == (ChartKind.LINE, ("period", "node"))
        domain = spec(drawn)["layer"][0]["encoding"]["color"]["scale"]["domain"]
        assert {*domain} == {f"{week} · {node}" for week in ("this week", "last week") for node in ("n0", "n1")}


def test_what_cannot_be_laid_over_another_window_says_so():
    earlier = Earlier(series(5), timedelta(days=7), ("this week", "last week"))
    bars = cell_chart(series(5), Chart(of="cell_1", chart=ChartKind.HISTOGRAM), LIGHT, earlier=earlier)
    assert "Only charts over time" in bars.words[0]
    nothing = cell_chart(series(5), AUTO, LIGHT, earlier=dataclasses.replace(earlier, answer=series(0)))
    assert nothing.words == ("The other window has no rows.",)


def test_events_in_the_window_are_marked_and_too_many_are_counted():
    at = [pd.Timestamp(NOON) + pd.Timedelta(seconds=n) for n in range(400)]
    marks = pd.DataFrame({"at": at, "kind": "alert", "text": "n1: hot"})
    window = Window(NOON, NOON + timedelta(minutes=5))
    drawn = cell_chart(series(10), AUTO, LIGHT, window=window, marks=marks)
    assert drawn.words == ("150 of 300 events are marked: notes, drains, alerts, then starts of jobs, the newest.",)
    assert '"triangle-down"' in json.dumps(spec(drawn))


def test_of_too_many_events_what_people_and_nodes_say_comes_before_starts_of_jobs():
    at = pd.Timestamp(NOON)
    starts = [(at + pd.Timedelta(seconds=n), "job start", f"job {n}") for n in range(MOST_KNOWN)]
    marks = pd.DataFrame([(at, "note", "fan swapped"), *starts], columns=["at", "kind", "text"])
    layers, words = marks_layer(marks, Window(NOON, NOON + timedelta(hours=1)), LIGHT)
    drawn = {*layers[0].data["text"]}
    assert {"fan swapped", f"job {MOST_KNOWN - 1}"} <= drawn
    assert "job 0" not in drawn
    assert words.startswith("150 of at least 2,001 events")


def test_instants_without_a_zone_are_utc():
    frame = series(3)
    naive = frame.assign(at=frame["at"].dt.tz_localize(None))
    assert [*points(naive, fields(naive, AUTO)).frame["x"]] == [*frame["at"]]
