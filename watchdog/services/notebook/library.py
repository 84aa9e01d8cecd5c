"""What a notebook can begin with, or be given: worked questions and views as cells."""

from __future__ import annotations

from watchdog.model.notebook import Chart, ChartKind, Markdown, Notebook, Parameter, ParameterKind, Sql
from watchdog.model.questions import Question
from watchdog.services.notebook import editing

_FIRST = """SELECT time_bucket(INTERVAL 5 MINUTE, bucket_at) AS bucket_at, avg(avg) AS gpu_util_ratio
FROM gpu_samples_1m
WHERE metric = 'gpu_util_ratio' AND part = '' AND bucket_at >= $since AND bucket_at < $until
GROUP BY ALL ORDER BY ALL"""
_WELCOME = """## How busy were the GPUs?
A notebook is a list of cells over history. Change the question below and run it again (Ctrl+Enter), or take a worked
question from the right. What you type is kept as you type."""
# What the columns of an answer do not already decide.
_OWN_CHART = {"heat map": ChartKind.HEAT_MAP, "histogram": ChartKind.HISTOGRAM}
_KINDS = {"job": ParameterKind.JOB, "user": ParameterKind.USER, "node": ParameterKind.NODE, "gpu": ParameterKind.GPU}


def starting(notebook_id: str, author: str) -> Notebook:
    """The notebook of somebody who has none: one question that shows something at once."""
    notebook = editing.retitle(Notebook(notebook_id=notebook_id, title="", author=author), "My first notebook")
    return editing.add(editing.add(notebook, Markdown(_WELCOME)), Sql(_FIRST))


def with_question(notebook: Notebook, question: Question, *, after: str | None = None) -> tuple[Notebook, str]:
    """With the question as a cell below `after`, its parameters above it, and the chart that suits it below; its id."""
    taken = {cell.body.name for cell in notebook.cells if isinstance(cell.body, Parameter)}
    for name, value in question.parameters.items():
        if name not in taken:
            notebook, after = editing.added(notebook, _parameter(name, value), after=after)
    notebook, asked = editing.added(notebook, Sql(f"-- {question.title}\n{question.sql}"), after=after)
    if question.chart in _OWN_CHART:
        chart = Chart(of=notebook.cell(asked).name, chart=_OWN_CHART[question.chart])
        notebook = editing.add(notebook, chart, after=asked)
    return notebook, asked


def place_below(notebook: Notebook, cell_id: str) -> str | None:
    """The cell below which something new stands beside that cell: itself, or its pictures; None if it is gone."""
    ids = [cell.cell_id for cell in notebook.cells]
    if cell_id not in ids:
        return None
    place, name = ids.index(cell_id), notebook.cell(cell_id).name
    for cell in notebook.cells[place + 1 :]:
        if not (isinstance(cell.body, Chart) and cell.body.of == name):
            break
        place += 1
    return ids[place]


def _parameter(name: str, value: object) -> Parameter:
    if isinstance(value, int | float):
        return Parameter(name, ParameterKind.NUMBER, float(value))
    return Parameter(name, _KINDS.get(name, ParameterKind.TEXT), str(value))
