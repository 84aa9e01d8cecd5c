"""GPUs: what does the cluster, a node or a single GPU do, and what did it do before?"""

import streamlit as st

from watchdog.model.telemetry import Where
from watchdog.ui import gpu_blocks as blocks
from watchdog.ui import state
from watchdog.ui.cards import section
from watchdog.ui.data import gpu_detail, part_of_fleet
from watchdog.ui.filters import current_view
from watchdog.ui.fleet_blocks import grid_block, verdict
from watchdog.ui.gpu_page import choose_place, names_of, scope
from watchdog.ui.history_blocks import gpu_charts, heat_block, history_block, history_caption
from watchdog.ui.live import live

st.title("GPUs", anchor=False)
place = choose_place()

if place == "gpu":

    @live
    def gpu() -> None:
        """One GPU now."""
        view = current_view()
        with section("", question="What does this GPU do, and is it well?"):
            blocks.gpu_verdict(part_of_fleet(view.at, scope(view)), view)

    @live
    def gpu_past() -> None:
        """One GPU over the window."""
        view = current_view()
        with section("History", question="How did it get there?"):
            cell = part_of_fleet(view.at, scope(view)).cells.iloc[0]
            blocks.export_buttons(gpu_charts(view, cell, scope(view)), "gpu-history")

    @live
    def gpu_words() -> None:
        """Everything it says."""
        view = current_view()
        with section("All readings", question="Clocks, errors, links, throttle reasons: all that is exported."):
            blocks.detail_block(gpu_detail(view.address.gpu, view.at))


if place in {"cluster", "node"}:

    @live
    def grid() -> None:
        """All GPUs of the scope now."""
        view = current_view()
        with section("", question="Which GPUs are busy, idle or in trouble? Click one to open it."):
            answer = part_of_fleet(view.at, scope(view))
            verdict(answer, view)
            grid_block(answer, f"gpus.grid.{view.address.node}")

    @live
    def past() -> None:
        """One quantity over the window."""
        view = current_view()
        with section("History", question="How did a quantity go over the window?"):
            metric = blocks.metric_picker(state.METRIC)
            answer = history_block(metric, view, scope(view), names_of(view))
            history_caption(answer)
            blocks.export_buttons(answer.table, "history")

    @live
    def heat() -> None:
        """Temperatures over the window."""
        view = current_view()
        with section("Temperature", question="Where and when was it hot?"):
            heat_block("gpu_temperature_celsius", view, scope(view), names_of(view), 90.0)

    with section("All GPUs", question="The numbers, worst first. A row opens its GPU."):
        view = current_view()
        blocks.gpu_table(part_of_fleet(view.at, scope(view)))
        blocks.export_buttons(part_of_fleet(view.at, scope(view)).cells, "gpus")

    with section("Compare", question="Up to six GPUs side by side."):
        picked, compared = blocks.compare_picker(part_of_fleet(view.at, scope(view)))
        if picked:
            history_block(compared, view, Where(gpus=tuple(gpu for gpu, _ in picked)), picked)
