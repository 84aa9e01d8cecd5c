"""How often a rule would have fired in the last seven days."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from watchdog.alerts.preview import Preview
from watchdog.charts.alert_episodes import MOST_ROWS, episode_chart
from watchdog.model.rules import Rule
from watchdog.model.units import duration_text, percent
from watchdog.ui.alert_words import value_text
from watchdog.ui.cards import incomplete_note
from watchdog.ui.escape import escape
from watchdog.ui.theme import palette

MOST_LISTED = 100


def preview_block(answer: Preview, rule: Rule) -> None:
    """A sentence, a chart and a table of what the rule would have done."""
    st.markdown(preview_line(answer))
    incomplete_note(answer.incomplete)
    if not answer.count:
        return
    episodes = answer.episodes.assign(
        row=[
            _name(*one)
            for one in zip(
                answer.episodes["node"], answer.episodes["gpu_index"], answer.episodes["gpu_uuid"], strict=True
            )
        ],
        peak=[value_text(rule, peak) for peak in answer.episodes["peak"]],
    )
    most = episodes["row"].value_counts().index[:MOST_ROWS]
    st.altair_chart(
        episode_chart(episodes[episodes["row"].isin(most)], answer.window, palette()), theme=None,
        alt=f"{answer.count} episodes of {answer.gpus_affected} GPUs over {duration_text(answer.window.length)}",
    )  # fmt: skip
    _table(episodes, answer)


def preview_line(answer: Preview) -> str:
    """Markdown: how often, on how many GPUs, for how long; never 0 where nothing could be seen."""
    span = f"in {duration_text(answer.window.length)}"
    if answer.not_exported:
        return f":gray[:material/help: **Nothing can be said:** {escape(answer.not_exported, 200)}.]"
    if not answer.gpus:
        return ":gray[:material/help: **No GPU is in its scope.**]"
    if not answer.covered_ratio > 0:
        return f":gray[:material/help: **Nothing can be said:** there is no reading {span} of {answer.gpus:,} GPUs.]"
    seen = f"{percent(answer.covered_ratio)} of the readings of {answer.gpus:,} GPUs are there, in steps of {duration_text(answer.step)}."
    if not answer.count:
        return f":material/check: **It would not have fired** {span}. :gray[{seen}]"
    times = "once" if answer.count == 1 else f"{answer.count:,} times"
    on = f"{answer.gpus_affected:,} GPU{'s' * (answer.gpus_affected != 1)}"
    long = duration_text(timedelta(hours=answer.firing_hours))
    return (
        f":orange[:material/warning: **It would have fired {times}** {span} on {on}], for {long} in all. :gray[{seen}]"
    )


def _name(node: str, index: object, uuid: str) -> str:
    return f"{node} GPU {uuid[-8:] if pd.isna(index) else index}"  # type: ignore[call-overload]


def _table(episodes: pd.DataFrame, answer: Preview) -> None:
    shown = episodes.sort_values("fired_at", ascending=False).head(MOST_LISTED)
    ends = shown["until"].fillna(pd.Timestamp(answer.window.until))
    table = pd.DataFrame(
        {
            "fired, UTC": shown["fired_at"].dt.strftime("%Y-%m-%d %H:%M").astype("string"),
            "lasted": [duration_text(length.to_pytimedelta()) for length in ends - shown["fired_at"]],
            "GPU": shown["row"],
            "worst value": shown["peak"],
        }
    )
    st.dataframe(
        table, hide_index=True, height=250 if len(table) > 6 else "auto", alt=f"Table of {len(table)} episodes"
    )
    if len(episodes) > len(shown):
        st.caption(f"The newest {len(shown)} of {len(episodes):,}.")
