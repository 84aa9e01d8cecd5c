"""The first code cell of an exported notebook: it opens a bundle of Parquet files and needs duckdb and pandas."""

from __future__ import annotations

from datetime import datetime

# A template for `str.replace`: what is put in are Python literals, made by `repr`.
_TEXT = '''\
# Tables are the folders of a bundle, written by: python -m watchdog export --since ... --until ... --to DIR
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd

bundle = Path(BUNDLE)
parameters = PARAMETERS
# What each cell below answered, by its name.
answers = {}
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
for name in sorted({path.relative_to(bundle).parts[0] for path in bundle.rglob("*.parquet")}):
    place = bundle / name if name.endswith(".parquet") else bundle / name / "**" / "*.parquet"
    table, files = name.removesuffix(".parquet").replace('"', '""'), str(place).replace("'", "''")
    connection.execute(f"CREATE VIEW \\"{table}\\" AS SELECT * FROM read_parquet('{files}', union_by_name = true)")


def sql(text):
    """Answer a question: $names are bound; tables are the bundle's and the answers above."""
    for name, frame in answers.items():
        connection.register(name, frame)
    used = duckdb.extract_statements(text)[0].named_parameters
    return connection.execute(text, {name: parameters[name.lower()] for name in used} or None).df()


def chart(frame, kind, x, y, colour):
    """Draw with Altair where it is installed; else the table tells the same."""
    try:
        import altair
    except ImportError:
        return frame
    if kind == "table" or frame.empty:
        return frame
    names = [str(name) for name in frame.columns]
    numbers = [name for name in names if pd.api.types.is_numeric_dtype(frame[name])]
    times = [name for name in names if pd.api.types.is_datetime64_any_dtype(frame[name])]
    x, y = x or (times or names)[0], y or (numbers or names)[-1]
    drawn = altair.Chart(frame.head(5000))

    def field(channel, name):
        kind_of = "temporal" if name in times else "quantitative" if name in numbers else "nominal"
        return channel(field=name.replace(".", "\\\\.").replace("[", "\\\\[").replace("]", "\\\\]"), type=kind_of, title=name)

    if kind == "histogram":
        return drawn.mark_bar().encode(altair.X(field=x, bin=True), altair.Y(aggregate="count"))
    marks = {"area": "area", "bar": "bar", "heat map": "rect", "scatter": "point"}
    axes = [field(altair.X, x), field(altair.Y, y)] + ([field(altair.Color, colour)] if colour else [])
    return getattr(drawn, "mark_" + marks.get(kind, "line"))().encode(*axes)
'''


def prelude(bundle: str, parameters: dict[str, object]) -> str:
    """The code, with the bundle's place and the page's parameters as literals."""
    pairs = ", ".join(f"{name!r}: {literal(value)}" for name, value in parameters.items())
    # The place last: it may hold the other word.
    return _TEXT.replace("PARAMETERS", "{" + pairs + "}", 1).replace("BUNDLE", repr(bundle), 1)


def literal(value: object) -> str:
    """Python that makes the value and does nothing else."""
    if isinstance(value, datetime):
        return f"datetime.fromisoformat({value.isoformat()!r})"
    return repr(value)
