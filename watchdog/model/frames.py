"""Frame contracts: the columns, dtypes and keys every layer agrees on.

Frames are tidy: one row per key, a plain index, names of quantity and unit, instants `*_at` in UTC,
missing = null. They are checked once, where data enters the app.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from watchdog.base.errors import ContractError

UTC_DTYPE = "datetime64[us, UTC]"


@dataclass(frozen=True)
class Column:
    """One column: its dtype, whether it may be null, and its valid range."""

    dtype: str
    nullable: bool = False
    low: float | None = None
    high: float | None = None
    doc: str = ""


@dataclass(frozen=True)
class Frame:
    """A named table with a key; `check` returns it unchanged or raises."""

    name: str
    key: tuple[str, ...]
    columns: dict[str, Column]

    def empty(self) -> pd.DataFrame:
        """Return a frame with no rows and every column, so callers need no special case."""
        return pd.DataFrame({n: pd.Series(dtype=c.dtype) for n, c in self.columns.items()})

    def conform(self, df: pd.DataFrame) -> pd.DataFrame:
        """Return `df` with the contract's columns in order and in their dtypes, checked."""
        types = {n: c.dtype for n, c in self.columns.items() if str(df[n].dtype) != c.dtype}
        return self.check(df[list(self.columns)].astype(types).reset_index(drop=True))

    def check(self, df: pd.DataFrame) -> pd.DataFrame:
        """Return `df`, or raise ContractError naming every problem found."""
        problems = [
            *self._names(df),
            *(p for n, c in self.columns.items() if n in df for p in _column_problems(n, c, df[n])),
            *self._duplicate_keys(df),
        ]
        if problems:
            raise ContractError(f"{self.name}: " + "; ".join(problems))
        return df

    def _names(self, df: pd.DataFrame) -> list[str]:
        got = {str(name) for name in df}
        missing, extra = set(self.columns) - got, got - set(self.columns)
        return [f"missing {sorted(missing)}"] * bool(missing) + [f"unknown {sorted(extra)}"] * bool(extra)

    def _duplicate_keys(self, df: pd.DataFrame) -> list[str]:
        if not set(self.key) <= set(df):
            return []
        count = int(df.duplicated(list(self.key)).sum())
        return [f"{count} duplicate keys {self.key}"] if count else []


def _column_problems(name: str, want: Column, got: pd.Series) -> list[str]:
    problems = []
    if str(got.dtype) != want.dtype:
        return [f"{name} is {got.dtype}, want {want.dtype}"]
    if not want.nullable and got.isna().any():
        problems.append(f"{name} has {int(got.isna().sum())} nulls")
    if want.low is not None and (got < want.low).any():
        problems.append(f"{name} below {want.low}")
    if want.high is not None and (got > want.high).any():
        problems.append(f"{name} above {want.high}")
    return problems


_GPU = {
    "node": Column("category", doc="Slurm's short node name."),
    "gpu_uuid": Column("category", doc="NVML UUID (`GPU-…`): the identity; stable across reboots."),
    "gpu_index": Column("Int16", nullable=True, low=0, doc="A place in the node, not an identity."),
    "part": Column(
        "category",
        doc="'' for the whole GPU, else the piece the series is about: `mig=1g.10gb/7`, `link=3`, `xid=79`.",
    ),
}
_METRIC = Column("category", doc="Key in the metric catalogue; its unit is the unit of `value`.")

# Readings as they were taken. Several samples of one series at one instant are an error of the source.
SAMPLES = Frame(
    name="samples",
    key=("metric", "sampled_at", "gpu_uuid", "part"),
    columns={
        "metric": _METRIC,
        "sampled_at": Column(UTC_DTYPE, doc="When the source read the sensor; of a direct scrape: when we scraped."),
        **_GPU,
        "gpu_model": Column("category", doc="As the driver names it; '' where no exporter says."),
        "value": Column("float64", doc="In the metric's base unit."),
    },
)

# Readings aggregated to buckets [bucket_at, bucket_at + step); a bucket without a sample has no row.
# Aggregated over GPUs, gpu_uuid and part are '' and gpu_index is null; over the cluster, node is '' too.
SERIES = Frame(
    name="series",
    key=("metric", "bucket_at", "node", "gpu_uuid", "part"),
    columns={
        "metric": _METRIC,
        "bucket_at": Column(UTC_DTYPE, doc="Start of the bucket."),
        **_GPU,
        "value": Column("float64", doc="In the metric's base unit."),
    },
)

# One row a GPU that was ever seen: what should be there.
GPUS = Frame(
    name="gpus",
    key=("gpu_uuid",),
    columns={
        "node": Column("string"),
        "gpu_uuid": Column("string"),
        "gpu_index": Column("Int16", nullable=True, low=0),
        "gpu_model": Column("string"),
        "first_seen_at": Column(UTC_DTYPE),
        "last_seen_at": Column(UTC_DTYPE),
    },
)


def concat(contract: Frame, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames of one contract, one below the other; categories are united instead of becoming objects."""
    full = [frame for frame in frames if len(frame)]
    if len(full) < 2:
        return full[0] if full else contract.empty()
    columns = {
        name: _joined(column.dtype, [frame[name] for frame in full]) for name, column in contract.columns.items()
    }
    return pd.DataFrame(columns, copy=False)


def _joined(dtype: str, parts: list[pd.Series]) -> object:
    if dtype == "category":
        return union_categoricals(parts)
    if dtype == "float64":
        return np.concatenate([part.to_numpy() for part in parts])
    return pd.concat(parts, ignore_index=True)
