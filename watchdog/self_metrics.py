"""What the watchdog says of itself at `/metrics`, in Prometheus' text format."""

from __future__ import annotations

import resource
from datetime import datetime
from pathlib import Path

from watchdog import __version__
from watchdog.base.errors import StoreError
from watchdog.model.exposition import family_text, labels_text
from watchdog.model.findings import Severity
from watchdog.runtime import Runtime


def self_metrics(runtime: Runtime) -> str:
    """The whole page; families without a value are absent."""
    state = runtime.collector_state()
    rows = [
        ("watchdog_build_info", "gauge", "Version of the app.", {"version": __version__, "source": runtime.kind}, 1),
        ("watchdog_collector_alive", "gauge", "Whether the collector's loop runs.", {}, state.alive),
        ("watchdog_collector_ticks_total", "counter", "Reads of the source so far.", {}, state.ticks),
        ("watchdog_collector_tick_duration_seconds", "gauge", "Of the last tick.", {}, state.last_tick_seconds),
        ("watchdog_collector_last_tick_timestamp_seconds", "gauge", "Start.", {}, _seconds(state.last_tick_at)),
        ("watchdog_rollup_until_timestamp_seconds", "gauge", "Rolled up to.", {}, _seconds(state.rolled_until)),
        ("watchdog_unsaved_samples", "gauge", "Read but not yet written.", {}, state.unsaved_samples),
        ("watchdog_lost_samples_total", "counter", "Given up, for want of disk and memory.", {}, state.lost_samples),
        ("watchdog_store_ok", "gauge", "Whether the store takes writes.", {}, runtime.store_error() is None),
        ("process_resident_memory_bytes", "gauge", "Resident memory.", {}, _resident_memory()),
    ]
    text = "".join(
        family_text(name, kind, about, [(labels_text(labels), float(value))])
        for name, kind, about, labels, value in rows
        if value is not None
    )
    return text + _alerts(runtime) + _notifications(runtime) + _sources(runtime)


def _alerts(runtime: Runtime) -> str:
    board = runtime.engine.board()
    severities = [alert.severity for each in board.incidents for alert in each.alerts]
    firing = [(labels_text({"severity": each}), float(severities.count(each))) for each in Severity]
    until = [("", at)] if (at := _seconds(board.evaluated_at)) is not None else []
    return family_text("watchdog_alerts_firing", "gauge", "Alerts that fire, or fired when seen last.", firing) + (
        family_text("watchdog_alert_evaluated_timestamp_seconds", "gauge", "Alerts are judged up to.", until)
    )


def _notifications(runtime: Runtime) -> str:
    counts = [
        (labels_text({"channel": name, "outcome": outcome}), float(count))
        for name, state in runtime.notifier.states().items()
        for outcome, count in (("delivered", state.delivered), ("failed", state.failed), ("given_up", state.gave_up))
    ]
    about = "Messages that arrived or were given up, and attempts that failed."
    text = family_text("watchdog_notifications_total", "counter", about, counts)
    beat = runtime.heartbeat and _seconds(runtime.heartbeat.state.sent_at)
    sent = [("", beat)] if beat else []
    return text + family_text("watchdog_heartbeat_timestamp_seconds", "gauge", "The last heartbeat that arrived.", sent)


def _sources(runtime: Runtime) -> str:
    try:
        statuses = runtime.statuses()
    except StoreError:
        return ""
    up = [(labels_text({"source": s.name}), float(not s.error)) for s in statuses]
    seconds = [
        (labels_text({"source": s.name}), s.duration_seconds) for s in statuses if s.duration_seconds is not None
    ]
    return family_text("watchdog_source_up", "gauge", "Whether the last read succeeded.", up) + family_text(
        "watchdog_source_duration_seconds", "gauge", "Time the last read took.", seconds
    )


def _seconds(instant: datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()


def _resident_memory() -> int | None:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() if statm.exists() else None
