"""The same data in a real Prometheus and a real VictoriaMetrics: the same answers, and the right ones."""

import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import NOON
from tests.integration.servers import running_prometheus, running_victoria, wait_for_samples
from tests.unit.sources.peers import Says, peer
from watchdog.base.clock import FakeClock, SystemClock
from watchdog.base.config import Config
from watchdog.model.buckets import bucketed, combined
from watchdog.model.frames import SAMPLES, SERIES
from watchdog.model.telemetry import EVERYWHERE, By, Statistic, Where, Window
from watchdog.sources.prometheus import PrometheusTelemetry

pytestmark = pytest.mark.integration

STEP = 15
HOUR = Window(NOON, NOON + timedelta(hours=1))
METRICS = (
    "energy_joules",
    "gpu_temperature_celsius",
    "gpu_util_ratio",
    "memory_total_bytes",
    "memory_used_bytes",
    "power_watts",
    "throttle_hw_thermal_flag",
    "throttle_power_cap_flag",
)


def who(node, gpu, **more):
    extra = "".join(f',{name}="{value}"' for name, value in more.items())
    uuid = f"GPU-{node:08x}-0000-4000-8000-{gpu:012x}"
    return f'{{gpu="{gpu}",UUID="{uuid}",Hostname="node{node}.example.org",modelName="H100"{extra}}}'


def loaded():
    """An hour of 4 GPUs with the troubles of real life, on the first and on the last millisecond of buckets."""
    for tick in range(-20, 241):
        for node, gpu in ((0, 0), (0, 1), (1, 0), (1, 1)):
            at = NOON + timedelta(seconds=STEP * tick, milliseconds=14_999 * gpu)
            yield f"DCGM_FI_DEV_POWER_USAGE{who(node, gpu)}", at, 100.0 + tick % 50 + 10 * node
            yield f"DCGM_FI_DEV_GPU_UTIL{who(node, gpu, hpc_job=tick // 70)}", at, float(abs(tick * 7 + gpu) % 101)
            blank = (0.0, 9223372036854775794.0)[gpu] if node and tick % 9 == 3 else 40.0 + tick % 5
            yield f"DCGM_FI_DEV_GPU_TEMP{who(node, gpu)}", at, blank
            energy = float((tick + 20) % 150 * 15_000 * (node + 1))
            yield f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{who(node, gpu)}", at, energy
            yield f"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS{who(node, gpu)}", at, (0.0, 4.0, 72.0, 1.0)[tick % 4]
            yield f"DCGM_FI_DEV_FB_USED{who(node, gpu)}", at, 1000.0 + tick
            yield f"DCGM_FI_DEV_FB_FREE{who(node, gpu)}", at, 80_000.0 - tick


