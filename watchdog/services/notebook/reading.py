"""What a cell reads: earlier cells, parameters and the window, as DuckDB's own parser sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import duckdb

from watchdog.model.notebook import SINCE, UNTIL, Cell, Chart, Notebook, Parameter, PromQl, Sql, parameter_names
from watchdog.services.notebook.promql import parameters_in

_IDENTIFIER = duckdb.token_type.identifier


@dataclass(frozen=True)
class Reads:
    """Names in lower case.

    Attributes:
        tables: of history, of earlier cells, or of neither.
        parameters: without `$`.
        own: names that the question gives itself: WITH name AS (…).
    """

    tables: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Inputs:
    """What a cell of a notebook reads of the others.

    Attributes:
        cells: earlier cells, in order.
        later: names of cells that it reads although they come later, or are itself.
        parameters: names of parameters that have a cell, wherever it stands; `window`: whether it reads the page's window.
        unknown: names of parameters that nothing gives.
    """

    cells: tuple[Cell, ...] = ()
    later: tuple[str, ...] = ()
    parameters: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()
    window: bool = False


def reads(cell: Cell) -> Reads:
    """Whatever names the cell's body mentions."""
    body = cell.body
    if isinstance(body, Sql):
        return sql_reads(body.text)
    if isinstance(body, Chart):
        return Reads(tables=frozenset({body.of} - {""}))
    if isinstance(body, PromQl):
        return Reads(parameters=parameters_in(body.text) | {SINCE, UNTIL})
    return Reads()


def inputs(notebook: Notebook, cell: Cell) -> Inputs:
    """What `cell` reads of the rest of the notebook."""
    found = reads(cell)
    position = notebook.position(cell.cell_id)
    given = {name for each in notebook.cells if isinstance(each.body, Parameter) for name in parameter_names(each.body)}
    window = {SINCE, UNTIL}
    return Inputs(
        cells=tuple(each for each in notebook.cells[:position] if each.name in found.tables),
        later=tuple(each.name for each in notebook.cells[position:] if each.name in found.tables - found.own),
        parameters=found.parameters & given,
        unknown=tuple(sorted(found.parameters - given - window)),
        window=bool(found.parameters & window),
    )


def dependents(notebook: Notebook, cell_id: str) -> tuple[str, ...]:
    """Ids of the cells that read that cell, straight or through others, in order."""
    reached = {cell_id}
    for cell in notebook.cells:
        if any(each.cell_id in reached for each in inputs(notebook, cell).cells):
            reached.add(cell.cell_id)
    return tuple(cell.cell_id for cell in notebook.cells if cell.cell_id in reached - {cell_id})


@lru_cache(maxsize=512)
def sql_reads(sql: str) -> Reads:
    """Tables and parameters of a question; of one that cannot be parsed, whatever looks like one."""
    connection = duckdb.connect(":memory:")
    try:
        parameters = {name for each in connection.extract_statements(sql) for name in each.named_parameters}
        found = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
        tree = json.loads(found[0] if found else "{}")
    except (duckdb.Error, RecursionError):
        return _by_token(sql)
    finally:
        connection.close()
    if tree.get("error", True):
        return _by_token(sql)
    nodes = [*_nodes(tree)]
    tables = {str(node["table_name"]).lower() for node in nodes if node.get("type") == "BASE_TABLE"}
    own = {str(node["key"]).lower() for node in nodes if "key" in node and "value" in node}
    own |= {str(node["cte_name"]).lower() for node in nodes if node.get("cte_name")}
    return Reads(frozenset(tables), frozenset(name.lower() for name in parameters), frozenset(own))


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    """Every object of the tree; without recursion, which a deep question would exhaust."""
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _by_token(sql: str) -> Reads:
    words = [*_tokens(sql)]
    names = {sql[at:end].lower().strip('"') for at, end in words}
    parameters = {sql[at:end].lower() for at, end in words if sql[max(0, at - 1) : at] == "$"}
    return Reads(frozenset(names - parameters), frozenset(parameters))


def _tokens(sql: str) -> Iterator[tuple[int, int]]:
    """Where identifiers are: DuckDB counts bytes and tells only beginnings."""
    data = sql.encode()
    starts = [*duckdb.tokenize(sql)]
    ends = [at for at, _ in starts[1:]] + [len(data)]
    for (at, kind), end in zip(starts, ends, strict=True):
        if kind == _IDENTIFIER:
            before = len(data[:at].decode("utf-8", "replace"))
            word = _word(data[at:end].decode("utf-8", "replace"))
            yield before, before + len(word)


def _word(text: str) -> str:
    """The identifier that `text` begins with: what follows it may be spaces or a comment."""
    if text.startswith('"'):
        end = text.find('"', 1)
        return text[: end + 1] if end > 0 else text
    count = next((i for i, char in enumerate(text) if not (char.isalnum() or char in "_$")), len(text))
    return text[:count]


def renamed_in_sql(sql: str, old: str, new: str) -> str:
    """`sql` with the table `old` called `new`; texts, comments and parameters stay as they are."""
    if old not in sql_reads(sql).tables:
        return sql
    pieces, last = list[str](), 0
    for at, end in _tokens(sql):
        if sql[at:end].lower().strip('"') == old and sql[max(0, at - 1) : at] != "$":
            pieces += [sql[last:at], new]
            last = end
    return "".join([*pieces, sql[last:]])
