"""Blocks of the GPUs page: where one is, what is there, and side by side."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from watchdog.analysis.attention import SEVERITY
from watchdog.model.health import GpuState
from watchdog.model.metrics import CATALOGUE, Kind, Unit
from watchdog.model.units import instant_text, percent, unit_text
from watchdog.services.export import as_csv, as_parquet
from watchdog.services.fleet import Fleet
from watchdog.services.gpu_detail import GpuDetail
from watchdog.ui import state
from watchdog.ui.address import View
from watchdog.ui.cards import empty_state, freshness, incomplete_note, tiles
from watchdog.ui.chat_links import ask_why_gpu
from watchdog.ui.escape import escape
from watchdog.ui.filters import set_parameters
from watchdog.ui.words import ADVICE, state_badge, state_text

ALL = "all"
MOST_COMPARED = 6
_MOST_ROWS = 300
_MOST_PICKABLE = 2_000


def gpu_names(cells: pd.DataFrame) -> dict[str, str]:
    """gpu_uuid to "node001 GPU 3"; the end of the uuid where the index is not known."""
    names = {}
    for node, uuid, place in cells[["node", "gpu_uuid", "gpu_index"]].itertuples(index=False, name=None):
        names[str(uuid)] = f"{node} GPU {str(uuid)[-8:] if pd.isna(place) else int(place)}"
    return names


def place_picker(nodes: list[str], cells: pd.DataFrame, view: View) -> None:
    """Node, then GPU: select boxes that mirror the URL."""
    address = view.address
    names = gpu_names(cells) if address.node else {}
    st.session_state[state.NODE] = address.node if address.node in nodes else ALL
    st.session_state[state.GPU] = address.gpu if address.gpu in names else ALL
    with st.container(horizontal=True):
        st.selectbox("Node", [ALL, *nodes], key=state.NODE, on_change=_node_changed, width=240)
        st.selectbox(
            "GPU", [ALL, *names], key=state.GPU, on_change=_gpu_changed, width=240,
            format_func=lambda uuid: names.get(uuid, uuid), disabled=not names,
        )  # fmt: skip


def _node_changed() -> None:
    chosen = st.session_state[state.NODE]
    set_parameters(node="" if chosen == ALL else chosen, gpu="")


def _gpu_changed() -> None:
    chosen = st.session_state[state.GPU]
    set_parameters(gpu="" if chosen == ALL else chosen)


def unknown_place(view: View, what: str) -> None:
    """The URL names a node or GPU that was never seen."""
    empty_state(
        f"{what} is not among the GPUs seen in the seven days before {instant_text(view.at)}.",
        "Pick another one above, or another instant on the left.",
    )


def gpu_table(answer: Fleet) -> None:
    """Every GPU of the scope, worst first; a row opens its page."""
    cells = answer.cells.assign(rank=answer.cells["state"].map(SEVERITY))
    ordered = cells.sort_values(["rank", "node", "gpu_index"], kind="stable").head(_MOST_ROWS)
    # The picked row counts in the table that was on screen, which a refresh may have sorted anew.
    shown = st.session_state.get(state.TABLE_ORDER, [])
    st.session_state[state.TABLE_ORDER] = list(zip(ordered["node"], ordered["gpu_uuid"], strict=True))
    event = st.dataframe(
        _table(ordered), hide_index=True, key=state.TABLE, on_select="rerun", selection_mode="single-row",
        column_config=_COLUMNS, height="auto", placeholder="n/a", alt=f"Table of {len(ordered)} GPUs, worst first",
    )  # fmt: skip
    if len(cells) > len(ordered):
        st.caption(f"The worst {len(ordered)} of {len(cells):,} GPUs; pick a node to see all of its own.")
    rows = event.get("selection", {}).get("rows", [])
    if rows and rows[0] < len(shown):
        set_parameters(node=str(shown[rows[0]][0]), gpu=str(shown[rows[0]][1]))
        st.rerun(scope="app")


def _table(cells: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "state": [state_text(value) for value in cells["state"]],
            "why": cells["reason"].astype("string"),
            "node": cells["node"].astype("string"),
            "gpu": cells["gpu_index"],
            "busy": cells["busy_ratio"] * 100,
            "memory": cells["memory_ratio"] * 100,
            "celsius": cells["gpu_temperature_celsius"],
            "watts": cells["power_watts"],
            "megahertz": cells["sm_clock_hertz"] / 1e6,
            "model": cells["gpu_model"].astype("string"),
        }
    )


_COLUMNS = {
    "state": st.column_config.TextColumn("state", width=110),
    "why": st.column_config.TextColumn("why", width=260),
    "node": st.column_config.TextColumn("node", width="small"),
    "gpu": st.column_config.NumberColumn("GPU", width=55),
    "busy": st.column_config.ProgressColumn("utilization", format="%.0f %%", min_value=0, max_value=100, width=130),
    "memory": st.column_config.ProgressColumn("memory held", format="%.0f %%", min_value=0, max_value=100, width=130),
    "celsius": st.column_config.NumberColumn("temperature, °C", format="%.0f"),
    "watts": st.column_config.NumberColumn("power, W", format="%.0f"),
    "megahertz": st.column_config.NumberColumn("SM clock, MHz", format="%.0f"),
    "model": st.column_config.TextColumn("model"),
}


def gpu_verdict(answer: Fleet, view: View) -> None:
    """One GPU: its state in words, what to do, and its main numbers."""
    cell = answer.cells.iloc[0]
    current = GpuState(cell["state"])
    why = f": {escape(cell['reason'])}." if cell["reason"] else "."
    advice = f" :gray[{ADVICE[current]}]" if current in ADVICE else ""
    st.markdown(f"{state_badge(current)}{why}{advice}")
    limit = f"Limit {unit_text(cell['power_limit_watts'], Unit.WATTS)}."
    slowdown = f"Slows down at {unit_text(cell['slowdown_temperature_celsius'], Unit.CELSIUS)}."
    total = f"Of {unit_text(cell['memory_total_bytes'], Unit.BYTES)}."
    tiles(
        (
            ("Utilization", percent(cell["busy_ratio"]), CATALOGUE["gpu_util_ratio"].definition),
            ("Memory used", unit_text(cell["memory_used_bytes"], Unit.BYTES), total),
            ("Temperature", unit_text(cell["gpu_temperature_celsius"], Unit.CELSIUS), slowdown),
            ("Power", unit_text(cell["power_watts"], Unit.WATTS), limit),
            ("SM clock", unit_text(cell["sm_clock_hertz"], Unit.HERTZ), CATALOGUE["sm_clock_hertz"].definition),
        )
    )
    freshness(answer.newest_sample_at, answer.at, live=view.address.is_live)
    incomplete_note(answer.incomplete)
    ask_why_gpu(view)


def detail_block(detail: GpuDetail) -> None:
    """Everything the GPU says, in the catalogue's order; throttle reasons in words."""
    if detail.throttles:
        for reason in detail.throttles:
            st.markdown(f":orange[:material/local_fire_department:] {escape(reason, 200)}")
    else:
        st.caption("Clocks are not lowered, or no exporter says why.")
    st.dataframe(
        detail.table, hide_index=True, height=420 if len(detail.table) > 11 else "auto",
        column_config={"definition": st.column_config.TextColumn("what it means", width="large")},
        alt=f"{len(detail.table)} readings of this GPU",
    )  # fmt: skip
    if detail.not_exported:
        st.caption(f"Not exported here: {escape(', '.join(detail.not_exported), 600)}.")
    incomplete_note(detail.incomplete)


