"""From one row a reading to one row a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from watchdog.model.metrics import CATALOGUE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

IDENTITY = ("node", "gpu_uuid", "gpu_index", "gpu_model", "sampled_at")


def one_row_a_gpu(samples: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """SAMPLES as a wide frame: IDENTITY columns, then one float column a metric, null where there is no reading.

    `sampled_at` is the newest reading of the GPU. Parts (MIG instances, links) become one value as
    `Metric.over_gpus` says, unless the whole GPU has a reading of its own.
    """
    codes = samples["gpu_uuid"].cat.codes.to_numpy()
    used, first, row = np.unique(codes, return_index=True, return_inverse=True)
    wide = samples.iloc[first][list(IDENTITY[:4])].reset_index(drop=True)
    wide["gpu_uuid"] = wide["gpu_uuid"].astype("string")
    wide["node"] = wide["node"].astype("string")
    wide["gpu_model"] = wide["gpu_model"].astype("string")
    wide["sampled_at"] = _newest(samples["sampled_at"], row, len(used))
    values = samples["value"].to_numpy(dtype="float64")
    whole = (samples["part"] == "").to_numpy()
    metric = samples["metric"]
    names = {str(name): code for code, name in enumerate(metric.cat.categories)}
    metric_codes = metric.cat.codes.to_numpy()
    for key in metrics:
        chosen = np.flatnonzero(metric_codes == names.get(key, -2))
        wide[key] = _column(key, row[chosen], values[chosen], whole[chosen], len(used))
    return wide


def _newest(instants: pd.Series, row: Ints, count: int) -> pd.Series:
    newest = np.full(count, np.iinfo(np.int64).min)
    np.maximum.at(newest, row, instants.astype("int64").to_numpy())
    return pd.Series(newest).astype("datetime64[us]").dt.tz_localize("UTC")


def _column(key: str, row: Ints, values: Floats, whole: npt.NDArray[np.bool_], count: int) -> Floats:
    column = np.full(count, np.nan)
    parts = ~whole & ~np.isnan(values)
    if parts.any():
        _fill_from_parts(column, key, row[parts], values[parts])
    column[row[whole]] = values[whole]
    return column


def _fill_from_parts(column: Floats, key: str, row: Ints, values: Floats) -> None:
    how = CATALOGUE[key].over_gpus
    if how == "max":
        np.fmax.at(column, row, values)
        return
    total = np.bincount(row, weights=values, minlength=len(column))
    number = np.bincount(row, minlength=len(column))
    seen = number > 0
    column[seen] = total[seen] / number[seen] if how == "mean" else total[seen]
