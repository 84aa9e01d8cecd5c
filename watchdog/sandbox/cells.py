"""Columns as they come in and go out: instants are UTC inside and say so outside; long cells are cut."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pyarrow as pa

_ELLIPSIS = "…"


def without_zone(table: pa.Table) -> pa.Table:
    """Instants with a zone as plain ones in UTC, which is what the tables have: arithmetic is ten times as fast."""
    zoned = [i for i, column in enumerate(table.schema) if pa.types.is_timestamp(column.type) and column.type.tz]
    for i in zoned:
        unit = table.schema[i].type.unit
        table = table.set_column(i, table.schema[i].name, _viewed(table.column(i), pa.timestamp(unit)))
    return table


# `cast` would do, and load pyarrow.compute: longer than most questions take.
def _viewed(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([chunk.view(kind) for chunk in column.chunks], kind)


def plain(table: pa.Table) -> pa.Table:
    """Instants marked as UTC, intervals as durations, and decimals too wide for others as floats."""
    columns = [_plain(column) for column in table.columns]
    return pa.table(columns, names=_unique(table.column_names))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _viewed(column, pa.timestamp(kind.unit, tz="UTC"))
    if pa.types.is_decimal(kind):
        return _number(column)
    if kind == pa.month_day_nano_interval():
        return pa.chunked_array([_duration(chunk) for chunk in column.chunks], pa.duration("us"))
    return column


def _number(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole numbers stay whole where they fit: the sum of a column of integers is a decimal to Arrow."""
    values = [None if value is None else value for chunk in column.chunks for value in chunk.to_pylist()]
    if column.type.scale == 0:
        with suppress(OverflowError):
            return pa.chunked_array([pa.array([None if v is None else int(v) for v in values], pa.int64())])
    return pa.chunked_array([pa.array([None if v is None else float(v) for v in values], pa.float64())])


def _duration(chunk: pa.Array) -> pa.Array:
    """Months, days and nanoseconds as one length; a month counts 30 days, as DuckDB has it."""
    parts = np.frombuffer(chunk.buffers()[1], np.dtype([("m", "<i4"), ("d", "<i4"), ("n", "<i8")]))
    parts = parts[chunk.offset : chunk.offset + len(chunk)]
    micros = (parts["m"].astype(np.int64) * 30 + parts["d"]) * 86_400_000_000 + parts["n"] // 1000
    return pa.Array.from_buffers(
        pa.duration("us"), len(chunk), [_validity(chunk), pa.py_buffer(micros)], null_count=chunk.null_count
    )


def _validity(chunk: pa.Array) -> pa.Buffer | None:
    """The bits that say which values are there, from the chunk's first on."""
    bits = chunk.buffers()[0]
    if bits is None or not chunk.null_count:
        return None
    flags = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[chunk.offset : chunk.offset + len(chunk)]
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _unique(names: list[str]) -> list[str]:
    """`SELECT a, a` has two columns of one name, which frames cannot have."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return out


def shortened(batch: pa.RecordBatch, chars: int) -> pa.RecordBatch:
    """The batch with no text, list or blob longer than `chars`."""
    columns = [_shortened(column, chars) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _shortened(column: pa.Array, chars: int) -> pa.Array:
    kind = column.type
    if pa.types.is_primitive(kind) or pa.types.is_null(kind) or column.nbytes <= chars:
        return column
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _cut_texts(column, chars)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.array([_cut_bytes(value, chars) for value in column.to_pylist()], pa.binary())
    if pa.types.is_nested(kind):
        return _texts_if_long(column, chars)
    return column


def _cut_texts(column: pa.Array, chars: int) -> pa.Array:
    width = np.int64 if pa.types.is_large_string(column.type) else np.int32
    ends = np.frombuffer(column.buffers()[1], width)[column.offset : column.offset + len(column) + 1]
    if not len(ends) or np.diff(ends).max(initial=0) <= chars:
        return column
    return pa.array([_cut_text(value, chars) for value in column.to_pylist()], pa.string())


def _texts_if_long(column: pa.Array, chars: int) -> pa.Array:
    """Lists and structs, as text once any is long: there is no other way to show the beginning of one."""
    values = column.to_pylist()
    texts = [None if value is None else str(value) for value in values]
    if max((len(text) for text in texts if text is not None), default=0) <= chars:
        return column
    return pa.array([_cut_text(text, chars) for text in texts], pa.string())


def _cut_text(value: str | None, chars: int) -> str | None:
    return value if value is None or len(value) <= chars else value[:chars] + _ELLIPSIS


def _cut_bytes(value: bytes | None, chars: int) -> bytes | None:
    return value if value is None else value[:chars]
