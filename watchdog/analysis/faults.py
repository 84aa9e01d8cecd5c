"""Faults of the hardware in the recent past, one a GPU."""

from __future__ import annotations

import numpy as np
import pandas as pd

from watchdog.analysis.xid import HARDWARE_FAULTS, xid_text

COUNTERS = ("xid_errors_count", "ecc_uncorrected_volatile_count")
STICKY = "xid_code"
# Published for as long as a GPU is: tells a counter that is new from one that we only now begin to see.
PRESENCE = "gpu_temperature_celsius"
LAST_VALUES = (STICKY, COUNTERS[0], PRESENCE)
_COLUMNS = ("gpu_uuid", "fault", "fault_at", "rank")


def recent_faults(increases: pd.DataFrame, lasts: pd.DataFrame) -> pd.DataFrame:
    """The gravest fault of each GPU: index gpu_uuid, columns fault (words) and fault_at (its first bucket).

    Args:
        increases: SERIES of COUNTERS, each value the increase inside the bucket.
        lasts: SERIES of LAST_VALUES, the last value of each bucket. Of the sticky XID gauge only a code
            that appears inside the window counts: it keeps an old one until the driver restarts. An XID
            counter that appears while its GPU was there before was counted then: it has no zero to grow from.
    """
    found = [_counted_xids(increases), _new_counters(lasts), _new_codes(lasts), _ecc_growth(increases)]
    rows = pd.concat(found, ignore_index=True) if any(len(part) for part in found) else found[0]
    first = rows.sort_values(["rank", "fault_at"], kind="stable").drop_duplicates("gpu_uuid")
    faults = first.set_index("gpu_uuid")[["fault", "fault_at"]]
    faults.index = faults.index.astype("string")
    return faults.astype({"fault": "string", "fault_at": "datetime64[us, UTC]"})


def _nothing() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=object) for name in _COLUMNS})


def _counted_xids(increases: pd.DataFrame) -> pd.DataFrame:
    rows = increases[(increases["metric"] == COUNTERS[0]) & (increases["value"] > 0)]
    return _xid_rows(rows, _part_codes(rows))


def _new_counters(lasts: pd.DataFrame) -> pd.DataFrame:
    counters = lasts[(lasts["metric"] == COUNTERS[0]) & (lasts["value"] > 0)]
    if not len(counters):
        return _nothing()
    first = counters.sort_values("bucket_at", kind="stable").drop_duplicates(["gpu_uuid", "part"])
    present = lasts[lasts["metric"] == PRESENCE].groupby("gpu_uuid", observed=True)["bucket_at"].min()
    since = first["gpu_uuid"].astype("string").map(present.rename(index=str))
    new = first[(since < first["bucket_at"]).to_numpy(dtype=bool)]
    return _xid_rows(new, _part_codes(new))


def _part_codes(rows: pd.DataFrame) -> pd.Series:
    return pd.to_numeric(rows["part"].astype("string").str.removeprefix("xid="), errors="coerce")


def _new_codes(lasts: pd.DataFrame) -> pd.DataFrame:
    rows = lasts[lasts["metric"] == STICKY].sort_values("bucket_at", kind="stable")
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
