"""Blocks of the data health page."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from watchdog.model.units import bytes_text, duration_text, instant_text
from watchdog.ui.cards import empty_state, problem, tiles
from watchdog.ui.data import runtime, sources
from watchdog.ui.words import source_text

_COLUMNS = {
    "state": st.column_config.TextColumn("state", width=90),
    "source": st.column_config.TextColumn("source", width="medium"),
    "error": st.column_config.TextColumn("error", width="medium"),
    "what_to_do": st.column_config.TextColumn("what to do", width="medium"),
    "last_success_at": st.column_config.DatetimeColumn("last success, UTC", format="YYYY-MM-DD HH:mm:ss"),
    "age_seconds": st.column_config.NumberColumn("age, s", format="%.0f"),
    "data_age_seconds": st.column_config.NumberColumn("data age, s", format="%.0f"),
    "duration_seconds": st.column_config.NumberColumn("took, s", format="%.3f"),
    "samples": st.column_config.NumberColumn("samples"),
    "clock_skew_seconds": st.column_config.NumberColumn("clock skew, s", format="%.1f"),
}
_ORDER = (
    "state", "source", "age_seconds", "data_age_seconds", "duration_seconds", "samples", "clock_skew_seconds",
    "error", "what_to_do", "last_success_at",
)  # fmt: skip


def sources_block() -> None:
    """Each source: does it answer, and how old is what it says?"""
    table = sources(runtime().clock.now())
    if not len(table):
        empty_state("Nothing has been read yet.", "The first read happens within one interval of the start.")
        return
    st.markdown(_sources_headline(table))
    shown = table.assign(state=[source_text(value) for value in table["state"]])
    st.dataframe(
        shown, hide_index=True, column_config=_COLUMNS, column_order=_ORDER, placeholder="n/a",
        alt=f"Table of {len(table)} sources, worst first",
    )  # fmt: skip


def _sources_headline(table: pd.DataFrame) -> str:
    counts = table["state"].value_counts()
    bad = [f"{counts[state]} {state}" for state in ("failed", "late", "unknown") if state in counts]
    total = f"{len(table)} source" + ("s" if len(table) > 1 else "")
    if bad:
        return (
            f":orange[:material/warning: **Of {total}, {', '.join(bad)}.**] What they would say is unknown, not zero."
        )
    all_well = "The source answers and is fresh." if len(table) == 1 else f"All {total} answer and are fresh."
    return f":green[:material/check_circle: **{all_well}**]"


def collector_block() -> None:
    """Is the loop that reads, keeps and rolls up alive?"""
    state = runtime().collector_state()
    if state is None:
        empty_state("No collector runs in this process.", "Start the app with `python -m watchdog serve`.")
        return
    now = runtime().clock.now()
    age = duration_text(now - state.last_tick_at) if state.last_tick_at else "n/a"
    took = "n/a" if state.last_tick_seconds is None else f"{state.last_tick_seconds:.2f} s"
    behind = duration_text(now - state.rolled_until) if state.rolled_until else "n/a"
    tiles(
        (
            ("Collector", "alive" if state.alive else "stopped", "The loop that reads the sources."),
            ("Last tick", f"{age} ago" if state.last_tick_at else "n/a", "When it last began to read."),
            ("Tick took", took, "Reading, keeping and rolling up."),
            ("Rolled up until", f"{behind} ago" if state.rolled_until else "n/a", "One-minute rollups are complete."),
            ("Samples waiting", f"{state.unsaved_samples:,}", "Read, but the store refused them so far."),
            ("Samples lost", f"{state.lost_samples:,}", "Given up because the store refused for too long."),
        )
    )
    if state.error:
        problem(state.error, state.hint)


def store_block() -> None:
    """What is kept, how far back, and how much room is left."""
    stats = runtime().store_stats()
    if stats is None:
        empty_state("Nothing is kept.", "Set WATCHDOG_DATA_DIR to a folder that can be written.")
        return
    tiles(
        (
            ("File", bytes_text(stats.file_bytes), str(stats.path)),
            ("Not yet merged", bytes_text(stats.log_bytes), "The write-ahead log."),
            ("Room left", bytes_text(stats.free_bytes), "On the disk of the file."),
            ("Series", f"{stats.series:,}", "Distinct metric, GPU and part."),
        )
    )
    rows = [
        (t.name, t.rows, instant_text(t.oldest_at), instant_text(t.newest_at), instant_text(t.complete_until))
        if t.complete_until
        else (t.name, t.rows, instant_text(t.oldest_at), instant_text(t.newest_at), "")
        for t in stats.tables
    ]
    table = pd.DataFrame(rows, columns=["table", "rows", "from", "to", "complete until"])
    st.dataframe(table, hide_index=True, alt="Tables of the store with their spans")


def not_exported_block(table: pd.DataFrame) -> None:
    """Metrics we know that nobody publishes."""
    if not len(table):
        st.caption("Every metric of the catalogue is published by some source.")
        return
    st.caption(
        f"{len(table)} metrics of the catalogue are published by no source. That is a state of its own: neither 0 nor "
        "a gap. The last column names what an exporter would have to publish."
    )
    st.dataframe(
        table.rename(columns={"exported_as": "exported as"}),
        hide_index=True,
        height=300 if len(table) > 7 else "auto",
        alt=f"Table of {len(table)} metrics that are not exported",
    )


def audit_block() -> None:
    """Who changed what, newest first; what was refused stands there, too."""
    found = runtime().audit.newest(_MOST_CHANGES)
    if not found:
        empty_state(
            "Nobody has changed anything yet.", "Acknowledging, silencing, rules, tests of channels: all stand here."
        )
        return
    table = pd.DataFrame(
        {
            "at": [f"{each.at:%Y-%m-%d %H:%M:%S}" for each in found],
            "who": [each.by if each.signed_in else f"{each.by} (not signed in)" for each in found],
            "what": [each.act for each in found],
            "to": [each.subject[:_LONGEST_CHANGE] for each in found],
            "details": [each.details[:_LONGEST_CHANGE] for each in found],
        }
    )
    st.dataframe(
        table, hide_index=True, height=300 if len(table) > 7 else "auto", column_config=_CHANGE_COLUMNS,
        alt=f"Table of the {len(table)} newest changes by people",
    )  # fmt: skip
    if len(found) == _MOST_CHANGES:
        st.caption(f"The newest {_MOST_CHANGES:,}; the table `audit` of the store keeps all.")


_MOST_CHANGES, _LONGEST_CHANGE = 200, 300
_CHANGE_COLUMNS = {
    "at": st.column_config.TextColumn("at, UTC", width=150),
    "who": st.column_config.TextColumn("who", width=180),
    "what": st.column_config.TextColumn("what", width=150),
    "to": st.column_config.TextColumn("to", width=300),
}
