"""What fired in the page's window, who took it and how long it lasted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from watchdog.alerts.past import Past
from watchdog.charts.alert_timeline import (
    MOST_ROWS,
    PICK,
    counts_of,
    incident_counts,
    incident_timeline,
    timeline_text,
)
from watchdog.model.findings import Severity
from watchdog.model.units import MISSING, duration_text, instant_text
from watchdog.ui import state
from watchdog.ui.address import View
from watchdog.ui.alert_address import LONGEST_NAME, MOST_NAMES, Place, filters_of
from watchdog.ui.alert_list import incident_card
from watchdog.ui.alert_page import current_place
from watchdog.ui.alert_words import severity_text
from watchdog.ui.cards import empty_state, problem, tiles
from watchdog.ui.data import alert_past, incident
from watchdog.ui.filters import set_parameters
from watchdog.ui.theme import palette

MOST_LISTED = 300
_RULE, _NODE = "rule", "node"


def history_block(view: View) -> None:
    """Filters, the numbers, the timeline, and a table; a row or a bar opens its incident with every step."""
    answer, place = alert_past(view), current_place()
    _filters(answer, place)
    shown = matching(answer, place)
    if not len(answer.incidents):
        empty_state(
            f"No incident was open in {duration_text(answer.window.length)} to {instant_text(answer.window.until)}.",
            "What fires is kept for 400 days: choose a longer window or a past instant on the left.",
        )
        return
    _numbers(answer, shown)
    if not len(shown):
        st.caption("No incident matches these filters.")
        return
    _opened(view)
    _timeline(answer, shown)
    _counts(answer, shown)
    _table(shown, answer, view)


def matching(answer: Past, place: Place) -> pd.DataFrame:
    """INCIDENTS that the filters let through."""
    frame = answer.incidents
    keep = pd.Series(True, index=frame.index)
    if place.severities:
        keep &= frame["severity"].isin(place.severities)
    wanted = ((place.rules, answer.rules), (place.nodes, answer.nodes), (place.people, answer.people))
    for names, of in wanted:
        if names:
            keep &= pd.Series(
                [not {*names}.isdisjoint(of.get(one, ())) for one in frame["incident_id"]], keep.index, bool
            )
    return frame[keep.to_numpy(dtype=bool)]


def _filters(answer: Past, place: Place) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _choice("Rule", "rule", place.rules, _known(answer.rules))
        _choice("Severity", "severity", place.severities, [each.value for each in reversed(Severity)])
        _choice("Node", "node", place.nodes, _known(answer.nodes))
        _choice("Who", "who", place.people, _known(answer.people))


def _known(of: Mapping[str, Sequence[str]]) -> list[str]:
    return sorted({name[:LONGEST_NAME] for names in of.values() for name in names})


def _choice(label: str, parameter: str, picked: tuple[str, ...], options: list[str]) -> None:
    key = f"{state.ALERT_HISTORY}.{parameter}"
    if st.session_state.get(key) != list(picked):
        st.session_state[key] = list(picked)
    gone = [name for name in picked if name not in options]
    st.multiselect(
        label, [*options, *gone], key=key, placeholder="all", width=190, max_selections=MOST_NAMES, on_change=_changed
    )


def _changed() -> None:
    held = {
        name: tuple(st.session_state[f"{state.ALERT_HISTORY}.{name}"]) for name in ("rule", "severity", "node", "who")
    }
    chosen = Place(rules=held["rule"], severities=held["severity"], nodes=held["node"], people=held["who"])
    for key, values in filters_of(chosen).items():
        if values:
            st.query_params[key] = values
        elif key in st.query_params:
            del st.query_params[key]


def _numbers(answer: Past, shown: pd.DataFrame) -> None:
    began = shown[shown["opened_at"] >= answer.window.since]
    acked, closed = began[began["acked_at"].notna()], began[began["closed_at"].notna()]
    span = "Of incidents that began in the window and match the filters."
    tiles(
        (
            ("Incidents", f"{len(shown):,}", "Open at some time in the window, and matching the filters."),
            ("Began", f"{len(began):,}", "Of them began in the window."),
            ("Critical", f"{(shown['severity'] == Severity.CRITICAL).sum():,}", "The worst of their members."),
            ("Acknowledged", f"{len(acked):,}", span),
            (
                "Time to ack",
                _mean(acked["acked_at"] - acked["opened_at"]),
                f"Mean time to the first acknowledgement. {span}",
            ),
            (
                "Time to resolve",
                _mean(closed["closed_at"] - closed["opened_at"]),
                f"Mean time from firing to its end. {span}",
            ),
        )
    )
    if answer.cut:
        st.warning("There were more: the newest 5,000 are counted.", icon=":material/warning:")


def _mean(lengths: pd.Series) -> str:
    return duration_text(pd.Timedelta(lengths.mean()).to_pytimedelta()) if len(lengths) else MISSING


def _opened(view: View) -> None:
    wanted = view.address.incident
    if not wanted:
        return
    found = incident(wanted)
    if found is None:
        problem("There is no such incident.", "It may be older than what is kept, or the address is not whole.")
    else:
        incident_card(found, view, acts_too=False)


def _timeline(answer: Past, shown: pd.DataFrame) -> None:
    by = st.segmented_control("Rows", (_RULE, _NODE), key=f"{state.ALERT_HISTORY}.by", default=_RULE, required=True)
    bars, cut = _bars(shown, answer.nodes if by == _NODE else answer.rules)
    window = answer.window
    event = st.altair_chart(
        incident_timeline(bars, window, palette()), key=f"alerts.timeline.{by}.{window.length}", on_select="rerun",
        selection_mode=[PICK], theme=None, alt=timeline_text(bars, window),
    )  # fmt: skip
    rest = f" {cut:,} rows with fewer incidents are left out." if cut else ""
    st.caption(f"One row a {by}, one bar an incident, its mark where it began. Click one to open it.{rest}")
    picked = event.get("selection", {}).get(PICK, []) if event else []
    _open_once(str(picked[0].get("incident_id", "")) if picked else "", "timeline")


def _bars(shown: pd.DataFrame, of: Mapping[str, Sequence[str]]) -> tuple[pd.DataFrame, int]:
    """A bar an incident and row, of the rows with the most incidents; and how many rows are left out."""
    names = pd.Series([[*of.get(one, ("none",))] for one in shown["incident_id"]], index=shown.index, dtype=object)
    rows = shown.assign(row=names).explode("row")
    counts = rows["row"].value_counts()
    return rows[rows["row"].isin(counts.index[:MOST_ROWS])].reset_index(drop=True), max(0, len(counts) - MOST_ROWS)


def _counts(answer: Past, shown: pd.DataFrame) -> None:
    counts, step = counts_of(shown, answer.window)
    if len(counts):
        word = "day" if step.days else "hour"
        chart = incident_counts(counts, step, answer.window, palette())
        st.altair_chart(
            chart, theme=None, alt=f"How many incidents began in each {word}: {int(counts['count'].sum())}."
        )
        st.caption(f"Incidents that began in each {word}, UTC.")


def _table(shown: pd.DataFrame, answer: Past, view: View) -> None:
    rows = shown.head(MOST_LISTED)
    before = st.session_state.get(state.ALERT_HISTORY_ORDER, [])
    st.session_state[state.ALERT_HISTORY_ORDER] = list(rows["incident_id"])
    event = st.dataframe(
        _listed(rows, answer, view), hide_index=True, key=f"{state.ALERT_HISTORY}.table", on_select="rerun",
        selection_mode="single-row", column_config=_COLUMNS, height=430 if len(rows) > 11 else "auto", placeholder="",
        alt=f"Table of {len(rows)} incidents, the newest first",
    )  # fmt: skip
    if len(shown) > len(rows):
        st.caption(f"The newest {len(rows):,} of {len(shown):,}; filter or shorten the window to see the others.")
    picked = event.get("selection", {}).get("rows", [])
    _open_once(str(before[picked[0]]) if picked and picked[0] < len(before) else "", "table")


def _open_once(incident_id: str, where: str) -> None:
    """Open what was picked just now; a selection that stays must not open it again after another was."""
    key = f"{state.ALERT_HISTORY}.picked.{where}"
    if st.session_state.get(key, "") != incident_id:
        st.session_state[key] = incident_id
        if incident_id:
            set_parameters(incident=incident_id)
            st.rerun(scope="app")


def _listed(rows: pd.DataFrame, answer: Past, view: View) -> pd.DataFrame:
    ends = rows["closed_at"].fillna(pd.Timestamp(view.at))
    return pd.DataFrame(
        {
            "began": rows["opened_at"].dt.strftime("%Y-%m-%d %H:%M:%S").astype("string"),
            "lasted": [duration_text(length.to_pytimedelta()) for length in ends - rows["opened_at"]],
            "state": rows["state"].where(rows["closed_at"].isna(), "resolved"),
            "severity": [severity_text(severity) for severity in rows["severity"]],
            "what": rows["title"].str.slice(0, LONGEST_NAME),
            "by": rows["ack_by"].str.slice(0, LONGEST_NAME),
            "acked": [_after(at, began) for at, began in zip(rows["acked_at"], rows["opened_at"], strict=True)],
            "rules": _joined(rows, answer.rules),
            "nodes": _joined(rows, answer.nodes),
            "members": rows["members"],
            "seen": pd.Series("", index=rows.index).mask(rows["seen_late"], "late").astype("string"),
        }
    )


def _joined(rows: pd.DataFrame, of: Mapping[str, Sequence[str]]) -> list[str]:
    return [", ".join(of.get(one, ())[:4])[:LONGEST_NAME] for one in rows["incident_id"]]


def _after(at: pd.Timestamp, began: pd.Timestamp) -> str:
    return "" if pd.isna(at) else duration_text((at - began).to_pytimedelta())


_COLUMNS = {
    "began": st.column_config.TextColumn("began, UTC", width=150),
    "lasted": st.column_config.TextColumn("lasted", width=95),
    "state": st.column_config.TextColumn("state", width=75),
    "severity": st.column_config.TextColumn("severity", width=85),
    "what": st.column_config.TextColumn("what", width=300),
    "by": st.column_config.TextColumn("taken by", width=90),
    "acked": st.column_config.TextColumn("after", width=80, help="From firing to the first acknowledgement."),
    "members": st.column_config.NumberColumn("alerts", width=60),
    "seen": st.column_config.TextColumn("seen", width=55, help="Late: nobody watched when it happened."),
}
