"""Every recorded page of other people's exporters, read and held against prometheus_client's reading of it."""

from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import SHARED
from watchdog.base.clock import FakeClock
from watchdog.model.frames import SAMPLES
from watchdog.model.metrics import BY_EXPORTED_NAME, is_blank
from watchdog.sources.scrape import Scraper, Target

FOLDERS = (
    "dcgm-exporter/recorded/*.prom",
    "nvidia_gpu_exporter/internal/integration/testdata/*.metrics",
    "netdata-dcgm/**/*.prom",
)
PAGES = sorted(path for pattern in FOLDERS for path in (SHARED / "fixtures").glob(pattern))
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def scraped(body):
    scraper = Scraper([Target("node01:9400", lambda: body, node="node01:9400")], FakeClock(NOW))
    try:
        return scraper.scrape()
    finally:
        scraper.close()


def expected(text):
    """(metric, value) of every line that our catalogue knows and that is a measurement, each GPU's once."""
    found = set()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            who = sample.labels.get("UUID") or sample.labels.get("uuid") or sample.labels.get("gpu_uuid")
            instance = sample.labels.get("GPU_I_ID", "")
            # prometheus_client adds `_total` to what is declared a counter.
            name = sample.name if sample.name in BY_EXPORTED_NAME else sample.name.removesuffix("_total")
            for metric, exported in BY_EXPORTED_NAME.get(name, ()):
                raw = sample.value
                value = float(bool(int(raw) & exported.bit)) if exported.bit else raw * exported.factor
                if not is_blank(raw) and metric.low <= value <= metric.high:
                    found.add((metric.key, who, instance if metric.per_instance else "", round(value, 6)))
    return found


@pytest.mark.skipif(not PAGES, reason="recorded fixtures (../shared/fixtures) are not at hand")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_recorded_page_is_read_whole(path):
    result = scraped(path.read_bytes())
    frame = SAMPLES.check(result.frame)
    known = {(metric, round(value, 6)) for metric, _, _, value in expected(path.read_text())}
    ours = {(metric, round(value, 6)) for metric, value in zip(frame["metric"], frame["value"], strict=True)}

    assert result.statuses[0].error == ""
    assert known - ours == set()
    assert {metric for metric, _ in ours} - {metric for metric, _ in known} <= {"memory_total_bytes"}


def test_eight_h100s_are_eight_gpus_of_one_node(fixtures):
    frame = scraped((fixtures / "dcgm-exporter/recorded/nvidia-aicr-8xh100.prom").read_bytes()).frame
    assert frame["gpu_uuid"].nunique() == 8
    assert set(frame["node"]) == {"gpu-node-1"}
    assert set(frame["gpu_model"]) == {"NVIDIA H100 80GB HBM3"}
    temperatures = frame[frame["metric"] == "gpu_temperature_celsius"].sort_values("gpu_index")["value"]
    assert temperatures.tolist() == [30, 29, 26, 29, 28, 26, 28, 26]


def test_a_busy_h100_of_nvidia_gpu_exporter_is_busy_in_ratios_and_bytes(fixtures):
    folder = fixtures / "nvidia_gpu_exporter/internal/integration/testdata"
    frame = scraped((folder / "linux-x86_64__nvidia-h100-80gb-hbm3__590.48.01__load.metrics").read_bytes()).frame
    values = dict(zip(frame["metric"], frame["value"], strict=True))
    assert values["gpu_util_ratio"] == 1.0
    assert values["memory_total_bytes"] == 81559 * 2**20
    assert values["sm_clock_hertz"] == 1.98e9
    assert set(frame["node"]) == {"node01"}
    assert frame["gpu_uuid"].iloc[0].startswith("GPU-")
