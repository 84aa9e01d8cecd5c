"""Who ran where when: the timeline of jobs over nodes and GPUs."""

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

# More rows than this are no picture any more: eight nodes of eight GPUs, each with a lane for jobs without GPUs.
_MOST_ROWS = 72
_SHORTEST = timedelta(seconds=30)


def node_pages(nodes: pd.DataFrame) -> list[tuple[tuple[str, int], ...]]:
    """(node, GPUs) in groups whose GPUs and lanes fit into one chart, in order of name; 0 where none or not known."""
    pages: list[list[tuple[str, int]]] = []
    room = 0
    for node, gpus in nodes.sort_values("node")[["node", "gpus"]].itertuples(index=False, name=None):
        count = 0 if pd.isna(gpus) else int(gpus)
        if not pages or room < 1 + count:
            pages.append([])
            room = _MOST_ROWS
        pages[-1].append((str(node), count))
        room -= 1 + count
    return [tuple(page) for page in pages]


def choose_nodes(nodes: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    """The nodes to draw, with their GPUs: all where they fit, else a group to pick."""
    pages = node_pages(nodes)
    if len(pages) < 2:
        return pages[0] if pages else ()
    names = {f"{page[0][0]} to {page[-1][0]}": page for page in pages}
    picked = st.selectbox("Nodes", list(names), key=state.TIMELINE_NODES, width=300)
    return names[picked]


def timeline_block(answer: Occupancy, view: View) -> None:
    """The chart; a click on a bar opens its job."""
    if not answer.rows:
        empty_state("No node is known to Slurm.", "Its nodes would be rows here, and the jobs that ran on them bars.")
        return
    chart = gantt(answer.bars, answer.rows, view.window, palette())
    address = view.address
    event = st.altair_chart(
        chart, key=f"slurm.timeline.{answer.rows[0][0]}.{address.window}.{address.at}.{address.own_range}",
        on_select="rerun", selection_mode=[PICK, BRUSH], theme=None, alt=gantt_text(answer.bars, answer.rows, view.window),
    )  # fmt: skip
    rest = f" {answer.cut:,} of the shortest bars are left out." if answer.cut else ""
    st.caption(
        "One row a GPU, one bar a job; jobs without GPUs are in the node's CPU lanes. Click a bar to open its job, "
        f"drag to zoom.{rest}"
    )
    picked = event.get("selection", {}).get(PICK, []) if event else []
    if picked:
        open_job(str(picked[0].get("job_id", "")))
    zoom_on_drag(event, view.window.until, _SHORTEST)
