"""The Streamlit script: page set-up, navigation, shared filters. `python -m watchdog serve` runs it."""

from pathlib import Path

import streamlit as st

from watchdog.base.errors import WatchdogError
from watchdog.ui.alert_badge import draw_title
from watchdog.ui.cards import frame_of_page, problem
from watchdog.ui.filters import draw_filters, keep_filters
from watchdog.ui.sign_in import draw_person, stop_unless_signed_in
from watchdog.ui.theme import draw_style

# A local icon: Material page icons would be fetched from another host.
ICON = Path(__file__).parent / "watchdog" / "ui" / "icon.svg"

st.set_page_config(page_title="GPU Watchdog", page_icon=str(ICON), layout="wide")
draw_style()

try:
    stop_unless_signed_in()
except WatchdogError as error:
    problem(str(error), error.hint)
    st.stop()

page = st.navigation(
    [
        st.Page("pages/overview.py", title="Overview", default=True),
        st.Page("pages/alerts.py", title=draw_title(), url_path="alerts"),
        st.Page("pages/gpus.py", title="GPUs"),
        st.Page("pages/slurm.py", title="Slurm"),
        st.Page("pages/job.py", title="Job"),
        st.Page("pages/assistant.py", title="Assistant", url_path="assistant"),
        st.Page("pages/history.py", title="History", url_path="history"),
        st.Page("pages/infrastructure.py", title="Infrastructure", url_path="infrastructure"),
        st.Page("pages/data_health.py", title="Data health"),
    ]
)
try:
    keep_filters(page.url_path)
    frame_of_page()
    draw_person()
    draw_filters()
except WatchdogError as error:
    problem(str(error), error.hint)
    st.stop()
page.run()
