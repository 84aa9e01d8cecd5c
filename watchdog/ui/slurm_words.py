"""States of jobs and nodes in words, each with its own shape and colour; never colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from watchdog.model.slurm.records import JobState


@dataclass(frozen=True)
class Look:
    """How a state is shown: its word, Streamlit's colour, an icon of the bundled font, a shape for tables."""

    word: str
    colour: str
    icon: str
    shape: str


JOB_LOOKS = {
    JobState.PENDING: Look("pending", "orange", "hourglass_empty", "◷"),
    JobState.REQUEUED: Look("requeued", "orange", "replay", "↻"),
    JobState.CONFIGURING: Look("configuring", "blue", "settings", "…"),
    JobState.RUNNING: Look("running", "blue", "play_arrow", "▶"),
    JobState.SUSPENDED: Look("suspended", "orange", "pause", "‖"),
    JobState.COMPLETING: Look("completing", "blue", "logout", "◐"),
    JobState.COMPLETED: Look("completed", "green", "check_circle", "✓"),
    JobState.CANCELLED: Look("cancelled", "gray", "block", "⊘"),
    JobState.FAILED: Look("failed", "red", "close", "✕"),
    JobState.TIMEOUT: Look("time limit reached", "orange", "timer_off", "◆"),
    JobState.DEADLINE: Look("deadline missed", "orange", "event_busy", "◆"),
    JobState.PREEMPTED: Look("preempted", "orange", "low_priority", "▽"),
    JobState.OUT_OF_MEMORY: Look("out of memory", "red", "memory_alt", "✕"),
    JobState.NODE_FAIL: Look("node failed", "red", "warning", "▲"),
    JobState.BOOT_FAIL: Look("boot failed", "red", "warning", "▲"),
    JobState.UNKNOWN: Look("unknown end", "gray", "help", "?"),
}
NODE_LOOKS = {
    "idle": Look("idle", "gray", "bedtime", "□"),
    "in use": Look("in use", "blue", "play_arrow", "▶"),
    "draining": Look("draining", "orange", "radio_button_unchecked", "○"),
    "drained": Look("drained", "orange", "pause", "‖"),
    "reserved": Look("reserved", "gray", "lock", "⊡"),
    "maintenance": Look("maintenance", "gray", "build", "■"),
    "powered down": Look("powered down", "gray", "power_settings_new", "◇"),
    "not responding": Look("not responding", "red", "warning", "▲"),
    "down": Look("down", "red", "close", "✕"),
    "unknown": Look("unknown", "gray", "help", "?"),
}


def job_badge(state: str) -> str:
    """Markdown: icon and word in the state's colour."""
    return _badge(JOB_LOOKS[JobState(state)])


def job_text(state: str) -> str:
    """Plain text: shape and word, for tables."""
    return _text(JOB_LOOKS[JobState(state)])


def node_badge(condition: str) -> str:
    """Markdown: icon and word in the condition's colour."""
    return _badge(NODE_LOOKS[condition])


def node_text(condition: str) -> str:
    """Plain text: shape and word, for tables."""
    return _text(NODE_LOOKS[condition])


def _badge(look: Look) -> str:
    return f":{look.colour}[:material/{look.icon}: **{look.word}**]"


def _text(look: Look) -> str:
    return f"{look.shape} {look.word}"


def capitalized(sentence: str) -> str:
    """With a capital first letter; the rest stays as it is."""
    return sentence[:1].upper() + sentence[1:]
