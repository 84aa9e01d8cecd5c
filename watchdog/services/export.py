"""What is shown, as a file."""

from __future__ import annotations

import io

import pandas as pd

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV, instants in ISO 8601 UTC. Text that a spreadsheet would run as a formula gets a leading quote."""
    safe = frame.copy()
    for name in safe.select_dtypes(include=["string", "object", "category"]).columns:
        text = safe[name].astype("string")
        safe[name] = text.where(~text.str.startswith(_FORMULA_STARTS).fillna(False), "'" + text)
    for name in safe.select_dtypes(include=["datetimetz"]).columns:
        safe[name] = safe[name].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return safe.to_csv(index=False).encode()


def as_parquet(frame: pd.DataFrame) -> bytes:
    """Parquet with zstd; types are kept, instants stay UTC."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()
