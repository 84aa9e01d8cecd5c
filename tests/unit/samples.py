"""Small SAMPLES frames for tests."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from tests.conftest import NOON
from watchdog.model.frames import SAMPLES


def samples(count, *, start=NOON, every=15, gpu="GPU-a", node="node01", metric="power_watts", value=None, first=0):
    """`count` readings of one series, one each `every` seconds; values count up unless `value` is given.

    The ones before number `first` are left out.
    """
    instants = [start + timedelta(seconds=every * i) for i in range(first, count)]
    values = [float(i) if value is None else float(value) for i in range(first, count)]
    return SAMPLES.conform(
        pd.DataFrame(
            {
                "metric": metric,
                "sampled_at": pd.to_datetime(instants, utc=True),
                "node": node,
                "gpu_uuid": gpu,
                "gpu_index": 0,
                "part": "",
                "gpu_model": "NVIDIA H100",
                "value": values,
            }
        )
    )
