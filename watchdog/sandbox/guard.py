"""Is this one statement that only reads, and only what may be read?

DuckDB's own word on a statement's type is not enough: to it `WITH x AS (INSERT …) SELECT` is a SELECT. So the parsed tree
is looked through. What it lets pass is still run without rights: this is for clear words, and one wall of several.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from typing import Any, TypedDict

import duckdb

from watchdog.base.errors import SqlError

_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_TABLE_FUNCTIONS = {"range", "generate_series", "unnest", "repeat", "json_each", "json_tree"}
# They tell of the process, not of history, or keep something.
_CLOSED = {
    *("current_setting", "getenv", "getvariable", "set_config", "query", "query_table", "write_log", "add_parquet_key"),
    *("nextval", "currval", "getvariable", "enable_logging", "pg_size_pretty", "sleep_ms", "sql_auto_complete"),
}
_SHOWN = {'"tables"', "tables"}
_READING = "Only questions can be asked here: SELECT, WITH … SELECT, FROM, VALUES, DESCRIBE or SUMMARIZE."
Node = dict[str, Any]


def check(connection: duckdb.DuckDBPyConnection, sql: str, known: Iterable[str]) -> frozenset[str]:
    """The names of its parameters; SqlError unless `sql` is one question to the tables `known`."""
    statement = _only_one(connection, sql)
    tree = _parsed(connection, sql)
    nodes = [*_nodes(tree)]
    tables = {name.lower() for name in known} | _named_inside(nodes)
    for node in nodes:
        _check_node(node, tables, sql)
    return frozenset(statement.named_parameters)


def _only_one(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    statements = connection.extract_statements(sql)
    if not statements:
        raise SqlError("there is no question", hint=_READING, kind="refused")
    if len(statements) > 1:
        place = place_of(sql, len(statements[0].query.encode()))
        raise SqlError(
            f"these are {len(statements)} statements", hint="Ask one question a cell.", kind="refused", **place
        )
    kind = statements[0].type.name
    if kind == "MULTI":
        hint = "Name the columns: PIVOT … ON column IN (…)."
        raise SqlError("PIVOT needs a list of its columns here", hint=hint, kind="refused")
    if kind != "SELECT":
        raise SqlError(f"{kind.replace('_', ' ')} is not allowed", hint=_READING, kind="refused")
    return statements[0]


def _parsed(connection: duckdb.DuckDBPyConnection, sql: str) -> Node:
    found = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    tree: Node = json.loads(found[0] if found else "{}")
    if tree.get("error", True):
        raise SqlError(tree.get("error_message", "this cannot be read"), hint=_READING, kind="refused")
    return tree


def _nodes(value: object) -> Iterator[Node]:
    """Every object of the tree; without recursion, which a deep question would exhaust."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _named_inside(nodes: Iterable[Node]) -> set[str]:
    """Names that the question gives itself: WITH name AS (…)."""
    return {str(node["key"]).lower() for node in nodes if "key" in node and "value" in node} | {
        str(node["cte_name"]).lower() for node in nodes if node.get("cte_name")
    }


def _check_node(node: Node, tables: set[str], sql: str) -> None:
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE") and kind not in _QUERIES:
        what = kind.removesuffix("_QUERY_NODE").removesuffix("_NODE").replace("_", " ")
        raise SqlError(f"{what} is not allowed inside a question", hint=_READING, kind="refused")
    if kind == "BASE_TABLE":
        _check_table(node, tables, sql)
    elif kind == "TABLE_FUNCTION":
        _check_table_function(node, sql)
    elif kind == "SHOW_REF":
        _check_show(node)
    elif kind == "FUNCTION" and str(node.get("function_name", "")).lower() in _CLOSED:
        _refuse(f"the function {node['function_name']} is not to be had here", "", node, sql)


def _check_table(node: Node, tables: set[str], sql: str) -> None:
    name = str(node["table_name"])
    if node.get("schema_name") or node.get("catalog_name"):
        _refuse(f"there is no schema {node.get('catalog_name') or node['schema_name']}", _which(tables), node, sql)
    if name.lower() not in tables:
        near = difflib.get_close_matches(name.lower(), tables, n=1)
        _refuse(f"there is no table {name[:200]}", f"Did you mean {near[0]}?" if near else _which(tables), node, sql)


def _check_table_function(node: Node, sql: str) -> None:
    name = str(node.get("function", {}).get("function_name", ""))
    if name.lower() not in _TABLE_FUNCTIONS:
        hint = "Files, settings and other databases are out of reach. Name a table of the browser, or an earlier cell."
        _refuse(f"the table function {name} is not to be had here", hint, node, sql)


def _check_show(node: Node) -> None:
    if node.get("query") is None and str(node.get("table_name", "")).lower() not in _SHOWN:
        raise SqlError("this cannot be shown here", hint="DESCRIBE table and SHOW TABLES can.", kind="refused")


def _which(tables: set[str]) -> str:
    return f"There are: {', '.join(sorted(tables))}."


def _refuse(message: str, hint: str, node: Node, sql: str) -> None:
    raise SqlError(message, hint=hint, kind="refused", **place_of(sql, node.get("query_location")))


class Place(TypedDict, total=False):
    """Where in the question."""

    line: int
    column: int


def place_of(sql: str, offset: object) -> Place:
    """Line and column, from 1, of a byte of the question; nothing where the engine does not say."""
    data = sql.encode()
    if not isinstance(offset, int) or not 0 <= offset <= len(data):
        return {}
    before = data[:offset].decode("utf-8", "ignore")
    return {"line": before.count("\n") + 1, "column": len(before) - (before.rfind("\n") + 1) + 1}
