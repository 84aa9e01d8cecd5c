"""Alerts that an existing Alertmanager has beside ours, to read."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from watchdog.base.clock import floor_to
from watchdog.model.units import duration_text
from watchdog.ui.data import foreign_alerts, runtime

_MOST = 200


def foreign_block() -> None:
    """A table, the newest first; read-only."""
    now = runtime().clock.now()
    found = foreign_alerts(floor_to(now, timedelta(seconds=30)))
    if found is None or found.empty:
        st.caption("It has no alert but ours.")
        return
    shown = _table(found.head(_MOST), now)
    st.dataframe(
        shown, hide_index=True, height="auto" if len(shown) < 9 else 320, column_config=_COLUMNS,
        alt=f"Table of {len(shown)} alerts of the Alertmanager, the newest first",
    )  # fmt: skip
    if len(found) > len(shown):
        st.caption(f"The newest {len(shown):,} of {len(found):,}.")
    st.caption("Read-only: they are acknowledged and silenced where they come from.")


def _table(alerts: pd.DataFrame, now: datetime) -> pd.DataFrame:
    what = alerts["summary"].where(alerts["summary"] != "", alerts["description"])
    return pd.DataFrame(
        {
            "severity": alerts["severity"],
            "alert": alerts["alertname"],
            "where": alerts["node"],
            "for": ["" if pd.isna(at) else duration_text(now - at.to_pydatetime()) for at in alerts["started_at"]],
            "state": alerts["state"],
            "what": what.str.split().str.join(" "),
        }
    )


_COLUMNS = {
    "severity": st.column_config.TextColumn("severity", width=80),
    "alert": st.column_config.TextColumn("alert", width=200),
    "where": st.column_config.TextColumn("where", width=140),
    "for": st.column_config.TextColumn("for", width=90),
    "state": st.column_config.TextColumn("state", width=90, help="Suppressed: silenced or inhibited there."),
    "what": st.column_config.TextColumn("what", width=380),
}
