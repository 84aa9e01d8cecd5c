"""The filters of the queue's table. The URL holds them; the widgets only mirror it, so a filtered queue can be sent on."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from watchdog.model.slurm.records import ACTIVE, WAITING
from watchdog.ui import state
from watchdog.ui.escape import escape
from watchdog.ui.queue_address import (
    LONGEST_NAME,
    LONGEST_SEARCH,
    MOST_NAMES,
    PENDING,
    RUNNING,
    SHOWS,
    Chosen,
    parameters_of,
    read_chosen,
)

_COUNTED = {PENDING: WAITING, RUNNING: ACTIVE}


def current_filters() -> Chosen:
    """What the URL asks for."""
    return read_chosen({key: st.query_params.get_all(key) for key in st.query_params})


def draw_filters(chosen: Chosen, queue: pd.DataFrame, jobs: pd.DataFrame) -> None:
    """Draw the widgets as the URL has them, and say what in it was wrong.

    Args:
        chosen: what the URL asks for.
        queue: jobs that wait or run, to count them.
        jobs: the jobs that are filtered, for names to pick.
    """
    for problem in chosen.problems:
        st.warning(escape(problem, 300), icon=":material/link_off:")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _mirror(state.QUEUE_SHOW, chosen.show)
        st.segmented_control(
            "Show", SHOWS, key=state.QUEUE_SHOW, required=True, on_change=_changed,
            format_func=lambda key: f"{key} {_count(queue, key):,}" if key in _COUNTED else key,
            help="Ended jobs are those that ended in the window on the left.",
        )  # fmt: skip
        _mirror(state.QUEUE_SEARCH, chosen.search)
        st.text_input(
            "Search", key=state.QUEUE_SEARCH, placeholder="id, name, user, node", max_chars=LONGEST_SEARCH, width=180,
            on_change=_changed,
        )  # fmt: skip
        _choice("User", state.QUEUE_USERS, chosen.users, jobs["user"])
        _choice("Account", state.QUEUE_ACCOUNTS, chosen.accounts, jobs["account"])
        _choice("Partition", state.QUEUE_PARTITIONS, chosen.partitions, jobs["partition"])


def _mirror(key: str, value: object) -> None:
    """Writing an equal value again would wipe what is being typed."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def _count(jobs: pd.DataFrame, key: str) -> int:
    return int(jobs["state"].isin([one.value for one in _COUNTED[key]]).sum())


def _choice(label: str, key: str, picked: tuple[str, ...], values: pd.Series) -> None:
    options = sorted(str(value)[:LONGEST_NAME] for value in values.unique() if value)
    # Who was picked and has left the queue stays an option: a filter must not change by itself.
    gone = [value for value in picked if value not in options]
    _mirror(key, list(picked))
    st.multiselect(
        label, list(dict.fromkeys([*options, *gone])), key=key, placeholder="all", width=135,
        max_selections=MOST_NAMES, on_change=_changed,
    )  # fmt: skip


def _changed() -> None:
    held = st.session_state
    chosen = Chosen(
        show=str(held[state.QUEUE_SHOW]),
        search=held[state.QUEUE_SEARCH],
        users=tuple(held[state.QUEUE_USERS]),
        accounts=tuple(held[state.QUEUE_ACCOUNTS]),
        partitions=tuple(held[state.QUEUE_PARTITIONS]),
    )
    for key, values in parameters_of(chosen).items():
        if values:
            st.query_params[key] = values
        elif key in st.query_params:
            del st.query_params[key]
