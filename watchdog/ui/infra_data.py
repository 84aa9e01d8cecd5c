"""Cached reads of what rented pods cost."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from watchdog.model.telemetry import Window
from watchdog.services import pod_costs
from watchdog.ui.data import runtime


@st.cache_data(ttl="2m", max_entries=8, show_spinner=False)
def pod_spend(since: datetime, until: datetime) -> pod_costs.Spend:
    """`services.pod_costs.spend` between full minutes; StoreError where the store cannot be read."""
    return pod_costs.spend(runtime().history, Window(since, until))


@st.cache_data(ttl="2m", max_entries=4, show_spinner=False)
def pod_month(now: datetime) -> pod_costs.Month:
    """`services.pod_costs.month` of a full minute, at what RunPod said last."""
    sight = runtime().rental.sight
    deadlines = [entry.deadline_at for entry in sight.clusters() if entry.deadline_at is not None]
    return pod_costs.month(runtime().history, now, sight.usd_per_hour, max(deadlines, default=None))
