"""The same data asked of Prometheus, VictoriaMetrics and the store gives equal frames."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.integration.servers import running_prometheus, running_victoria
from watchdog.base.clock import FakeClock
from watchdog.base.config import Config
from watchdog.model.exposition import labels_text
from watchdog.model.frames import SAMPLES
from watchdog.model.metrics import MIB
from watchdog.model.telemetry import By, Statistic, Where, Window
from watchdog.sources.prometheus import PrometheusTelemetry
from watchdog.store.database import Store
from watchdog.store.telemetry import StoreTelemetry

pytestmark = pytest.mark.integration

START = datetime(2026, 11, 1, 10, 0, tzinfo=UTC)
UNTIL = START + timedelta(hours=2)
WINDOW = Window(START, UNTIL)
MODEL = "NVIDIA A100-SXM4-80GB"
GPUS = [(f"node0{n}", f"GPU-{n}{i}", i) for n in (1, 2) for i in (0, 1)]
METRICS = (
    "gpu_util_ratio",
    "power_watts",
    "energy_joules",
    "memory_used_bytes",
    "throttle_hw_thermal_flag",
    "xid_code",
)
EXPORTED = {
    "gpu_util_ratio": ("DCGM_FI_DEV_GPU_UTIL", 0.01),
    "power_watts": ("DCGM_FI_DEV_POWER_USAGE", 1.0),
    "energy_joules": ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", 0.001),
    "memory_used_bytes": ("DCGM_FI_DEV_FB_USED", MIB),
    "xid_code": ("DCGM_FI_DEV_XID_ERRORS", 1.0),
}


def readings():
    """(catalogue key, exported name, gpu, instant, exported value): jitter, gaps, a reset, boundaries and a mask."""
    random = np.random.default_rng(3)
    for number, gpu in enumerate(GPUS):
        at, energy = START - timedelta(minutes=10), 1_000_000 * (number + 1)
        while at < UNTIL:
            minute = (at - START).total_seconds() / 60
            if not (gpu[1] == "GPU-11" and 30 <= minute < 50):  # a lost GPU for 20 minutes
                energy = (
                    5_000 if gpu[1] == "GPU-20" and 60 <= minute < 60.25 else energy + int(random.integers(1, 9_999))
                )
                yield "gpu_util_ratio", gpu, at, int(random.integers(0, 101))
                yield "power_watts", gpu, at, round(float(random.uniform(60, 700)), 3)
                yield "energy_joules", gpu, at, energy
                yield "memory_used_bytes", gpu, at, int(random.integers(0, 81_559))
                yield "mask", gpu, at, int(random.choice([0, 0x4, 0x40, 0x44]))
                if gpu[1] == "GPU-21" and minute > 20:
                    yield "xid_code", gpu, at, 79
            # Every fourth sample lies exactly on a bucket's edge, the others a few ms beside the grid.
            seconds = 15 * round((at - START).total_seconds() / 15 + 1)
            at = START + timedelta(
                seconds=seconds, milliseconds=0 if seconds % 60 == 0 else int(random.integers(0, 900))
            )


@pytest.fixture(scope="module")
def data():
    return list(readings())


def exported(data):
    for key, (node, uuid, index), at, value in data:
        name = "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS" if key == "mask" else EXPORTED[key][0]
        labels = {"gpu": str(index), "UUID": uuid, "modelName": MODEL, "Hostname": node, "instance": f"{node}:9400"}
        yield name + labels_text(labels), at, value


def stored(data):
    rows = [
        ("throttle_hw_thermal_flag", gpu, at, float(bool(value & 0x40)))
        if key == "mask"
        else (key, gpu, at, value * EXPORTED[key][1])
        for key, gpu, at, value in data
    ]
    return SAMPLES.conform(
        pd.DataFrame(
            {
                "metric": [row[0] for row in rows],
                "sampled_at": pd.to_datetime([row[2] for row in rows], utc=True),
                "node": [row[1][0] for row in rows],
                "gpu_uuid": [row[1][1] for row in rows],
                "gpu_index": [row[1][2] for row in rows],
                "part": "",
                "gpu_model": MODEL,
                "value": [row[3] for row in rows],
            }
        )
    )


@pytest.fixture(scope="module")
def clock():
    return FakeClock(UNTIL + timedelta(days=1))


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, data, clock):
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), samples=exported(data)) as url:
        yield PrometheusTelemetry(Config(prometheus_url=url), clock)


@pytest.fixture(scope="module")
def victoria(tmp_path_factory, data, clock):
    with running_victoria(tmp_path_factory.mktemp("victoria"), samples=exported(data)) as url:
        yield PrometheusTelemetry(Config(prometheus_url=url), clock)


@pytest.fixture(scope="module")
def kept(tmp_path_factory, data):
    """The store of a direct scrape: samples and rollups."""
    with Store(tmp_path_factory.mktemp("store") / "kept.duckdb") as store:
        store.append_samples(stored(data))
        store.roll_up(Window(START - timedelta(minutes=10), UNTIL))
        yield StoreTelemetry(store)


@pytest.fixture(scope="module")
def rolled(tmp_path_factory, data):
    """The store beside a Prometheus: rollups alone."""
    with Store(tmp_path_factory.mktemp("store") / "rolled.duckdb") as store:
        store.write_rollups(stored(data), Window(START - timedelta(minutes=10), UNTIL))
        yield StoreTelemetry(store)


def comparable(frame):
    """Rows in an order of their own, plain types, so that only values can differ."""
    plain = frame.astype({name: "str" for name in frame if str(frame[name].dtype) == "category"})
    keys = [name for name in plain if name not in ("value", "gpu_index")]
    return plain.sort_values(keys).reset_index(drop=True)


def assert_same(one, other):
    pd.testing.assert_frame_equal(comparable(one.frame), comparable(other.frame), rtol=1e-9)
    assert one.not_exported == other.not_exported


PLACES = [("prometheus", "victoria"), ("prometheus", "kept"), ("prometheus", "rolled")]


@pytest.fixture(params=PLACES, ids=" and ".join)
def places(request):
    return tuple(request.getfixturevalue(name) for name in request.param)


@pytest.mark.parametrize("by", list(By))
@pytest.mark.parametrize("statistic", [Statistic.AVG, Statistic.MIN, Statistic.MAX, Statistic.LAST])
@pytest.mark.parametrize("minutes", [1, 5, 60])
def test_buckets_are_equal(places, minutes, statistic, by):
    one, other = (
        place.range(METRICS, WINDOW, timedelta(minutes=minutes), statistic=statistic, by=by) for place in places
    )
    assert len(one.frame) > 5
    assert_same(one, other)


@pytest.mark.parametrize("by", list(By))
@pytest.mark.parametrize("minutes", [1, 10, 60])
def test_growth_of_counters_is_equal_across_a_reset_and_a_gap(places, minutes, by):
    one, other = (
        place.range(("energy_joules",), WINDOW, timedelta(minutes=minutes), statistic=Statistic.INCREASE, by=by)
        for place in places
    )
    assert (one.frame["value"] >= 0).all()
    assert_same(one, other)


def test_buckets_finer_than_a_minute_are_equal(prometheus, victoria, kept):
    window = Window(START + timedelta(minutes=25), START + timedelta(minutes=55))
    one, two, three = (place.range(METRICS, window, timedelta(seconds=15)) for place in (prometheus, victoria, kept))
    assert_same(one, two)
    assert_same(one, three)


def test_raw_samples_are_equal(prometheus, victoria, kept):
    window = Window(START, START + timedelta(minutes=30))
    one, two, three = (place.samples(METRICS, window) for place in (prometheus, victoria, kept))
    assert len(one.frame) > 400
    assert_same(one, two)
    assert_same(one, three)


@pytest.mark.parametrize("minute", [29, 40, 51, 119])
def test_the_latest_values_of_a_past_instant_are_equal(prometheus, victoria, kept, minute):
    at = START + timedelta(minutes=minute)
    one, two, three = (place.latest(METRICS, at) for place in (prometheus, victoria, kept))
    assert ("GPU-11" in set(one.frame["gpu_uuid"])) == (minute != 40)
    assert_same(one, two)
    assert_same(one, three)


@pytest.mark.parametrize("where", [Where(nodes=("node02",)), Where(gpus=("GPU-10", "GPU-21"))])
def test_picking_nodes_or_gpus_is_equal(places, where):
    one, other = (place.range(METRICS, WINDOW, timedelta(minutes=5), where=where) for place in places)
    assert len(one.frame) > 50
    assert_same(one, other)


def test_what_is_not_exported_is_said_by_all(places):
    for place in places:
        answer = place.range(("sm_active_ratio", "power_watts"), WINDOW, timedelta(minutes=5))
        assert answer.not_exported == {"sm_active_ratio"}
