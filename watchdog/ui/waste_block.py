"""Who held GPUs and did not use them, by user, account or partition."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from watchdog.analysis.efficiency import UNUSED_BELOW
from watchdog.model.units import duration_text, instant_text, number_text, percent, usd
from watchdog.services.job_waste import HeldWaste, Total, total
from watchdog.ui import state
from watchdog.ui.cards import empty_state, incomplete_note
from watchdog.ui.data import WASTE_GROUPS, runtime

MOST_ROWS = 50
_LONGEST_TEXT = 200


def waste_block(answer: HeldWaste) -> None:
    """What was held and not used in a line, then by whom, worst first."""
    table = answer.tables[WASTE_GROUPS[0]]
    if not len(table):
        empty_state(
            f"No job held a GPU in {_span(answer)}.",
            "Who held GPUs without using them would stand here, with the hours and what they cost.",
        )
        return
    by = st.segmented_control("By", WASTE_GROUPS, key=state.WASTE_BY, default=WASTE_GROUPS[0], required=True)
    table = answer.tables[str(by)]
    st.markdown(waste_line(total(table), answer))
    st.dataframe(
        _table(table.head(MOST_ROWS), str(by)), hide_index=True, placeholder="unknown", column_config=_columns(table),
        height=360 if len(table) > 9 else "auto", alt=f"GPU-hours held and not used by {len(table)} {by}s, worst first",
    )  # fmt: skip
    st.caption(_small_print(answer, len(table)))
    incomplete_note(answer.incomplete)


def waste_line(sums: Total, answer: HeldWaste) -> str:
    """Markdown: hours held, not used, and not known."""
    held = f"Jobs held {_hours(sums.held_hours)} GPU-hours in {_span(answer)}."
    known = sums.held_hours - sums.unknown_hours
    unknown = f" Of {_hours(sums.unknown_hours)} it is not known whether they were used." if sums.unknown_hours else ""
    if known <= 0:
        return f":gray[:material/help: **{held}**]{unknown}"
    cost = f" ({usd(sums.idle_usd)})" if sums.idle_usd else ""
    share = percent(sums.idle_hours / known)
    idle = f"{_hours(sums.idle_hours)}{cost} did nothing, {share} of those that are known"
    parts = (
        f"{_hours(sums.never_used_hours)} on GPUs never used, {_hours(sums.after_hours)} on GPUs between or after work"
    )
    return f"**{held}** {idle}: {parts}.{unknown}"


def _span(answer: HeldWaste) -> str:
    window = answer.window
    return f"{duration_text(window.length)} to {instant_text(window.until)}"


def _hours(hours: float) -> str:
    return number_text(hours, 1 if hours < 100 else 0)


def _small_print(answer: HeldWaste, count: int) -> str:
    words = [
        f"Read in buckets of {duration_text(answer.step)}; under {percent(UNUSED_BELOW)} in one is no use, and shorter pauses",
        "are not seen. A row of which more than 30 % has no reading is unknown, never idle.",
    ]
    if not runtime().config.gpu_rates:
        words.append("With WATCHDOG_GPU_HOUR_USD its cost would be shown.")
    if count > MOST_ROWS:
        words.append(f"The first {MOST_ROWS} of {count:,} rows.")
    return " ".join(words)


def _table(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    known, names = rows["held_hours"] - rows["unknown_hours"], rows[by].astype("string").str.slice(0, _LONGEST_TEXT)
    columns = {
        by: names.where(names != ""),
        "idle": rows["idle_hours"],
        "share": rows["idle_hours"] / known.where(known > 0) * 100,
        "never": rows["never_used_hours"],
        "after": rows["after_hours"],
        "unknown": rows["unknown_hours"],
        "held": rows["held_hours"],
        "busy": rows["mean_busy_ratio"] * 100,
    }
    cost = {"cost": rows["idle_usd"]} if runtime().config.gpu_rates else {}
    return pd.DataFrame(columns | cost)


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    most = table["idle_hours"].max()
    number = st.column_config.NumberColumn
    return {
        "idle": st.column_config.ProgressColumn(
            "not used, GPU-hours", format="%.1f", min_value=0.0, max_value=float(most) if most > 0 else 1.0, width=170
        ),
        "share": number("of the known, %", format="%.0f", help="Of the GPU-hours with readings."),
        "never": number("never used", format="%.1f", help="GPU-hours of GPUs on which nothing ran in the window."),
        "after": number("between or after work", format="%.1f", help="Idle GPU-hours of GPUs that also worked."),
        "unknown": number("unknown", format="%.1f", help="GPU-hours without a reading."),
        "held": number("held", format="%.1f", help="GPU-hours that Slurm had given out."),
        "busy": number("mean utilization, %", format="%.0f"),
        "cost": number("cost of not used", format="$%.2f", help="At the configured rates; unknown without one."),
    }
