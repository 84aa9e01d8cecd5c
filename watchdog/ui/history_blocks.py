"""Charts over the page's window; dragging across one zooms the whole page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from watchdog.charts.heat import heat_map as heat_chart
from watchdog.charts.history import BRUSH, history_chart, history_text
from watchdog.model.metrics import CATALOGUE
from watchdog.model.telemetry import Where
from watchdog.model.units import duration_text
from watchdog.services.gpu_history import History
from watchdog.ui.address import View
from watchdog.ui.cards import incomplete_note, not_exported_note
from watchdog.ui.data import gpu_history, heat_map
from watchdog.ui.filters import zoom_to
from watchdog.ui.theme import palette

GPU_CHARTS = (
    "gpu_util_ratio",
    "memory_used_bytes",
    "gpu_temperature_celsius",
    "power_watts",
    "sm_clock_hertz",
    "sm_active_ratio",
)
Names = tuple[tuple[str, str], ...]


def history_block(
    metric: str, view: View, where: Where, names: Names = (), threshold: tuple[float, str] | None = None
) -> History:
    """One chart with its caption; returns what it shows."""
    window = view.window
    answer = gpu_history(metric, window.since, window.until, where, names)
    if answer.not_exported:
        not_exported_note(CATALOGUE[metric].label)
        return answer
    if not len(answer.frame):
        st.caption(f"{CATALOGUE[metric].label}: no readings in this window.")
        return answer
    chart = history_chart(answer.frame, metric, window, palette(), threshold=threshold)
    place = ".".join((*where.nodes, *where.gpus)) or "all"
    address = view.address
    key = f"history.{metric}.{place}.{address.window}.{address.at}.{address.own_range}"
    event = st.altair_chart(
        chart, key=key, on_select="rerun", selection_mode=[BRUSH], theme=None,
        alt=history_text(answer.frame, metric, window),
    )  # fmt: skip
    incomplete_note(answer.incomplete)
    zoom_on_drag(event, answer.window.until, answer.step)
    return answer


def zoom_on_drag(event: Any, until_at_most: datetime, step: timedelta) -> None:  # noqa: ANN401 (Streamlit's state dict)
    """Make what was dragged across a chart the window of the page."""
    edges = event.get("selection", {}).get(BRUSH, {}).get("bucket_at", []) if event else []
    if len(edges) != 2:
        return
    since, until = (datetime.fromtimestamp(edge / 1000, UTC).replace(microsecond=0) for edge in sorted(edges))
    # A click is no drag; and a minute is the shortest range there is.
    if (until - since).total_seconds() >= max(60.0, 2 * step.total_seconds()):
        zoom_to(since, min(until, until_at_most))
        st.rerun(scope="app")


def history_caption(answer: History) -> None:
    """What a line is and how it was made."""
    shape = f"average, and the lowest and highest of {answer.line_count} {answer.line_word}s"
    if answer.line_count == 1:
        shape = "average, lowest and highest reading of each bucket"
    lines = shape if answer.is_band else f"one line a {answer.line_word}"
    st.caption(f"{lines}; buckets of {duration_text(answer.step)}. Drag across the chart to zoom.")


def gpu_charts(view: View, cell: pd.Series, where: Where) -> pd.DataFrame:
    """The main quantities of one GPU as small multiples; returns what they show."""
    limits = {
        "gpu_temperature_celsius": (cell["slowdown_temperature_celsius"], "slows down"),
        "power_watts": (cell["power_limit_watts"], "limit"),
        "memory_used_bytes": (cell["memory_total_bytes"], "total"),
    }
    shown = []
    with st.grid(2):
        for metric in GPU_CHARTS:
            with st.container():
                st.markdown(f"**{CATALOGUE[metric].label}**", help=CATALOGUE[metric].definition)
                limit = limits.get(metric)
                threshold = None if limit is None or pd.isna(limit[0]) else (float(limit[0]), limit[1])
                answer = history_block(metric, view, where, threshold=threshold)
                shown.append(answer.table)
    history_caption(answer)
    return pd.concat([frame for frame in shown if len(frame)] or shown[:1], ignore_index=True)


def heat_block(metric: str, view: View, where: Where, names: Names, limit: float | None) -> None:
    """A row a GPU or node, strongest colour at the GPU's own limit."""
    answer = heat_map(metric, view.window.since, view.window.until, where, names)
    if not len(answer.frame):
        st.caption("No readings in this window.")
        return
    chart = heat_chart(answer.frame, metric, answer.window, answer.step, palette(), limit)
    word = f"{CATALOGUE[metric].label} of {answer.frame['row'].nunique()} {answer.row_word}s over time"
    st.altair_chart(chart, theme=None, alt=word)
    st.caption(f"highest reading in buckets of {duration_text(answer.step)}, one row a {answer.row_word}")
    incomplete_note(answer.incomplete)