@pytest.fixture(scope="module")
def servers():
    """Base URLs of a Prometheus and a VictoriaMetrics that hold `loaded()`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        samples = list(loaded())
        yield {
            "prometheus": stack.enter_context(running_prometheus(folder / "p", samples=samples)),
            "victoria": stack.enter_context(running_victoria(folder / "v", samples=samples)),
        }


@pytest.fixture(params=["prometheus", "victoria"])
def source(request, servers):
    telemetry = PrometheusTelemetry(Config(prometheus_url=servers[request.param]), FakeClock(NOON + timedelta(hours=1)))
    yield telemetry
    telemetry.close()


@pytest.fixture(scope="module")
def truth():
    """What was loaded, as SAMPLES: made without any server."""
    from watchdog.model.arrays import micros
    from watchdog.sources.derived import with_memory_total
    from watchdog.sources.exposition import series
    from watchdog.sources.identity import Inventory
    from watchdog.sources.registry import Registry

    registry, inventory, rows = Registry(), Inventory(), []
    for text, at, value in loaded():
        rows += [(entry, micros(at), value) for entry in registry.resolve(*series(text), inventory)]
    entry, at, raw = (np.array(column) for column in zip(*rows, strict=True))
    return with_memory_total(registry.rows(entry, at, raw).frame, SAMPLES)


def plain(frame):
    """Texts instead of categories, in one order: what two equal answers share."""
    texts = {name: "str" for name in frame if frame[name].dtype == "category"}
    keys = [name for name in ("metric", "node", "gpu_uuid", "part", "bucket_at", "sampled_at") if name in frame]
    return frame.astype(texts).sort_values(keys, ignore_index=True)


def assert_equal(got, want, contract):
    contract.check(got)
    pd.testing.assert_frame_equal(plain(got), plain(want), rtol=1e-12)


def of(frame, metrics, window):
    inside = (frame["sampled_at"] >= window.since) & (frame["sampled_at"] < window.until)
    return frame[frame["metric"].isin(metrics) & inside]


def test_samples_come_back_as_they_were_taken(source, truth):
    got = source.samples(METRICS, HOUR)
    assert got.incomplete == ()
    assert_equal(got.frame, of(truth, METRICS, HOUR), SAMPLES)
    keys = got.frame[["metric", "node", "gpu_index", "sampled_at"]].astype({"metric": str, "node": str})
    pd.testing.assert_frame_equal(keys, keys.sort_values(list(keys), ignore_index=True))


@pytest.mark.parametrize("step", [15, 60, 300, 420, 3600])
@pytest.mark.parametrize("statistic", list(Statistic))
def test_buckets_are_those_of_the_samples(source, truth, step, statistic):
    window, length = Window(NOON + timedelta(minutes=1), NOON + timedelta(minutes=59)), timedelta(seconds=step)
    asked = truth[truth["metric"].isin(METRICS)]
    for by in By:
        got = source.range(METRICS, window, length, statistic=statistic, by=by)
        assert_equal(got.frame, combined(bucketed(asked, window, length, statistic), by), SERIES)


def test_the_latest_sample_keeps_its_own_instant(source, truth):
    at = NOON + timedelta(minutes=7, milliseconds=100)
    got = source.latest(METRICS, at).frame
    SAMPLES.check(got)
    assert set(got["metric"]) == set(METRICS)
    assert set(got["sampled_at"]) == {
        NOON + timedelta(minutes=7),
        NOON + timedelta(minutes=6, seconds=59, milliseconds=999),
    }


@pytest.mark.parametrize(
    "where", [Where(nodes=("node1",)), Where(gpus=("GPU-00000000-0000-4000-8000-000000000001",)), Where(nodes=("no",))]
)
def test_a_filter_gives_what_filtering_everything_gives(source, where):
    everything = source.range(METRICS, HOUR, timedelta(minutes=5)).frame
    keep = everything["node"].isin(where.nodes) if where.nodes else everything["gpu_uuid"].isin(where.gpus)
    assert_equal(source.range(METRICS, HOUR, timedelta(minutes=5), where=where).frame, everything[keep], SERIES)


def test_before_the_first_sample_there_is_nothing_and_no_error(source):
    long_ago = Window(NOON - timedelta(days=30), NOON - timedelta(days=29))
    assert source.samples(METRICS, long_ago).frame.empty
    assert source.range(METRICS, long_ago, timedelta(hours=1)).frame.empty
    assert source.latest(METRICS, long_ago.since).frame.empty


def test_what_is_not_exported_is_told(source):
    got = source.latest(["power_watts", "sm_active_ratio"], NOON)
    assert got.not_exported == {"sm_active_ratio"}


@pytest.mark.parametrize(
    ("run", "flags"),
    [
        (running_prometheus, ["--query.max-samples=600"]),
        (running_victoria, ["-search.maxPointsPerTimeseries=40"]),
    ],
)
def test_a_server_with_small_limits_gives_the_same_in_more_pieces(tmp_path, truth, run, flags):
    with run(tmp_path, samples=loaded(), flags=flags) as url:
        source = PrometheusTelemetry(Config(prometheus_url=url), FakeClock(HOUR.until))
        assert_equal(source.samples(["power_watts"], HOUR).frame, of(truth, ["power_watts"], HOUR), SAMPLES)
        got = source.range(["power_watts"], HOUR, timedelta(minutes=1)).frame
        asked = truth[truth["metric"] == "power_watts"]
        assert_equal(got, bucketed(asked, HOUR, timedelta(minutes=1), Statistic.AVG), SERIES)
        source.close()


@pytest.mark.parametrize("run", [running_prometheus, running_victoria])
def test_recorded_pages_of_exporters_come_through_a_real_scrape(tmp_path, fixtures, run):
    page = (fixtures / "dcgm-exporter/recorded/nvidia-aicr-8xh100.prom").read_bytes()
    with (
        peer(Says(page, headers={"Content-Type": "text/plain; version=0.0.4"})) as exporter,
        run(tmp_path, [exporter.url.removeprefix("http://")]) as url,
    ):
        wait_for_samples(url, "DCGM_FI_DEV_GPU_TEMP", at_least=8)
        clock = SystemClock()
        source = PrometheusTelemetry(Config(prometheus_url=url), clock)
        got = source.latest(["gpu_temperature_celsius", "power_watts"], clock.now(), EVERYWHERE)
        source.close()
    SAMPLES.check(got.frame)
    assert got.frame["gpu_uuid"].nunique() == 8
    assert set(got.frame["node"]) == {"gpu-node-1"}
    assert set(got.frame["gpu_model"]) == {"NVIDIA H100 80GB HBM3"}
