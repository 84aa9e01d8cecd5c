"""Small SAMPLES frames, and what their buckets must be, computed by pandas and numpy alone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from tests.conftest import NOON
from watchdog.model.buckets import bucketed
from watchdog.model.frames import SAMPLES
from watchdog.model.telemetry import Statistic, Window
from watchdog.store.connection import rows
from watchdog.store.database import Store
from watchdog.store.tiers import TIERS

GAUGE = "power_watts"
COUNTER = "energy_joules"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def minutes(since: float, until: float) -> Window:
    return Window(at(60 * since), at(60 * until))


def reading(seconds, value, metric=GAUGE, *, node="n1", gpu="GPU-a", part="", index=0, model="H100"):
    return {
        "metric": metric,
        "sampled_at": at(seconds),
        "node": node,
        "gpu_uuid": gpu,
        "gpu_index": index,
        "part": part,
        "gpu_model": model,
        "value": float(value),
    }


def frame(*readings) -> pd.DataFrame:
    return SAMPLES.conform(pd.DataFrame(readings)) if readings else SAMPLES.empty()


def ramp(count, step=15, metric=GAUGE, start=0.0, **kwargs) -> pd.DataFrame:
    """`count` readings of one series, `step` seconds apart, counting up from 0."""
    return frame(*(reading(start + step * i, i, metric, **kwargs) for i in range(count)))


def rollups(store: Store, table: str = "rollup_1m") -> pd.DataFrame:
    """Every row of a tier with the words of its series, in a fixed order."""
    tier = next(tier for tier in TIERS if tier.name == table)
    with store.read() as (cursor, _):
        return cursor.execute(
            f"SELECT metric, node, gpu_uuid, part, bucket * {tier.span // timedelta(seconds=1)} AS at, min, max, sum, count, last, increase "
            f"FROM {table} JOIN series USING (series_id) ORDER BY ALL"
        ).df()


def expected(samples: pd.DataFrame, window: Window, step: timedelta) -> pd.DataFrame:
    """The rollups of `samples`, by the code that every source shares."""
    keys = ["metric", "node", "gpu_uuid", "part", "bucket_at"]
    parts = {s: bucketed(samples, window, step, s).set_index(keys)["value"] for s in Statistic}
    inside = samples[(samples["sampled_at"] >= window.since) & (samples["sampled_at"] < window.until)]
    counts = inside.assign(value=1.0, sampled_at=inside["sampled_at"].dt.floor(step))
    count = counts.groupby([*keys[:4], "sampled_at"], observed=True)["value"].sum()
    out = pd.DataFrame({s.value: series for s, series in parts.items()})
    out["count"] = count.rename_axis(keys).reindex(out.index)
    out["sum"] = out["avg"] * out["count"]
    out.loc[out.index.get_level_values("metric") != COUNTER, "increase"] = float("nan")
    out = out.reset_index()
    out["at"] = out["bucket_at"].astype("int64") // 1_000_000
    columns = [*keys[:4], "at", "min", "max", "sum", "count", "last", "increase"]
    return out[columns].astype(dict.fromkeys(keys[:4], "str")).sort_values(columns[:5], ignore_index=True)


def assert_same(got: pd.DataFrame, want: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(got.astype(want.dtypes), want, rtol=1e-9, atol=1e-6)


def scalar(store: Store, sql: str):
    with store.read() as (cursor, _):
        return rows(cursor, sql)[0][0]
