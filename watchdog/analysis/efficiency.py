"""How well jobs used the GPUs that they held.

A reading stands for the time until the next one (or for its bucket), so GPU-hours used are the integral of
utilization. Time without a reading is missing: it is neither used nor idle, and where it is more than MOST_MISSING
of a GPU's time, nothing is said about that GPU.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import pandas as pd

from watchdog.analysis.held_readings import owned, with_processes
from watchdog.analysis.load import BUSY, busy_series
from watchdog.model.telemetry import LOOKBACK

# Below it nothing ran: drivers report whole percents. (A GPU that is merely hardly used is above.)
UNUSED_BELOW = 0.01
MOST_MISSING = 0.3
# A job that ends within it after its last work did not waste its tail.
SHORT_TAIL = timedelta(minutes=10)

_KEY = ["job_id", "submitted_at", "node", "gpu_index", "gpu_uuid"]
_SPAN = ["held_from", "held_until"]
_COUNT = "held_gpus"


class Use(StrEnum):
    """What a job did with one GPU.

    NO_PROCESS is a GPU that was never used and on which no process ever ran: the job did not even open it.
    """

    USED = "used"
    NEVER_USED = "never used"
    NO_PROCESS = "no process"
    WENT_IDLE = "went idle"
    UNKNOWN = "unknown"


# A GPU on which nothing ever ran; NEVER_USED alone where a process was there, or nobody counted them.
UNUSED = (Use.NEVER_USED, Use.NO_PROCESS)


def sample_readings(samples: pd.DataFrame, longest: timedelta = LOOKBACK) -> pd.DataFrame:
    """Utilization of SAMPLES as readings: gpu_uuid, at, from_at, until_at, busy_ratio; parts of a GPU are averaged.

    A sample stands until the next of its GPU, at most `longest`.
    """
    rows = busy_series(samples.rename(columns={"sampled_at": "bucket_at"})).rename(columns={"bucket_at": "at"})
    rows = rows.assign(gpu_uuid=rows["gpu_uuid"].astype("string")).sort_values(["gpu_uuid", "at"], kind="stable")
    following = rows.groupby("gpu_uuid", observed=True)["at"].shift(-1)
    limit = rows["at"] + pd.Timedelta(longest)
    until = following.where(following < limit, limit)
    return rows.assign(from_at=rows["at"], until_at=until)[["gpu_uuid", "at", "from_at", "until_at", BUSY]]


def bucket_readings(series: pd.DataFrame, step: timedelta) -> pd.DataFrame:
    """Utilization of SERIES in buckets of `step` as readings; a bucket belongs to who held the GPU at its middle."""
    rows = busy_series(series)
    start = rows["bucket_at"]
    frame = pd.DataFrame(
        {
            "gpu_uuid": rows["gpu_uuid"].astype("string"),
            "at": start + pd.Timedelta(step) / 2,
            "from_at": start,
            "until_at": start + pd.Timedelta(step),
            BUSY: rows[BUSY],
        }
    )
    return frame.sort_values(["gpu_uuid", "at"], kind="stable").reset_index(drop=True)


def gpu_use(holds: pd.DataFrame, readings: pd.DataFrame, processes: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row for each GPU that a job held.

    Args:
        holds: job_id, submitted_at, node, gpu_index, gpu_uuid (null where not known), held_gpus (1, or how many
            GPUs the row stands for where they are not known one by one), held_from, held_until.
        readings: as `sample_readings` or `bucket_readings` give them.
        processes: as `held_readings.process_readings` gives them; None where nobody counts processes.

    Returns:
        The columns of `holds`, and held_seconds, measured_seconds, busy_seconds (the integral of utilization),
        idle_seconds (measured, nothing ran), mean_busy_ratio (null without a reading), missing_ratio,
        last_busy_at, last_read_at, idle_tail_seconds (null for a GPU that was never used or is unknown),
        most_processes (null where nobody counted), processes_known (counted for all but MOST_MISSING of the time),
        use (a `Use`).
    """
    table = holds.reset_index(drop=True)
    table["held_seconds"] = (table["held_until"] - table["held_from"]).dt.total_seconds().clip(lower=0) * table[_COUNT]
    table = with_processes(table.join(_summed(table, readings)), processes)
    for name in ("measured_seconds", "busy_seconds", "idle_seconds"):
        table[name] = table[name].fillna(0.0).astype("float64")
    table = _within_held(table)
    measured = table["measured_seconds"]
    table["mean_busy_ratio"] = (table["busy_seconds"] / measured.where(measured > 0)).clip(upper=1.0)
    table["missing_ratio"] = 1 - (measured / table["held_seconds"].where(table["held_seconds"] > 0)).fillna(0.0)
    return _judged(table)


