"""Ways from an alert to the GPU, node or job it is about, and back."""

from __future__ import annotations

from datetime import datetime

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from watchdog.alerts.board import OpenIncident
from watchdog.model.alerts import Alert
from watchdog.ui.address import instant_parameter
from watchdog.ui.escape import escape
from watchdog.ui.filters import shared_parameters
from watchdog.ui.job_page import JOB_PAGE

ALERTS_PAGE, GPUS_PAGE = "pages/alerts.py", "pages/gpus.py"
_ASSISTANT, _ASSISTANT_PAGE = "assistant", "pages/assistant.py"
_MOST = 3


def place_links(each: OpenIncident, at: datetime | None) -> None:
    """Links to its nodes or GPU and its jobs, at most three of each; rewound to `at`, or as the page stands."""
    for label, place in _gpu_places(each.alerts):
        st.page_link(GPUS_PAGE, label=escape(label, 60), query_params={**_when(at), **place})
    for job in sorted({alert.subject.job_id or alert.finding.job_id for alert in each.alerts} - {""})[:_MOST]:
        st.page_link(JOB_PAGE, label=f"job {escape(job, 40)}", query_params={**_when(at), "job": job})


def _gpu_places(alerts: tuple[Alert, ...]) -> list[tuple[str, dict[str, str]]]:
    gpus = {alert.subject.gpu_uuid: alert for alert in alerts if alert.subject.gpu_uuid}
    if len(gpus) == 1:
        (uuid, alert), *_ = gpus.items()
        index = alert.finding.gpu_index
        name = f"{alert.subject.node} GPU {uuid[-8:] if index is None else index}"
        return [(name, {"node": alert.subject.node, "gpu": uuid})]
    nodes = sorted({alert.subject.node for alert in alerts} - {""})
    return [(node, {"node": node}) for node in nodes[:_MOST]]


def _when(at: datetime | None) -> dict[str, str]:
    if at is None:
        return shared_parameters()
    kept = {key: value for key, value in shared_parameters().items() if key not in {"since", "until", "at"}}
    return {**kept, "at": instant_parameter(at)}


def incident_link(each: OpenIncident, label: str, width: int) -> None:
    """A link to the incident on the alerts page, so many pixels wide that rows stand below each other."""
    query = {**shared_parameters(), "incident": each.incident.incident_id}
    st.page_link(ALERTS_PAGE, label=label, query_params=query, width=width)


def ask_why(each: OpenIncident) -> None:
    """A link to the assistant with this incident; nothing where there is no assistant."""
    if has_assistant():
        query = {**shared_parameters(), "incident": each.incident.incident_id}
        st.page_link(_ASSISTANT_PAGE, label="Ask why", query_params=query)


def has_assistant() -> bool:
    """Whether the app has a page of this name."""
    context = get_script_run_ctx()
    pages = context.pages_manager.get_pages() if context else {}
    return any(page.get("url_pathname") == _ASSISTANT for page in pages.values())
