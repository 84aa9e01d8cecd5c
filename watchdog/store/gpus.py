"""The GPUs that were seen, each where it was last."""

from __future__ import annotations

import numpy as np
import pandas as pd

from watchdog.model.arrays import instants
from watchdog.store.series import SeriesTable


def gpus_of(series: SeriesTable, seen_since: int) -> pd.DataFrame:
    """One row a GPU (columns of GPUS) with a reading since `seen_since` (microseconds since the epoch)."""
    named = np.flatnonzero(series.gpu_uuid != 0)
    order = named[np.argsort(series.last_seen[named], kind="stable")]
    table = pd.DataFrame(
        {
            "node": series.categorical("node", order),
            "gpu_uuid": series.categorical("gpu_uuid", order),
            "gpu_index": series.places(order),
            "gpu_model": series.categorical("gpu_model", order),
            "first_seen_at": instants(series.first_seen[order]),
            "last_seen_at": instants(series.last_seen[order]),
        }
    )
    # An exporter that does not say the model must not hide what another metric's labels said.
    table["gpu_model"] = table["gpu_model"].astype(object).where(series.gpu_model[order] != 0)
    grouped = table.groupby("gpu_uuid", observed=True, sort=False)
    newest = grouped.last()
    newest["first_seen_at"] = grouped["first_seen_at"].min()
    newest = newest[newest["last_seen_at"] >= pd.Timestamp(seen_since, unit="us", tz="UTC")]
    newest = newest.fillna({"gpu_model": ""}).reset_index().astype({"gpu_uuid": str, "node": str})
    return newest.sort_values(["node", "gpu_index", "gpu_uuid"])
