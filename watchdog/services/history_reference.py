"""The page that documents the tables of history, made from them."""

from __future__ import annotations

from watchdog.model.questions import QUESTIONS
from watchdog.model.tables import TABLES, ColumnDoc, TableDoc

_PAGE = """# The tables of history

What SQL cells, exports and the assistant read. All instants are timestamps without a zone, in UTC. A missing value is
null, never 0. A metric's unit is the end of its name: `power_watts`, `gpu_util_ratio` (0 to 1). `$since` and `$until`
stand for the window. This page is made by `python -m watchdog docs history`.

{tables}
# Worked questions

{questions}"""
_TABLE = """## {table.name}

{table.row}

| column | type | unit | meaning |
|---|---|---|---|
{columns}

```sql
{table.example}
```
"""
_QUESTION = """## {question.title}

{question.explanation}

```sql
{question.sql}
```
"""


def history_page() -> str:
    """`docs/history-schema.md`."""
    return _PAGE.format(
        tables="\n".join(_table(table) for table in TABLES.values()),
        questions="\n".join(_QUESTION.format(question=question) for question in QUESTIONS.values()),
    )


def _table(table: TableDoc) -> str:
    return _TABLE.format(table=table, columns="\n".join(map(_column, table.columns)))


def _column(column: ColumnDoc) -> str:
    return f"| `{column.name}` | {column.type} | {column.unit} | {column.doc.replace('|', chr(92) + '|')} |"
