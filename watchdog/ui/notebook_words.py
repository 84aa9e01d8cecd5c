"""What is said about cells, and what an editor offers while one types."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from watchdog.model.metrics import BY_EXPORTED_NAME, CATALOGUE
from watchdog.model.notebook import CellKind, Notebook, Parameter, parameter_names
from watchdog.model.tables import TABLES
from watchdog.services.notebook.outcome import CellState
from watchdog.services.notebook.session import Session
from watchdog.ui.notebook_editor import Completion

KINDS = {
    CellKind.SQL: "SQL",
    CellKind.MARKDOWN: "Text",
    CellKind.PROMQL: "PromQL",
    CellKind.CHART: "Chart",
    CellKind.PARAMETER: "Parameter",
}
_STATES = {
    CellState.NEVER: ("gray", "radio_button_unchecked"),
    CellState.WAITING: ("blue", "hourglass_empty"),
    CellState.RUNNING: ("blue", "play_circle"),
    CellState.FRESH: ("green", "check"),
    CellState.STALE: ("orange", "history"),
    CellState.FORGOTTEN: ("orange", "memory"),
    CellState.FAILED: ("red", "error"),
}
_FUNCTIONS = [
    "avg",
    "sum",
    "min",
    "max",
    "count",
    "median",
    "quantile_cont",
    "arg_max",
    "arg_min",
    "stddev",
    "histogram",
    "mode",
    "first",
    "last",
    "any_value",
    "string_agg",
    "date_trunc",
    "time_bucket",
    "date_diff",
    "date_part",
    "strftime",
    "epoch",
    "extract",
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "round",
    "floor",
    "ceil",
    "abs",
    "lag",
    "lead",
    "row_number",
    "rank",
    "first_value",
    "last_value",
    "ntile",
    "unnest",
    "range",
    "generate_series",
    "list_aggregate",
    "split_part",
    "regexp_matches",
    "regexp_extract",
    "lower",
    "upper",
    "length",
    "concat_ws",
    "contains",
    "starts_with",
]
_PROM = [
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "deriv",
    "avg_over_time",
    "max_over_time",
    "min_over_time",
    "sum_over_time",
    "count_over_time",
    "quantile_over_time",
    "last_over_time",
    "changes",
    "resets",
    "predict_linear",
    "sum",
    "avg",
    "max",
    "min",
    "count",
    "quantile",
    "topk",
    "bottomk",
    "stddev",
    "label_replace",
    "label_join",
    "absent",
    "clamp",
    "clamp_max",
    "clamp_min",
    "vector",
    "scalar",
    "histogram_quantile",
    "time",
    "round",
]


def state_badge(state: CellState) -> str:
    """Markdown: icon and word in the state's colour."""
    colour, icon = _STATES[state]
    return f":{colour}[:material/{icon}: {state.value}]"


def sql_completion(notebook: Notebook, cell_id: str, session: Session) -> Completion:
    """Tables of history, earlier answers with their columns, parameters, metrics and functions."""
    return Completion({**_earlier(notebook, cell_id, session), **_history()}, [*_values(notebook), *_sql_words()])


def promql_completion(notebook: Notebook) -> Completion:
    """Parameters, functions, and metrics as exporters call them."""
    return Completion({}, [*_values(notebook), *_prom_words()])


def _earlier(notebook: Notebook, cell_id: str, session: Session) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cell in notebook.cells[: notebook.position(cell_id)]:
        if cell.kind in (CellKind.SQL, CellKind.PROMQL):
            outcome = session.outcome(notebook, cell.cell_id)
            schema = outcome.table.schema if outcome and outcome.table is not None else []
            columns = [[field.name, str(field.type), ""] for field in schema]
            found[cell.name] = {"what": "answer above", "about": "", "columns": columns}
    return found


def _values(notebook: Notebook) -> list[list[str]]:
    given = [cell.body for cell in notebook.cells if isinstance(cell.body, Parameter)]
    names = [["$since", "window", "its start"], ["$until", "window", "its end"]]
    return names + [
        [f"${name}", body.type.value, str(body.value)[:80]] for body in given for name in parameter_names(body)
    ]


@lru_cache(maxsize=1)
def _history() -> dict[str, Any]:
    return {
        table.name: {
            "what": "table",
            "about": table.row,
            "columns": [[column.name, column.unit or column.type.lower(), column.doc] for column in table.columns],
        }
        for table in TABLES.values()
    }


@lru_cache(maxsize=1)
def _prom_words() -> list[list[str]]:
    """A name that stands for several metrics tells what all of them are."""
    exported = [
        [name, "metric", " ".join(dict.fromkeys(metric.definition for metric, _ in found))]
        for name, found in sorted(BY_EXPORTED_NAME.items())
    ]
    return [*([name, "function", ""] for name in _PROM), *exported]


@lru_cache(maxsize=1)
def _sql_words() -> list[list[str]]:
    metrics = [[metric.key, "metric", metric.definition] for metric in CATALOGUE.values()]
    return [*([name, "function", ""] for name in _FUNCTIONS), *metrics]
