"""What came of running a cell, and how that stands to the cell as it is now."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
import pandas as pd
import pyarrow as pa

from watchdog.base.errors import SqlError, WatchdogError


class CellState(StrEnum):
    """How a cell stands. Cells of words, charts and parameters are never more than FRESH, STALE or NEVER."""

    NEVER = "not run yet"
    WAITING = "waits its turn"
    RUNNING = "running"
    FRESH = "up to date"
    STALE = "changed since it ran"
    FORGOTTEN = "its answer was dropped to save memory"
    FAILED = "failed"


@dataclass(frozen=True)
class Failure:
    """Why a cell has no answer; line and column, from 1, of its text where they are known."""

    message: str
    hint: str = ""
    kind: str = "failed"
    line: int | None = None
    column: int | None = None

    @classmethod
    def of(cls, error: WatchdogError) -> Failure:
        """In the error's words."""
        if isinstance(error, SqlError):
            return cls(str(error), error.hint, error.kind, error.line, error.column)
        return cls(str(error), error.hint)


@dataclass(frozen=True)
class Outcome:
    """One run of one cell.

    Attributes:
        key: digest of the body and the values that it was run with.
        inputs: the answers that it read, as digests by cell id.
        began_at: aware, UTC; seconds: how long it took.
        table: None where it failed, or was dropped to save memory.
        digest: of the answer.
        notes: in words, what is missing or was odd; "" entries never.
    """

    key: str
    inputs: Mapping[str, str]
    began_at: datetime
    seconds: float = 0.0
    table: pa.Table | None = None
    digest: str = ""
    rows: int = 0
    notes: tuple[str, ...] = ()
    failure: Failure | None = None

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return int(self.table.nbytes) if self.table is not None else 0

    def frame(self, most: int | None = None) -> pd.DataFrame | None:
        """The answer, or its first `most` rows; instants are datetime64[us, UTC]. None where there is none."""
        if self.table is None:
            return None
        return frame_of(self.table if most is None else self.table.slice(0, most))


def frame_of(table: pa.Table) -> pd.DataFrame:
    """As pandas has it: whole numbers with gaps stay whole, days are instants, decimals are floats."""
    frame: pd.DataFrame = table.to_pandas(date_as_object=False, integer_object_nulls=False, timestamp_as_object=False)
    for at, kind in enumerate(table.schema.types):
        if pa.types.is_decimal(kind):
            frame.isetitem(at, frame.iloc[:, at].to_numpy(dtype="float64", na_value=np.nan))
        if pa.types.is_integer(kind) and table.column(at).null_count:
            frame.isetitem(at, pd.array(table.column(at).to_pylist(), dtype="Int64"))
    return frame


def told_apart(table: pa.Table) -> pa.Table:
    """With columns that no other is called like: x, x_1, as DuckDB calls them in a subquery."""
    names: list[str] = []
    for name in table.column_names:
        number, chosen = 0, name
        while chosen in names or (number and chosen in table.column_names):
            number += 1
            chosen = f"{name}_{number}"
        names.append(chosen)
    return table.rename_columns(names) if names != table.column_names else table


def table_digest(table: pa.Table) -> str:
    """The same for the same names, types and rows."""
    digest = hashlib.blake2b(digest_size=16)
    sink = _Hashing(digest)
    with pa.ipc.new_stream(pa.PythonFile(sink, "w"), table.schema) as stream:
        for batch in table.combine_chunks().to_batches():
            stream.write_batch(batch)
    return digest.hexdigest()


@dataclass
class _Hashing:
    """A file that keeps nothing but the digest of what is written to it."""

    digest: hashlib.blake2b
    closed: bool = field(default=False)

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self.closed = True
