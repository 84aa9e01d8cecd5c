"""Which job holds a GPU now."""

from __future__ import annotations

import pandas as pd

from watchdog.model.slurm.records import ACTIVE

_ACTIVE = [state.value for state in ACTIVE]


def with_holders(cells: pd.DataFrame, jobs: pd.DataFrame, job_gpus: pd.DataFrame) -> pd.DataFrame:
    """`cells` (node, gpu_index, …) with `job` and `user`: text for people, "" where nobody is known to hold it.

    Args:
        cells: one row a GPU.
        jobs: JOBS; only those that hold their nodes count.
        job_gpus: JOB_GPUS; a hold without an index names no GPU. A GPU shared by several jobs names them all.
    """
    active = jobs.loc[jobs["state"].isin(_ACTIVE), ["job_id", "submitted_at", "user"]]
    placed = job_gpus[job_gpus["gpu_index"].notna()].merge(active, on=["job_id", "submitted_at"])
    if not len(placed):
        return cells.assign(job="", user="")
    together = _one_row_a_gpu(placed)
    keys = pd.MultiIndex.from_arrays([cells["node"].astype("string"), cells["gpu_index"].astype("Int16")])
    table = together.set_index(["node", "gpu_index"]).reindex(keys)
    found = {"job": table["job_id"], "user": table["user"]}
    return cells.assign(**{name: texts.fillna("").astype("string").to_numpy() for name, texts in found.items()})


def _one_row_a_gpu(placed: pd.DataFrame) -> pd.DataFrame:
    rows = placed[["node", "gpu_index", "job_id", "user"]]
    shared = rows.duplicated(["node", "gpu_index"], keep=False)
    if not shared.any():
        return rows
    joined = rows[shared].groupby(["node", "gpu_index"], as_index=False)[["job_id", "user"]].agg(_joined)
    return pd.concat([rows[~shared], joined], ignore_index=True)


def _joined(texts: pd.Series) -> str:
    return ", ".join(dict.fromkeys(str(text) for text in texts))
