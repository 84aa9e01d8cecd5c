"""Faults of the hardware in the recent past, one a GPU."""

from __future__ import annotations

import numpy as np
import pandas as pd

from watchdog.analysis.xid import HARDWARE_FAULTS, xid_text

COUNTERS = ("xid_errors_count", "ecc_uncorrected_volatile_count")
STICKY = "xid_code"
_COLUMNS = ("gpu_uuid", "fault", "fault_at", "rank")


def recent_faults(increases: pd.DataFrame, codes: pd.DataFrame) -> pd.DataFrame:
    """The gravest fault of each GPU: index gpu_uuid, columns fault (words) and fault_at (its first bucket).

    Args:
        increases: SERIES of COUNTERS, each value the increase inside the bucket.
        codes: SERIES of the sticky XID gauge, last value a bucket. Only a code that appears inside the
            window counts: the gauge keeps an old one until the driver restarts.
    """
    found = [_counted_xids(increases), _new_codes(codes), _ecc_growth(increases)]
    rows = pd.concat(found, ignore_index=True) if any(len(part) for part in found) else found[0]
    first = rows.sort_values(["rank", "fault_at"], kind="stable").drop_duplicates("gpu_uuid")
    faults = first.set_index("gpu_uuid")[["fault", "fault_at"]]
    faults.index = faults.index.astype("string")
    return faults.astype({"fault": "string", "fault_at": "datetime64[us, UTC]"})


def _nothing() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=object) for name in _COLUMNS})


def _counted_xids(increases: pd.DataFrame) -> pd.DataFrame:
    rows = increases[(increases["metric"] == COUNTERS[0]) & (increases["value"] > 0)]
    codes = pd.to_numeric(rows["part"].astype("string").str.removeprefix("xid="), errors="coerce")
    return _xid_rows(rows, codes)


def _new_codes(codes: pd.DataFrame) -> pd.DataFrame:
    rows = codes[codes["metric"] == STICKY].sort_values("bucket_at", kind="stable")
    before = rows.groupby(["gpu_uuid", "part"], observed=True)["value"].shift()
    changed = rows[before.notna() & (rows["value"] != before)]
    return _xid_rows(changed, changed["value"])


def _xid_rows(rows: pd.DataFrame, codes: pd.Series) -> pd.DataFrame:
    bad = codes.isin(list(HARDWARE_FAULTS)).to_numpy(dtype=bool)
    if not bad.any():
        return _nothing()
    kept = rows[bad]
    words = [xid_text(int(code)) for code in codes[bad]]
    return _rows(kept, words, rank=0)


def _ecc_growth(increases: pd.DataFrame) -> pd.DataFrame:
    rows = increases[(increases["metric"] == COUNTERS[1]) & (increases["value"] > 0)]
    if not len(rows):
        return _nothing()
    per_gpu = rows.groupby("gpu_uuid", observed=True).agg(value=("value", "sum"), bucket_at=("bucket_at", "min"))
    words = [f"{count:.0f} uncorrected ECC errors in the last day" for count in per_gpu["value"]]
    return _rows(per_gpu.reset_index(), words, rank=1)


def _rows(rows: pd.DataFrame, words: list[str], rank: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gpu_uuid": rows["gpu_uuid"].astype(object).to_numpy(),
            "fault": words,
            "fault_at": rows["bucket_at"].array,
            "rank": np.full(len(rows), rank),
        }
    )
