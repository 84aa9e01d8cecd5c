"""A report: one HTML file with words, answers and charts as pictures, that runs nothing and loads nothing."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from datetime import datetime
from html import escape

import pandas as pd
from markdown_it import MarkdownIt

from watchdog.base.errors import NotebookError
from watchdog.charts.cell_chart import cell_chart
from watchdog.charts.palette import LIGHT
from watchdog.model.notebook import (
    Cell,
    Chart,
    Markdown,
    Notebook,
    Parameter,
    interval_text,
    values_of,
)
from watchdog.model.telemetry import Window
from watchdog.model.units import instant_text
from watchdog.services.notebook.outcome import Outcome

MOST_ROWS = 200
_MOST_CELL = 300
_WIDTH = 860
_CSP = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1F2328;background:#fff;max-width:900px;margin:2em auto;padding:0 1em}
h1,h2,h3{line-height:1.25}pre{background:#F6F8FA;border:1px solid #D1D9E0;border-radius:6px;padding:.7em;overflow:auto;
white-space:pre-wrap;font-size:13px}table{border-collapse:collapse;font-size:13px;width:100%}th,td{border:1px solid
#D1D9E0;padding:.25em .5em;text-align:left;vertical-align:top;overflow-wrap:anywhere}th{background:#F6F8FA}td.n{text-align:right;
font-variant-numeric:tabular-nums}section{margin:1.6em 0;break-inside:avoid-page}.note{color:#59636E;font-size:13px}
.failed{color:#CF222E}img{max-width:100%}@media print{body{margin:0;max-width:none}}
"""
_WORDS = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def to_html(
    notebook: Notebook, window: Window, outcomes: Mapping[str, Outcome], made_at: datetime, *, questions: bool = True
) -> str:
    """The report; whatever came from people or the cluster is escaped.

    Args:
        notebook: what is reported.
        window: the page's.
        outcomes: answers by cell id; a cell without one says so.
        made_at: now.
        questions: whether the questions are shown above their answers.
    """
    title = escape(notebook.title)
    line = f"{escape(notebook.author)}, {instant_text(made_at)}; window {escape(interval_text(window))}"
    parts = [_section(notebook, cell, outcomes, questions=questions) for cell in notebook.cells]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{_CSP}"><meta name="referrer" content="no-referrer"><title>{title}</title><style>{_STYLE}</style>'
        f'</head><body><h1>{title}</h1><p class="note">{line}</p>{"".join(parts)}</body></html>'
    )


def _section(notebook: Notebook, cell: Cell, outcomes: Mapping[str, Outcome], *, questions: bool) -> str:
    body = cell.body
    if isinstance(body, Markdown):
        return f"<section>{_WORDS.render(body.text)}</section>"
    if isinstance(body, Parameter):
        return f"<section>{_values(body)}</section>"
    if isinstance(body, Chart):
        source = notebook.named(body.of)
        return f"<section>{_picture(body, outcomes.get(source.cell_id) if source else None)}</section>"
    asked = f"<pre>{escape(body.text)}</pre>" if questions else ""
    return f"<section>{asked}{_answer(cell, outcomes.get(cell.cell_id))}</section>"


def _values(body: Parameter) -> str:
    try:
        values = values_of(body)
    except NotebookError as error:
        return _failed(str(error))
    return "".join(f'<p class="note"><code>${escape(name)}</code> = {escape(str(v))}</p>' for name, v in values.items())


def _answer(cell: Cell, outcome: Outcome | None) -> str:
    if outcome is None:
        return _note(f"{cell.name} was not run.")
    if outcome.failure:
        place = f"line {outcome.failure.line}: " if outcome.failure.line else ""
        return _failed(f"{cell.name} failed: {place}{outcome.failure.message}")
    frame = outcome.frame(MOST_ROWS)
    if frame is None:
        return _note(f"The answer of {cell.name} was dropped to save memory.")
    cut = [f"The first {MOST_ROWS} of {outcome.rows:,} rows."] if outcome.rows > MOST_ROWS else []
    ran = f"{cell.name}, run {instant_text(outcome.began_at)}."
    return table_html(frame) + _note(" ".join([ran, *cut, *outcome.notes]))


def table_html(frame: pd.DataFrame) -> str:
    """Rows as a table; nothing is "n/a", and long texts are cut."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in frame.columns)
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]
    rows = "".join(
        f"<tr>{''.join(_cell(value, number) for value, number in zip(row, numeric, strict=True))}</tr>"
        for row in frame.itertuples(index=False, name=None)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(value: object, numeric: bool) -> str:
    text = _shown(value)
    text = text if len(text) <= _MOST_CELL else text[:_MOST_CELL] + "…"
    return f'<td class="n">{escape(text)}</td>' if numeric else f"<td>{escape(text)}</td>"


def _shown(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return "n/a"
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, float):
        return "n/a" if math.isnan(value) else f"{value:,.6g}"
    return str(value)


def _picture(body: Chart, outcome: Outcome | None) -> str:
    frame = outcome.frame() if outcome else None
    if frame is None:
        return _note(f"There is no answer of {body.of or 'an earlier cell'} to draw.")
    try:
        drawn = cell_chart(frame, body, LIGHT)
    except NotebookError as error:
        return _failed(str(error))
    if drawn.chart is None:
        return table_html(frame.head(MOST_ROWS))
    about = f"{drawn.fields.kind} of {body.of}: {drawn.fields.y or drawn.fields.x}"
    data = base64.b64encode(svg(drawn.chart).encode()).decode()
    return f'<img alt="{escape(about)}" src="data:image/svg+xml;base64,{data}">' + _note(" ".join(drawn.words))


def svg(chart: object) -> str:
    """A chart as a picture; it may load nothing."""
    import vl_convert  # noqa: PLC0415 (it brings a JavaScript engine of its own: only where a report is made)

    spec = chart.properties(width=_WIDTH).to_dict()  # type: ignore[attr-defined]
    picture: str = vl_convert.vegalite_to_svg(json.dumps(spec), allowed_base_urls=[])
    return picture


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>' if text else ""


def _failed(text: str) -> str:
    return f'<p class="failed">{escape(text)}</p>'