def _summed(holds: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """Sums over the readings of each row of `holds`, by its index."""
    own = owned(holds, readings, BUSY)
    seconds, busy = own["seconds"], own[BUSY] >= UNUSED_BELOW
    parts = pd.DataFrame(
        {
            "row": own["row"],
            "measured_seconds": seconds,
            "busy_seconds": seconds * own[BUSY].fillna(0.0),
            "idle_seconds": seconds.where(~busy, 0.0),
            "last_read_at": own["at"].where(own[BUSY].notna()),
            "last_busy_at": own["at"].where(busy),
        }
    )
    how = dict.fromkeys(("measured_seconds", "busy_seconds", "idle_seconds"), "sum")
    return parts.groupby("row").agg(how | dict.fromkeys(("last_read_at", "last_busy_at"), "max"))


def _within_held(table: pd.DataFrame) -> pd.DataFrame:
    """Buckets reach a little over the ends of a short job: it has no more measured time than it held."""
    shrink = (table["held_seconds"] / table["measured_seconds"].where(table["measured_seconds"] > 0)).clip(upper=1.0)
    names = ["measured_seconds", "busy_seconds", "idle_seconds"]
    return table.assign(**{name: table[name] * shrink.fillna(1.0) for name in names})


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    known = (table["missing_ratio"] <= MOST_MISSING) & (table["measured_seconds"] > 0)
    never = known & table["last_busy_at"].isna()
    tail = (table["last_read_at"] - table["last_busy_at"]).dt.total_seconds().where(known)
    went = known & (tail >= SHORT_TAIL.total_seconds())
    counted = table["counted_seconds"] >= (1 - MOST_MISSING) * table["held_seconds"]
    counted &= table["most_processes"].notna()
    counted &= ~table["node"].isin(_blind(table[known & ~never & counted]))
    rules = [
        (~known, Use.UNKNOWN),
        (never & counted & (table["most_processes"] == 0), Use.NO_PROCESS),
        (never, Use.NEVER_USED),
        (went, Use.WENT_IDLE),
    ]
    use = np.select([mask for mask, _ in rules], [word.value for _, word in rules], Use.USED.value)
    words = pd.Series(use, index=table.index, dtype="string")
    table = table.drop(columns="counted_seconds")
    return table.assign(idle_tail_seconds=tail, processes_known=counted, use=words)


def _blind(used: pd.DataFrame) -> pd.Series:
    """Nodes whose exporter sees no process on a GPU at work, as in a container without the host's processes."""
    return used.loc[(used["most_processes"] == 0) & (used["mean_busy_ratio"] > UNUSED_BELOW), "node"]


def held_spans(jobs: pd.DataFrame, gpus: pd.DataFrame, inventory: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Who held which GPU from when to when: the `holds` of `gpu_use`.

    Args:
        jobs: JOBS or JOB_HISTORY; what never started is left out. The end of a job of unknown end is its last sight.
        gpus: JOB_GPUS.
        inventory: GPUS; a place that is not in it has a null gpu_uuid.
        now: the end of what still runs.
    """
    started = jobs[jobs["started_at"].notna()]
    end = started["ended_at"]
    if "last_seen_at" in started:
        end = end.where(end.notna() | (started["state"] != "UNKNOWN"), started["last_seen_at"])
    spans = started[["job_id", "submitted_at", "started_at", "gpus"]].assign(held_until=end.fillna(pd.Timestamp(now)))
    spans = spans.rename(columns={"started_at": "held_from"})
    table = gpus.merge(spans, on=["job_id", "submitted_at"])
    places = inventory[inventory["gpu_index"].notna()].sort_values("last_seen_at")
    places = places.drop_duplicates(["node", "gpu_index"], keep="last")[["node", "gpu_index", "gpu_uuid"]]
    table = table.merge(places, how="left", on=["node", "gpu_index"])
    unplaced = table["gpu_index"].isna()
    return table.assign(gpu_uuid=table["gpu_uuid"].mask(unplaced), held_gpus=_counts(table))[[*_KEY, _COUNT, *_SPAN]]


def _counts(table: pd.DataFrame) -> pd.Series:
    """GPUs a row: one where its place is known; else the job's others, spread over its rows without a place."""
    unplaced = table["gpu_index"].isna()
    per_job = table.assign(unplaced=unplaced).groupby(["job_id", "submitted_at"], dropna=False)["unplaced"]
    without = per_job.transform("sum")
    others = table["gpus"].astype("float64") - (per_job.transform("size") - without)
    return (others / without.where(without > 0)).clip(lower=1.0).fillna(1.0).where(unplaced, 1.0)
