"""Which readings of a GPU belong to whom: to the job that held it then."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

PROCESSES = "compute_processes_count"
_COUNT = "process_count"


def process_readings(series: pd.DataFrame, step: timedelta) -> pd.DataFrame:
    """Compute processes of SERIES in buckets of `step`: gpu_uuid, at (the middle), from_at, until_at, process_count.

    A bucket's mean is 0 only where every sample of it was; parts of a GPU are added. Exporters that do not publish
    the number give no rows.
    """
    rows = series[series["metric"] == PROCESSES].assign(gpu_uuid=lambda found: found["gpu_uuid"].astype("string"))
    sums = rows.groupby(["gpu_uuid", "bucket_at"], observed=True)["value"].sum(min_count=1).reset_index()
    start = sums["bucket_at"]
    frame = pd.DataFrame(
        {
            "gpu_uuid": sums["gpu_uuid"],
            "at": start + pd.Timedelta(step) / 2,
            "from_at": start,
            "until_at": start + pd.Timedelta(step),
            _COUNT: sums["value"],
        }
    )
    return frame.sort_values(["gpu_uuid", "at"], kind="stable").reset_index(drop=True)


def owned(holds: pd.DataFrame, readings: pd.DataFrame, value: str) -> pd.DataFrame:
    """`readings` of the time in which somebody held their GPU.

    Args:
        holds: gpu_uuid (rows where it is null own nothing), held_from, held_until.
        readings: gpu_uuid, at, from_at, until_at and a column of values.
        value: the name of that column.

    Returns:
        The columns of `readings`, with `row` (of `holds`, by its index) and `seconds` (how much of the reading lies
        in the hold; 0 where the value is null).
    """
    named = holds.loc[holds["gpu_uuid"].notna(), ["gpu_uuid", "held_from", "held_until"]]
    named = named.assign(row=named.index, gpu_uuid=named["gpu_uuid"].astype(object)).sort_values("held_from")
    order = readings.assign(gpu_uuid=readings["gpu_uuid"].astype(object)).sort_values("at")
    found = pd.merge_asof(order, named, left_on="at", right_on="held_from", by="gpu_uuid")
    found = found[found["at"] < found["held_until"]]
    begin = found["from_at"].where(found["from_at"] > found["held_from"], found["held_from"])
    end = found["until_at"].where(found["until_at"] < found["held_until"], found["held_until"])
    seconds = (end - begin).dt.total_seconds().where(found[value].notna(), 0.0)
    return found.assign(row=found["row"].astype("int64"), seconds=seconds)


def with_processes(holds: pd.DataFrame, readings: pd.DataFrame | None) -> pd.DataFrame:
    """`holds` with `counted_seconds` (time with a number of processes) and `most_processes` (null without one).

    Args:
        holds: as `owned` takes them.
        readings: `process_readings`; None where nobody publishes them.
    """
    if readings is None or not len(readings):
        return holds.assign(counted_seconds=0.0, most_processes=pd.Series(float("nan"), index=holds.index))
    grouped = owned(holds, readings, _COUNT).groupby("row")
    sums = pd.DataFrame({"counted_seconds": grouped["seconds"].sum(), "most_processes": grouped[_COUNT].max()})
    table = holds.join(sums)
    return table.assign(counted_seconds=table["counted_seconds"].fillna(0.0))
