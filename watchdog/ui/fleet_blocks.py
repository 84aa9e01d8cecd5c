"""Blocks about all GPUs at once."""

from __future__ import annotations

import streamlit as st

from watchdog.analysis.attention import Attention
from watchdog.charts.grid import PICK, gpu_grid, grid_text
from watchdog.model.metrics import Unit
from watchdog.model.units import duration_text, number_text, percent, power_text, unit_text, usd
from watchdog.services.fleet import Fleet
from watchdog.services.waste import IdleHours
from watchdog.ui.address import View
from watchdog.ui.cards import empty_state, freshness, incomplete_note, tiles
from watchdog.ui.data import held, runtime
from watchdog.ui.escape import escape
from watchdog.ui.filters import current_address, set_parameters, shared_parameters
from watchdog.ui.theme import palette
from watchdog.ui.words import ADVICE, place_text, since_text, state_badge

GPUS_PAGE = "pages/gpus.py"


def verdict(answer: Fleet, view: View, headline: str = "") -> None:
    """One line: is anything wrong, and is everybody there? Then the numbers behind it.

    Args:
        answer: the fleet.
        view: of the page.
        headline: the line, as markdown, where who knows more than the readings of this moment says it.
    """
    if not answer.gpus_expected:
        empty_state(
            "No GPU has been seen in the last seven days.",
            "Point WATCHDOG_PROMETHEUS_URL or WATCHDOG_TARGETS at your exporters; data health says what is read.",
        )
        return
    st.markdown(headline or _headline(answer))
    if not answer.gpus_seen and _is_starting():
        st.info(
            "The collector has just started and reads the past first; live readings follow.", icon=":material/info:"
        )
    tiles(
        (
            ("Nodes seen", f"{answer.nodes_reporting:,} of {answer.nodes_known:,}", "Nodes with a reading in 5 min."),
            ("GPUs seen", f"{answer.gpus_seen:,} of {answer.gpus_expected:,}", "Of those seen in the last 7 days."),
            ("Utilization", percent(answer.mean_busy_ratio), "Mean over the GPUs seen. Says busy, not useful."),
            ("Idle GPUs", f"{answer.gpus_idle:,}", "Under 5 % busy over 10 minutes; held idle ones included."),
            ("Hottest GPU", unit_text(answer.hottest_celsius, Unit.CELSIUS), "Core temperature."),
            ("Power", power_text(answer.power_watts), "Sum over the GPUs seen."),
        )
    )
    live = view.address.is_live
    freshness(answer.newest_sample_at, answer.at, live=live, source=runtime().source_line)
    incomplete_note(answer.incomplete)


def _is_starting() -> bool:
    collector = runtime().collector_state()
    return collector is not None and collector.ticks == 0


def _headline(answer: Fleet) -> str:
    if not answer.gpus_seen:
        return ":red[:material/close: **No GPU reports.**] Nothing can be said about any of them."
    if answer.look_count:
        groups = "1 thing needs" if answer.look_count == 1 else f"{answer.look_count} things need"
        return f":orange[:material/warning: **{groups} a look.**]"
    if answer.incomplete:
        return ":gray[:material/help: **Nothing wrong is seen, but not everything could be checked.**]"
    return (
        ":green[:material/check_circle: **Nothing needs a look.**] Every expected GPU reports and none is in trouble."
    )


def look_list(answer: Fleet, view: View) -> None:
    """At most five things, worst first, each with a way in."""
    if not answer.look:
        st.caption("Nothing: no GPU is lost, faulty, hung, throttled or held without being used.")
        return
    with st.container(gap="xxsmall"):
        for item in answer.look:
            _look_row(item, view)
    if answer.look_count > len(answer.look):
        st.caption(f"and {answer.look_count - len(answer.look)} more: see the grid")


def _look_row(item: Attention, view: View) -> None:
    gpu = item.gpus[0] if len(item.gpus) == 1 else ""
    place = {key: value for key, value in (("node", item.node), ("gpu", gpu)) if value}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(state_badge(item.state), width=105)
        st.page_link(GPUS_PAGE, label=place_text(item), query_params={**shared_parameters(), **place}, width=130)
        text = f"{escape(item.reason)}, {since_text(item, view)}. :gray[{ADVICE[item.state]}]"
        st.markdown(f":small[{text}]", width="stretch")


def grid_block(answer: Fleet, key: str) -> None:
    """The grid; a click opens the GPU's page, or the node's where a cell is a node."""
    if not len(answer.cells):
        return
    chart = gpu_grid(held(answer.cells) if current_address().is_live else answer.cells, palette())
    event = st.altair_chart(
        chart, key=key, on_select="rerun", selection_mode=[PICK], theme=None, alt=grid_text(answer.cells)
    )
    picked = event.get("selection", {}).get(PICK, []) if event else []
    if picked:
        _open(str(picked[0].get("node", "")), str(picked[0].get("gpu_uuid", "")))


def _open(node: str, gpu: str) -> None:
    place = {"node": node, **({"gpu": gpu} if gpu else {})}
    st.switch_page(GPUS_PAGE, query_params={**shared_parameters(), **place})


def idle_block(answer: IdleHours) -> None:
    """GPU-hours that did nothing, and what that means."""
    hours = answer.hours
    span = duration_text(answer.window.length)
    values = [
        ("Idle GPU-hours", number_text(hours.idle_hours, 1), f"In the last {span}: buckets under 5 % busy."),
        ("Idle share", percent(hours.idle_ratio), "Of the measured GPU-hours."),
        ("Mean utilization", percent(hours.mean_busy_ratio), "Over the measured GPU-hours."),
        ("Not measured", percent(hours.missing_ratio), "Hours without a reading: neither idle nor busy."),
    ]
    if answer.idle_usd is not None:
        price = runtime().config.gpu_hour_usd
        values.insert(2, ("Cost of idle", usd(answer.idle_usd), f"At ${price:,.2f} per GPU-hour (gpu_hour_usd)."))
    tiles(values)
    most = hours.by_node[hours.by_node["idle_hours"] > 0].head(3)
    if len(most):
        names = ", ".join(f"{escape(node, 40)} {idle:.1f} h" for node, idle in most[["node", "idle_hours"]].to_numpy())
        st.caption(f"Most idle: {names}. Counted over {span} in buckets of {duration_text(answer.step)}.")
    incomplete_note(answer.incomplete)


def clear_place() -> None:
    """Back to all GPUs."""
    set_parameters(node="", gpu="")
