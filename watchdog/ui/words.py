"""States in words, each with its own shape and colour; never colour alone."""

from __future__ import annotations

from watchdog.analysis.attention import Attention
from watchdog.model.health import GpuState, SourceState
from watchdog.model.units import duration_text, instant_text
from watchdog.ui.address import View
from watchdog.ui.escape import escape

# (Streamlit colour, icon of the bundled font, shape in plain text for tables)
_GPU = {
    GpuState.BUSY: ("blue", "play_arrow", "▶"),
    GpuState.IDLE: ("gray", "bedtime", "□"),
    GpuState.HELD_IDLE: ("orange", "radio_button_unchecked", "○"),
    GpuState.THROTTLED: ("orange", "local_fire_department", "◆"),
    GpuState.HUNG: ("red", "pause", "‖"),
    GpuState.FAULTY: ("red", "warning", "▲"),
    GpuState.LOST: ("red", "close", "✕"),
    GpuState.UNKNOWN: ("gray", "help", "?"),
}
_SOURCE = {SourceState.OK: "✓", SourceState.LATE: "△", SourceState.FAILED: "✕", SourceState.UNKNOWN: "?"}

ADVICE = {
    GpuState.HELD_IDLE: "Ask its user whether the job still needs it.",
    GpuState.THROTTLED: "Check the node's cooling and power.",
    GpuState.HUNG: "Look at the job's stacks; it likely waits in a kernel.",
    GpuState.FAULTY: "Drain the node; reset or replace the GPU.",
    GpuState.LOST: "Drain the node; look for XID 79 in its kernel log.",
    GpuState.UNKNOWN: "Check that the node and its exporter run.",
}


def state_badge(state: GpuState) -> str:
    """Markdown: icon and word in the state's colour."""
    colour, icon, _ = _GPU[state]
    return f":{colour}[:material/{icon}: **{state.value}**]"


def state_text(state: str) -> str:
    """Plain text: shape and word, for tables."""
    return f"{_GPU[GpuState(state)][2]} {state}"


def source_text(state: str) -> str:
    """Plain text: shape and word."""
    return f"{_SOURCE[SourceState(state)]} {state}"


def place_text(item: Attention) -> str:
    """Escaped: "node003 GPU 4", "node003, 8 GPUs"."""
    if item.nodes > 1:
        return f"{item.nodes:,} nodes, {len(item.gpus):,} GPUs"
    node = escape(item.node, 40)
    if len(item.gpus) == 1:
        return f"{node} GPU {item.places[0]}"
    return f"{node} GPU {', '.join(item.places)}" if len(item.gpus) <= 3 else f"{node}, {len(item.gpus)} GPUs"


def since_text(item: Attention, view: View) -> str:
    """Since when, as in "since 14:03:20 UTC (3 h 12 min)", or that it cannot be told."""
    if item.since_at is None:
        return "since when is not known"
    length = duration_text(view.at - item.since_at)
    if item.since_at_least:
        return f"for more than {length}"
    return f"since {instant_text(item.since_at, near=view.at).removesuffix(':00 UTC').removesuffix(' UTC')} ({length})"
