"""Real A100 job telemetry (JUWELS Booster) as exporter text, through Prometheus, to the page."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from tests.integration.app import ROOT, wait_for
from tests.integration.servers import running_prometheus
from watchdog import runtime
from watchdog.base.config import Config
from watchdog.model.exposition import labels_text
from watchdog.model.telemetry import Where, Window

pytestmark = pytest.mark.integration

# LLview's column -> dcgm-exporter's name and the factor from the one's unit to the other's.
NAMES = {
    "gpu_usage": ("DCGM_FI_DEV_GPU_UTIL", 1.0),
    "gpu_memu": ("DCGM_FI_DEV_FB_USED", 1024.0),
    "gpu_pu": ("DCGM_FI_DEV_POWER_USAGE", 1.0),
    "gpu_temp": ("DCGM_FI_DEV_GPU_TEMP", 1.0),
    "gpu_sclk": ("DCGM_FI_DEV_SM_CLOCK", 1.0),
    "gpu_clk": ("DCGM_FI_DEV_MEM_CLOCK", 1.0),
    "gpu_clkr": ("DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", 1.0),
}


def recorded(traces, job):
    return pd.read_parquet(traces / "dev" / "llview_juwels_booster" / job / f"GPU_{job}_node.parquet")


def as_exporter_text(frame):
    """Each reading as dcgm-exporter would have written it, with its own instant."""
    for row in frame.to_dict("records"):
        node, _, index = row["nodeid"].partition("_")
        labels = labels_text(
            {
                "gpu": str(int(index)),
                "UUID": f"GPU-{row['nodeid']}",
                "device": f"nvidia{int(index)}",
                "modelName": "NVIDIA A100-SXM4-40GB",
                "Hostname": f"{node}.juwels",
            }
        )
        at = datetime.fromtimestamp(row["ts"], UTC)
        for column, (name, factor) in NAMES.items():
            if pd.notna(row[column]):
                yield name + labels, at, row[column] * factor


@pytest.fixture(scope="module")
def frame(traces):
    """Both jobs, each shifted by one constant so that it ended an hour ago: as recorded, only later."""
    ended = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
    jobs = [recorded(traces, job) for job in ("8402497", "9438058")]
    return pd.concat([job.assign(ts=job["ts"] + ended - job["ts"].max()) for job in jobs], ignore_index=True)


@pytest.fixture(scope="module")
def watching(tmp_path_factory, frame):
    """A runtime on a Prometheus that holds both jobs."""
    folder = tmp_path_factory.mktemp("replay")
    with running_prometheus(folder, samples=as_exporter_text(frame)) as url:
        running = runtime.start(Config(prometheus_url=url, data_dir=str(folder / "data"), backfill_hours=1))
        wait_for(lambda: running.collector_state().ticks)
        yield running
        runtime.stop()


def window_of(frame, job):
    seconds = frame.loc[frame["jobid"].astype(str) == job, "ts"]
    begin, end = (datetime.fromtimestamp(int(s), UTC) for s in (seconds.min(), seconds.max()))
    return Window(begin.replace(second=0), end.replace(second=0) + timedelta(minutes=1))


def test_three_of_the_four_gpus_of_job_8402497_did_nothing(watching, frame):
    answer = watching.telemetry.range(
        ("gpu_util_ratio",), window_of(frame, "8402497"), timedelta(minutes=1), where=Where(nodes=("jwb0033",))
    )
    mean = answer.frame.groupby("gpu_index", observed=True)["value"].mean()
    assert (mean.drop(0) == 0).all()
    assert mean[0] > 0.9


def test_every_recorded_reading_arrives_in_base_units(watching, frame):
    nodes = Where(nodes=("jwb0263", "jwb0264", "jwb0265"))
    answer = watching.telemetry.samples(("power_watts", "memory_used_bytes"), window_of(frame, "9438058"), nodes)
    recorded_here = frame[frame["jobid"].astype(str) == "9438058"]
    for metric, column, factor in (("power_watts", "gpu_pu", 1), ("memory_used_bytes", "gpu_memu", 2**30)):
        got = answer.frame.loc[answer.frame["metric"] == metric, "value"]
        assert len(got) == len(recorded_here)
        assert got.sum() == pytest.approx(recorded_here[column].sum() * factor)


def test_the_page_shows_that_job_at_that_time(watching, frame):
    window = window_of(frame, "8402497")
    page = AppTest.from_file(ROOT / "app.py", default_timeout=60)
    page.switch_page("pages/gpus.py")
    page.query_params["node"] = "jwb0033"
    page.query_params["since"] = window.since.isoformat()
    page.query_params["until"] = window.until.isoformat()
    page.run()
    assert not page.exception
    assert not page.error
    table = page.dataframe[0].value
    assert set(table["node"]) == {"jwb0033"}
    assert len(table) == 4
    assert len(page.get("vega_lite_chart")) >= 2