def chart_metrics() -> list[str]:
    """Metrics worth a chart: what moves."""
    return [key for key, metric in CATALOGUE.items() if metric.kind is not Kind.STATE]


def compare_picker(answer: Fleet) -> tuple[tuple[tuple[str, str], ...], str]:
    """GPUs to lay side by side, at most six, each with its name; and the metric."""
    if len(answer.cells) > _MOST_PICKABLE:
        st.caption("Pick a node first: there are too many GPUs to choose from here.")
        return (), ""
    names = gpu_names(answer.cells)
    # A GPU picked on another node's view is no option here, and Streamlit refuses a value that is none.
    chosen = [gpu for gpu in st.session_state.get(state.COMPARE, []) if gpu in names]
    st.session_state[state.COMPARE] = chosen
    with st.container(horizontal=True):
        picked = st.multiselect(
            "GPUs to compare", list(names), key=state.COMPARE, format_func=names.__getitem__,
            max_selections=MOST_COMPARED, placeholder="up to six",
        )  # fmt: skip
        metric = metric_picker(state.COMPARE_METRIC)
    return tuple((gpu, names[gpu]) for gpu in picked), metric


def metric_picker(key: str) -> str:
    """Which quantity to draw."""
    return st.selectbox(
        "Metric", chart_metrics(), key=key, format_func=lambda metric: CATALOGUE[metric].label, width=260
    )


def export_buttons(frame: pd.DataFrame, name: str) -> None:
    """What is shown, as CSV and Parquet; made only when asked for."""
    with st.container(horizontal=True):
        st.download_button(
            "CSV", lambda: as_csv(frame), f"{name}.csv", "text/csv", key=f"{name}.csv", on_click="ignore",
            icon=":material/download:", help="What is shown, UTC, base units.",
        )  # fmt: skip
        st.download_button(
            "Parquet", lambda: as_parquet(frame), f"{name}.parquet", "application/vnd.apache.parquet",
            key=f"{name}.parquet", on_click="ignore", icon=":material/download:", help="The same with its types.",
        )  # fmt: skip
