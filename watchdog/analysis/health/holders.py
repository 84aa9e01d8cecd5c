"""Which job holds each GPU, and where nobody can tell."""

from __future__ import annotations

import pandas as pd

from watchdog.analysis.health.facts import HOLDER_DTYPES
from watchdog.model.slurm.records import ACTIVE

_ACTIVE = [state.value for state in ACTIVE]
_COLUMNS = {
    "job_id": "job_id",
    "job_user": "user",
    "job_account": "account",
    "job_partition": "partition",
    "job_gpus": "gpus",
    "job_started_at": "started_at",
}


def held_by(cells: pd.DataFrame, jobs: pd.DataFrame | None, job_gpus: pd.DataFrame | None) -> pd.DataFrame:
    """`cells` with HOLDER_DTYPES; job_id "" where no job holds the GPU, null where Slurm does not say.

    A job that holds GPUs of a node without saying which leaves the GPUs of that node that no other job names unknown.
    Of several jobs on one GPU the first counts.

    Args:
        cells: one row a GPU.
        jobs: JOBS of now; None where no Slurm is read.
        job_gpus: JOB_GPUS likewise.
    """
    if jobs is None or job_gpus is None:
        return cells.assign(**dict.fromkeys(HOLDER_DTYPES)).astype(HOLDER_DTYPES)
    active = jobs.loc[jobs["state"].isin(_ACTIVE)]
    columns = ["job_id", "submitted_at", *(c for c in _COLUMNS.values() if c != "job_id")]
    placed = job_gpus.merge(active[columns], on=["job_id", "submitted_at"])
    named = placed[placed["gpu_index"].notna()].drop_duplicates(["node", "gpu_index"])
    keys = pd.MultiIndex.from_arrays([cells["node"].astype("string"), cells["gpu_index"].astype("Int16")])
    table = named.set_index(["node", "gpu_index"]).reindex(keys)
    answer = cells.assign(**{name: table[column].array for name, column in _COLUMNS.items()}).astype(HOLDER_DTYPES)
    unsure = answer["node"].isin(set(placed.loc[placed["gpu_index"].isna(), "node"]))
    free = answer["job_id"].isna() & ~unsure
    texts = [name for name, dtype in HOLDER_DTYPES.items() if dtype == "string"]
    answer.loc[free, texts] = ""
    return answer
