from __future__ import annotations

import json
from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from watchdog.charts.alert_episodes import episode_chart
from watchdog.charts.alert_timeline import counts_of, incident_counts, incident_timeline, timeline_text
from watchdog.charts.palette import DARK, LIGHT
from watchdog.model.telemetry import Window

HOUR = timedelta(hours=1)
WINDOW = Window(NOON - 6 * HOUR, NOON)
EVIL = "a\"]';</script>\u202e`" * 40


def incidents(*rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["row", "severity", "opened_at", "closed_at"])
    types = {"opened_at": "datetime64[us, UTC]", "closed_at": "datetime64[us, UTC]"}
    return frame.assign(incident_id=[f"i{n}" for n in range(len(rows))], title=EVIL, ack_by="").astype(types)


BARS = incidents(
    ("hot", "warning", NOON - 9 * HOUR, NOON - 3 * HOUR),
    ("xid", "critical", NOON - HOUR, None),
    ("hot", "info", NOON - 2 * HOUR, NOON - HOUR),
)


def datasets(spec) -> list[dict]:
    (rows,) = spec["datasets"].values()
    return rows


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_a_bar_is_cut_to_the_window_and_the_worst_is_drawn_last(palette):
    rows = datasets(incident_timeline(BARS, WINDOW, palette).to_dict())

    assert [row["severity"] for row in rows] == ["info", "warning", "critical"]
    assert rows[1]["bucket_at"].startswith("2026-03-01T06:00")
    assert rows[1]["opened"] == "2026-03-01 03:00:00 UTC"
    assert rows[2]["ends_at"].startswith("2026-03-01T12:00")
    assert rows[2]["closed"] == "not yet"


def test_severity_has_a_shape_and_not_only_a_colour():
    mark = incident_timeline(BARS, WINDOW, LIGHT).to_dict()["layer"][1]["encoding"]
    assert len({*mark["shape"]["scale"]["range"]}) == 3


def test_incidents_are_counted_in_the_hour_or_day_they_began_and_stacked():
    counts, step = counts_of(BARS, WINDOW)
    assert step == HOUR
    assert counts["count"].sum() == 2

    counts, step = counts_of(BARS, Window(NOON - 240 * HOUR, NOON))
    assert step == timedelta(days=1)
    rows = datasets(incident_counts(counts, step, WINDOW, LIGHT).to_dict())
    assert [(row["severity"], row["bottom"], row["top"]) for row in rows] == [
        ("critical", 0, 1),
        ("warning", 1, 2),
        ("info", 2, 3),
    ]


def test_an_episode_that_goes_on_reaches_the_end():
    episodes = incidents(("gpu01 GPU 3", "info", NOON - HOUR, None)).rename(
        columns={"opened_at": "fired_at", "closed_at": "until"}
    )
    (row,) = datasets(episode_chart(episodes.assign(peak="98 °C"), WINDOW, LIGHT).to_dict())
    assert row["ends_at"].startswith("2026-03-01T12:00")
    assert row["to"] == "not yet"


def test_hostile_words_stay_short_and_leave_the_chart_whole():
    spec = json.dumps(incident_timeline(BARS, WINDOW, LIGHT).to_dict())
    assert len(spec) < 20_000
    assert "3 incidents" not in EVIL
    assert timeline_text(BARS, WINDOW).startswith("Timeline of 3 incidents on 2 rows")
