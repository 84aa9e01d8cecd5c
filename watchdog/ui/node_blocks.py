"""Slurm's nodes: map, table, and what of each partition is given out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from watchdog.charts.allocation import allocation_bars, allocation_text
from watchdog.charts.node_map import PICK, node_map, node_map_text
from watchdog.model.units import duration_text
from watchdog.services.slurm_nodes import SlurmNodes
from watchdog.ui import state
from watchdog.ui.filters import shared_parameters
from watchdog.ui.fleet_blocks import GPUS_PAGE
from watchdog.ui.slurm_words import node_text
from watchdog.ui.theme import palette

MOST_ROWS = 300
_LONGEST_TEXT = 200
_GIB = 2.0**30


def node_map_block(nodes: pd.DataFrame) -> None:
    """A cell a node, by partition; a click opens the node's GPUs."""
    ordered = nodes.sort_values(["partitions", "node"], kind="stable")
    given = [
        _given(*row) for row in ordered[["gpus", "gpus_allocated", "cpus", "cpus_allocated"]].itertuples(index=False)
    ]
    cells = pd.DataFrame(
        {
            "node": ordered["node"],
            "condition": ordered["condition"],
            "share_ratio": _share(ordered),
            "given": given,
            "partitions": ordered["partitions"],
            "reason": ordered["reason"],
        }
    )
    event = st.altair_chart(
        node_map(cells, palette()), key="slurm.node_map", on_select="rerun", selection_mode=[PICK], theme=None,
        alt=node_map_text(cells),
    )  # fmt: skip
    picked = event.get("selection", {}).get(PICK, []) if event else []
    if picked:
        _open_node(str(picked[0].get("node", "")))


def _open_node(node: str) -> None:
    st.switch_page(GPUS_PAGE, query_params={**shared_parameters(), "node": node})


def _share(nodes: pd.DataFrame) -> pd.Series:
    """Of its GPUs given out, of its CPUs where it has none; null where Slurm does not say."""
    gpus, cpus = nodes["gpus"].astype("Float64"), nodes["cpus"].astype("Float64")
    by_gpu = nodes["gpus_allocated"].astype("Float64") / gpus.where(gpus > 0)
    by_cpu = nodes["cpus_allocated"].astype("Float64") / cpus.where(cpus > 0)
    share: pd.Series = by_gpu.where((gpus > 0).fillna(value=False), by_cpu).astype("float64")
    return share


def _given(gpus: Any, gpus_allocated: Any, cpus: Any, cpus_allocated: Any) -> str:  # noqa: ANN401 (cells of a frame)
    what, given, whole = (
        ("GPUs", gpus_allocated, gpus) if not pd.isna(gpus) and gpus else ("CPUs", cpus_allocated, cpus)
    )
    if pd.isna(given) or pd.isna(whole):
        return "not known"
    return f"{given} of {whole} {what}"


def node_table(answer: SlurmNodes) -> None:
    """Every node, those that take no work first; a row opens its GPUs."""
    nodes, at = answer.nodes, answer.at
    shown = nodes.head(MOST_ROWS)
    before = st.session_state.get(state.NODE_ORDER, [])
    st.session_state[state.NODE_ORDER] = list(shown["node"])
    event = st.dataframe(
        _table(shown, at), hide_index=True, key=state.NODE_TABLE, on_select="rerun", selection_mode="single-row",
        column_config=_COLUMNS, height=360 if len(shown) > 9 else "auto", placeholder="n/a",
        alt=f"Table of {len(shown)} nodes, those that take no work first",
    )  # fmt: skip
    if len(shown) < len(nodes):
        rest = len(nodes) - len(shown)
        st.caption(
            f"The first {len(shown):,} of {len(nodes):,} nodes; {rest:,} that take work are not listed: see the map."
        )
    rows = event.get("selection", {}).get("rows", [])
    if rows and rows[0] < len(before):
        _open_node(str(before[rows[0]]))


def _table(nodes: pd.DataFrame, at: datetime) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "state": [node_text(value) for value in nodes["condition"]],
            "node": nodes["node"].astype("string"),
            "reason": nodes["reason"].astype("string").str.slice(0, _LONGEST_TEXT),
            "since": [_age(value, at) for value in nodes["out_since"]],
            "by": nodes["reason_by"].astype("string").str.slice(0, _LONGEST_TEXT),
            "times": nodes["times_out_30d"],
            "share": _share(nodes) * 100,
            "gpus": nodes["gpus"],
            "cpus": nodes["cpus_allocated"],
            "memory": nodes["memory_allocated_bytes"] / _GIB,
            "partitions": nodes["partitions"].astype("string").str.slice(0, _LONGEST_TEXT),
        }
    )


def _age(since: pd.Timestamp, at: datetime) -> str:
    return "" if pd.isna(since) else duration_text(max(timedelta(), at - since.to_pydatetime()))


_COLUMNS = {
    "state": st.column_config.TextColumn("state", width=120),
    "node": st.column_config.TextColumn("node", width="small"),
    "reason": st.column_config.TextColumn(
        "reason", width=240, help="Slurm's reason, as somebody or a script wrote it."
    ),
    "since": st.column_config.TextColumn("for", width=90, help="How long it has been out of service."),
    "by": st.column_config.TextColumn("by", width="small", help="Who set it so."),
    "times": st.column_config.NumberColumn(
        "times in 30 d", width=90, help="How often it went out of service in 30 days."
    ),
    "share": st.column_config.ProgressColumn("given out", format="%.0f %%", min_value=0, max_value=100, width=120),
    "gpus": st.column_config.NumberColumn("GPUs", width=60),
    "cpus": st.column_config.NumberColumn("CPUs given out", width=110),
    "memory": st.column_config.NumberColumn("memory given out, GiB", format="%.0f"),
    "partitions": st.column_config.TextColumn("partitions", width="small"),
}


def shares_block(shares: pd.DataFrame) -> None:
    """GPUs, CPUs and memory of each partition, side by side; they stack on a narrow screen."""
    resources = list(shares["resource"].drop_duplicates())
    with st.grid("auto", min_column_width=300):
        for resource in resources:
            part = shares[shares["resource"] == resource]
            with st.container():
                st.markdown(f"**{resource}**")
                st.altair_chart(allocation_bars(part, palette()), theme=None, alt=allocation_text(part, resource))
