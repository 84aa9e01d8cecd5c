"""Who held which GPU when: a row a GPU, a bar a job, a mark where a job ended badly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from watchdog.charts.axes import styled, time_axis
from watchdog.charts.glyphs import CROSS, RING, TRIANGLE
from watchdog.charts.palette import Palette
from watchdog.model.slurm.records import JobState
from watchdog.model.telemetry import Window
from watchdog.model.units import duration_text

BRUSH, PICK = "brush", "pick"
OTHERS = "others"
# Splits a row's key into node, GPU, and "1" where the node's name is written; no name of Slurm's holds it.
_SPLIT = "\u001f"
Rows = Sequence[tuple[str, str]]
_LABEL = (
    "split(datum.label, '\\u001f')[2] == '1' ? split(datum.label, '\\u001f')[0] + '\\u00a0\\u00a0 ' + "
    "split(datum.label, '\\u001f')[1] : split(datum.label, '\\u001f')[1]"
)
_AROUND = 100
_BAD_ENDS = {
    JobState.FAILED: CROSS,
    JobState.OUT_OF_MEMORY: CROSS,
    JobState.TIMEOUT: RING,
    JobState.NODE_FAIL: TRIANGLE,
    JobState.BOOT_FAIL: TRIANGLE,
}
_WORDS = {
    JobState.FAILED: "failed",
    JobState.OUT_OF_MEMORY: "failed",
    JobState.TIMEOUT: "time limit",
    JobState.NODE_FAIL: "node failed",
    JobState.BOOT_FAIL: "node failed",
}


def gantt(bars: pd.DataFrame, rows: Rows, window: Window, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    """The bars of `analysis.occupancy.Occupancy` over its rows; the selection `pick` gives the job_id, `brush` a span.

    Args:
        bars: node, place, job_id, job (its name), user, owner, state, started_at, ended_at (null = still there).
        rows: (node, place) from top to bottom, also without a job.
        window: drawn whole.
        palette: the theme's colours.
    """
    keys = _keys(rows)
    frame = _drawn(bars, keys, window)
    row_height = min(16.0, max(11.0, 420 / max(1, len(rows))))
    order = list(keys.values())
    chart = alt.layer(_bars(frame, order, window, palette), *_ends(frame, order, window, palette)).resolve_scale(
        color="independent", shape="independent"
    )
    return styled(chart.properties(height=_AROUND + max(1, len(rows)) * row_height, width="container"), palette)


def gantt_text(bars: pd.DataFrame, rows: Rows, window: Window) -> str:
    """The chart in a sentence, for those who do not see it."""
    span = f"{duration_text(window.length)} to {window.until:%Y-%m-%d %H:%M} UTC"
    return f"Timeline of {bars['job_id'].nunique()} jobs on {len(rows)} rows over {span}."


def _keys(rows: Rows) -> dict[tuple[str, str], str]:
    """Row to the key that its label is cut from."""
    nodes = [node for node, _ in rows]
    first = [number == 0 or nodes[number - 1] != node for number, node in enumerate(nodes)]
    return {
        row: f"{row[0]}{_SPLIT}{row[1]}{_SPLIT}{'1' if head else ''}" for row, head in zip(rows, first, strict=True)
    }


def _drawn(bars: pd.DataFrame, keys: dict[tuple[str, str], str], window: Window) -> pd.DataFrame:
    """Bars cut to the window, so that what lies outside is not sent."""
    since, until = pd.Timestamp(window.since), pd.Timestamp(window.until)
    ended = bars["ended_at"]
    return pd.DataFrame(
        {
            "row": pd.array([keys[place] for place in zip(bars["node"], bars["place"], strict=True)], dtype="string"),
            "job_id": bars["job_id"].astype("string"),
            "job": bars["job"].astype("string").str.slice(0, 60),
            "user": bars["user"].astype("string").str.slice(0, 60),
            "owner": bars["owner"].astype("string").str.slice(0, 30).replace("", OTHERS),
            "state": bars["state"].astype("string").str.lower().str.replace("_", " "),
            "bucket_at": bars["started_at"].where(bars["started_at"] > since, since),
            "ends_at": ended.where(ended < until, until),
            "started": _text(bars["started_at"]),
            "ended": _text(ended).fillna("not yet"),
            "end": bars["state"]
            .map({s.value: word for s, word in _WORDS.items()})
            .where(ended < until)
            .astype("string"),
        }
    )


def _text(instants: pd.Series) -> pd.Series:
    words: pd.Series = instants.dt.strftime("%Y-%m-%d %H:%M:%S UTC").astype("string")
    return words


def _row(rows: list[str]) -> alt.Y:
    axis = alt.Axis(title=None, labelExpr=_LABEL, labelLimit=110, labelFontSize=10, ticks=False, domain=False)
    return alt.Y("row:N", scale=alt.Scale(domain=rows, paddingInner=0.16), axis=axis)


def _owners(frame: pd.DataFrame, palette: Palette) -> alt.Color:
    names = [name for name in frame["owner"].drop_duplicates() if name != OTHERS]
    colours = list(palette.series[: len(names)])
    if (frame["owner"] == OTHERS).any():
        names, colours = [*names, OTHERS], [*colours, palette.unknown]
    legend = alt.Legend(title="user", symbolType="square", offset=4, columns=3, labelLimit=110)
    return alt.Color("owner:N", scale=alt.Scale(domain=names, range=colours), legend=legend)


_TIPS = (
    ("job_id:N", "job"), ("job:N", "name"), ("user:N", "user"), ("state:N", "state"), ("started:N", "started"),
    ("ended:N", "ended"),
)  # fmt: skip


def _bars(frame: pd.DataFrame, rows: list[str], window: Window, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    return (
        alt.Chart(frame.drop(columns="end"))
        .mark_bar(clip=True, cornerRadius=2, cursor="pointer", stroke=palette.background, strokeWidth=0.8)
        .encode(
            x=time_axis(window),
            x2="ends_at:T",
            y=_row(rows),
            color=_owners(frame, palette),
            tooltip=[alt.Tooltip(field, title=title) for field, title in _TIPS],
        )
        .add_params(
            alt.selection_point(name=PICK, fields=["job_id"]), alt.selection_interval(name=BRUSH, encodings=["x"])
        )
    )


def _ends(frame: pd.DataFrame, rows: list[str], window: Window, palette: Palette) -> list[Any]:
    """Where jobs ended badly: a shape a kind, on a disc of background to be read on every colour."""
    bad = frame[frame["end"].notna()]
    marks = pd.DataFrame({"row": bad["row"], "bucket_at": bad["ends_at"], "end": bad["end"]})
    shapes = dict(zip(_WORDS.values(), (_BAD_ENDS[state] for state in _WORDS), strict=True))
    present = [word for word in shapes if (marks["end"] == word).any()]
    legend = (
        alt.Legend(title="ended by", symbolSize=90, symbolFillColor=palette.critical, orient="bottom")
        if present
        else None
    )
    scale = alt.Scale(domain=present, range=[shapes[word] for word in present])
    base = alt.Chart(marks).encode(x=time_axis(window), y=_row(rows))
    disc = base.mark_point(
        clip=True, filled=True, shape="circle", size=130, opacity=1.0, color=palette.background, xOffset=-6
    )
    mark = base.mark_point(clip=True, filled=True, size=60, opacity=1.0, color=palette.critical, xOffset=-6)
    return [disc, mark.encode(shape=alt.Shape("end:N", scale=scale, legend=legend))]
