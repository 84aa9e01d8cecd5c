"""Who did what: the driver's own journal, which is only ever appended."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from infra.trail import steps
from watchdog.base.errors import InfraError
from watchdog.ui.cards import empty_state, problem
from watchdog.ui.data import runtime

_MOST = 200
_COLUMNS = {
    "at": st.column_config.TextColumn("at, UTC", width=150),
    "who": st.column_config.TextColumn("who", width=120),
    "cluster": st.column_config.TextColumn("cluster", width=110),
    "what": st.column_config.TextColumn("what", width="large"),
}


def trail_block() -> None:
    """The newest records, newest first."""
    try:
        found = steps(runtime().rental.office.journal.read(), _MOST)
    except InfraError as error:
        problem(str(error)[:1].upper() + str(error)[1:], error.hint)
        return
    if not found:
        empty_state(
            "Nobody has rented anything from here.", "Every step of the driver would stand here, with who took it."
        )
        return
    table = pd.DataFrame(
        {
            "at": [f"{each.at:%Y-%m-%d %H:%M:%S}" for each in found],
            "who": [each.by for each in found],
            "cluster": [each.cluster for each in found],
            "what": [each.what for each in found],
        }
    )
    st.dataframe(
        table, hide_index=True, column_config=_COLUMNS, height=320 if len(table) > 8 else "auto",
        alt=f"Table of the {len(table)} newest steps of the driver",
    )  # fmt: skip
    st.caption("Who asked for it on this page stands in the audit log, too (Data health, Changes).")
