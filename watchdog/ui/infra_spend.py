"""What pods have cost: by day, pod, user and job, and what nobody used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from watchdog.base.clock import floor_to
from watchdog.charts.spend import spend_bars
from watchdog.model.pods import FREE, HELD, UNKNOWN
from watchdog.model.units import percent
from watchdog.services.pod_costs import Spend
from watchdog.ui import state
from watchdog.ui.cards import empty_state, tiles
from watchdog.ui.data import pod_month, pod_spend, runtime
from watchdog.ui.infra_words import money
from watchdog.ui.theme import palette

_SPANS = {"24 hours": 1, "7 days": 7, "30 days": 30, "90 days": 90}
_GROUPS = {"pod": ["name", "pod_id"], "user": ["user", "use"], "job": ["job_id", "user", "use"], "day": ["day"]}
_NOBODY = {FREE: "nobody", UNKNOWN: "not known"}
_MOST_ROWS = 100


def spend_block() -> None:
    """The money of a span in a line, a chart and a table."""
    now = floor_to(runtime().clock.now(), timedelta(minutes=1))
    span = st.segmented_control("Span", list(_SPANS), key=state.INFRA_SPAN, default="7 days", required=True)
    spent = pod_spend(now - timedelta(days=_SPANS[str(span)]), now)
    if not len(spent.charges):
        empty_state(f"Nothing was rented in the last {span}.", "What pods cost would stand here by day, user and job.")
        return
    _tiles(spent)
    by = str(st.segmented_control("By", list(_GROUPS), key=state.INFRA_BY, default="pod", required=True))
    st.altair_chart(spend_bars(_daily(spent, by), palette()), width="stretch")
    _table(spent, by)
    st.caption(
        "By our own clock from renting to returning, at the price that each pod states; disks are not in it, and "
        "RunPod's bill is what counts. A job costs its share of a pod's GPUs while it held them."
    )


def _tiles(spent: Spend) -> None:
    total, free, unknown = spent.total_usd, spent.of(FREE), spent.of(UNKNOWN)
    month = pod_month(spent.window.until)
    share = f"{percent(free / total)} of it" if total > 0 else ""
    # Where nothing is known of jobs, a zero would say that all was idle, or nothing.
    known = total > unknown or not unknown
    until = money(month.until_deadline) if month.until_deadline is not None else money(month.going_on)
    tiles(
        (
            ("Spent", money(total), "All pods in the span."),
            ("Held by jobs", money(spent.of(HELD) if known else None), "The GPUs that Slurm had given out."),
            ("Idle money", money(free if known else None), f"GPUs that no job held; {share}."),
            ("Not known", money(unknown), "Of that time it is not known which jobs ran."),
            ("This month", until, f"So far {money(month.so_far)}; with what runs until its deadline."),
            ("If kept on", money(month.going_on), "This month, if all goes on to its end."),
        )
    )


def _part(charges: pd.DataFrame, by: str) -> pd.Series:
    """What each piece counts to in the chart."""
    if by == "day":
        return charges["use"].map({HELD: "held by jobs", FREE: "idle", UNKNOWN: "unknown"}).astype("string")
    column = {"pod": "name", "user": "user", "job": "job_id"}[by]
    nobody = charges["use"].map(_NOBODY).astype("string")
    return charges[column] if by == "pod" else charges[column].where(charges["use"] == HELD, nobody)


def _daily(spent: Spend, by: str) -> pd.DataFrame:
    """day, part, usd."""
    charges = spent.charges
    frame = pd.DataFrame({"day": charges["since"].dt.floor("D"), "part": _part(charges, by), "usd": charges["usd"]})
    return frame.groupby(["day", "part"], sort=True)["usd"].sum().reset_index()


def _table(spent: Spend, by: str) -> None:
    sums = spent.by(_GROUPS[by])
    if by in ("user", "job"):
        nobody = sums["use"].map(_NOBODY).astype("string")
        for column in {"user": ["user"], "job": ["job_id", "user"]}[by]:
            sums[column] = sums[column].where(sums["use"] == HELD, nobody)
    if by == "day":
        sums = sums.sort_values("day", ascending=False).assign(day=sums["day"].dt.strftime("%Y-%m-%d"))
    shown = sums.drop(columns=["use"], errors="ignore")
    most = float(sums["usd"].max())
    columns: dict[str, Any] = {
        "usd": st.column_config.ProgressColumn("USD", format="$%.2f", min_value=0.0, max_value=max(most, 0.01), width=140),
        "gpu_hours": st.column_config.NumberColumn("GPU-hours", format="%.1f"),
        "name": st.column_config.TextColumn("pod"),
        "pod_id": st.column_config.TextColumn("id"),
        "job_id": st.column_config.TextColumn("job"),
    }  # fmt: skip
    st.dataframe(
        shown.head(_MOST_ROWS), hide_index=True, column_config=columns, height=320 if len(shown) > 8 else "auto",
        alt=f"What pods cost by {by}, {len(shown)} rows, the dearest first",
    )  # fmt: skip
