"""A query in PromQL, as it is."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from watchdog.assistant.desk import Desk
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import Asked, answer, span, when
from watchdog.base.errors import ToolError
from watchdog.sources.promql_cell import PromQuery


class PromqlAsked(Asked):
    """The query, at an instant or over hours."""

    query: str = Field(min_length=1, max_length=4_000, description="One PromQL query that gives series.")
    hours: float = Field(0.0, ge=0, le=24 * 90, description="Length of the window; 0 asks at the instant alone.")
    step_seconds: float = Field(0.0, ge=0, le=86_400, description="Between two points of the window; 0 chooses one.")


def promql(desk: Desk, asked: PromqlAsked) -> Evidence:
    """A row a series and point; ToolError where there is no Prometheus, SourceError in the server's words."""
    desk = desk.moved(asked.at)
    asking = _server(desk)
    window = desk.window(asked.hours) if asked.hours else None
    if window is None:
        found = asking.instant(asked.query, desk.at)
    else:
        step = timedelta(seconds=asked.step_seconds) if asked.step_seconds else window.length / 20
        found = asking.range(asked.query, window, step)
    frame = found.frame
    newest = frame["sampled_at"].max() if len(frame) else None
    return answer(
        "promql",
        desk,
        asked,
        title=f"PromQL {when(desk) if window is None else span(window)}: {len(frame)} values",
        query=asked.query,
        columns=[Column(str(name), str(name)) for name in frame.columns][:16],
        rows=frame.tail(1000) if window is None else frame,
        window=window,
        newest=None if newest is None else newest.to_pydatetime(),
        marks=(*found.incomplete, *([] if len(frame) else ["The answer is empty: no series matches."])),
        page="history",
    )


def _server(desk: Desk) -> PromQuery:
    if desk.reads.prometheus is None:
        raise ToolError("no Prometheus is read here", hint="Use gpu_metrics, or sql for history.")
    return desk.reads.prometheus


TOOL = Tool(
    "promql",
    "A PromQL query to the Prometheus server that is read, at the instant or over hours. Prefer the other tools: they know "
    "what is missing.",
    PromqlAsked,
    promql,
)
