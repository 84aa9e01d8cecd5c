"""Who held which GPU when: the timeline of jobs over nodes and GPUs."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from watchdog.analysis.occupancy import Occupancy
from watchdog.charts.gantt import BRUSH, PICK, gantt, gantt_text
from watchdog.ui import state
from watchdog.ui.address import View
from watchdog.ui.cards import empty_state
from watchdog.ui.history_blocks import zoom_on_drag
from watchdog.ui.job_page import open_job
from watchdog.ui.theme import palette

# More rows than this are no picture any more.
_MOST_ROWS = 64
_SHORTEST = timedelta(seconds=30)


def node_pages(nodes: pd.DataFrame) -> list[tuple[str, ...]]:
    """Nodes in groups whose GPUs fit into one chart, in order of name."""
    pages: list[list[str]] = []
    room = 0
    for node, gpus in nodes.sort_values("node")[["node", "gpus"]].itertuples(index=False, name=None):
        needs = max(1, 0 if pd.isna(gpus) else int(gpus))
        if not pages or room < needs:
            pages.append([])
            room = _MOST_ROWS
        pages[-1].append(str(node))
        room -= needs
    return [tuple(page) for page in pages]


def choose_nodes(nodes: pd.DataFrame) -> tuple[str, ...]:
    """The nodes to draw: all where they fit, else a group to pick."""
    pages = node_pages(nodes[nodes["gpus"].fillna(0) > 0])
    if len(pages) < 2:
        return pages[0] if pages else ()
    names = {f"{page[0]} to {page[-1]}": page for page in pages}
    picked = st.selectbox("Nodes", list(names), key=state.TIMELINE_NODES, width=300)
    return names[picked]


def timeline_block(answer: Occupancy, view: View) -> None:
    """The chart; a click on a bar opens its job."""
    if not answer.rows:
        empty_state(
            "No node with GPUs is known to Slurm.", "GPUs are known by their GRES: see gres.conf and slurm.conf."
        )
        return
    chart = gantt(answer.bars, answer.rows, view.window, palette())
    address = view.address
    event = st.altair_chart(
        chart, key=f"slurm.timeline.{answer.rows[0][0]}.{address.window}.{address.at}.{address.own_range}",
        on_select="rerun", selection_mode=[PICK, BRUSH], theme=None, alt=gantt_text(answer.bars, answer.rows, view.window),
    )  # fmt: skip
    rest = f" {answer.cut:,} of the shortest jobs are left out." if answer.cut else ""
    st.caption(
        f"One row a GPU, one bar a job; click a bar to open its job, drag to zoom. Jobs without GPUs are not drawn.{rest}"
    )
    picked = event.get("selection", {}).get(PICK, []) if event else []
    if picked:
        open_job(str(picked[0].get("job_id", "")))
    zoom_on_drag(event, view.window.until, _SHORTEST)
