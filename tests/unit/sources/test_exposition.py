"""Pages of exporters, good and bad."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.base.errors import SourceFormatError
from watchdog.model.exposition import family_text, labels_text
from watchdog.model.frames import SAMPLES
from watchdog.sources.exposition import ExpositionParser, series
from watchdog.sources.registry import Registry

UUID = "GPU-5b4e07f6-3a86-4340-039d-25f2a83cdc43"
WHO = f'gpu="0",UUID="{UUID}",Hostname="node01"'
GOOD = f"DCGM_FI_DEV_GPU_UTIL{{{WHO}}} 50\n"


class Reading:
    """A parser and what it made of the last page."""

    def __init__(self):
        self.registry = Registry()
        self.parser = ExpositionParser(self.registry, "here")

    def __call__(self, text):
        self.page = self.parser.parse(text if isinstance(text, bytes) else text.encode())
        rows = self.registry.rows(self.page.entry, np.zeros(len(self.page.entry), dtype=np.int64), self.page.raw)
        SAMPLES.check(rows.frame)
        self.unmeasured, self.repeated, self.frame = rows.unmeasured, rows.repeated, rows.frame
        return dict(zip(rows.frame["metric"], rows.frame["value"], strict=True))


@pytest.fixture
def read():
    return Reading()


def test_a_page_becomes_samples_in_base_units(read):
    text = (
        "# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).\n# TYPE DCGM_FI_DEV_GPU_UTIL gauge\n"
        f"{GOOD}DCGM_FI_DEV_FB_USED{{{WHO}}} 2\nDCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{WHO}}} 5000\n"
        "process_cpu_seconds_total 12\n"
    )
    assert read(text) == {"gpu_util_ratio": 0.5, "memory_used_bytes": 2 * 2**20, "energy_joules": 5.0}
    assert read.page.unreadable == 0


def test_the_second_page_reads_like_the_first(read):
    assert read(GOOD) == {"gpu_util_ratio": 0.5}
    assert read(GOOD.replace(" 50", " 75")) == {"gpu_util_ratio": 0.75}


def test_timestamps_carriage_returns_and_spaces_are_understood(read):
    assert read(f"DCGM_FI_DEV_GPU_UTIL{{{WHO}}}   50   1700000000000\r\n") == {"gpu_util_ratio": 0.5}
    assert read(f"DCGM_FI_DEV_GPU_UTIL{{{WHO}}}   51   1700000000001\r\n") == {"gpu_util_ratio": 0.51}


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "+Inf",
        "-Inf",
        "1e300",
        "9223372036854775794",
        "9223372036854776000",
        "2147483633",
        "140737488355330",
        "-5",
    ],
)
def test_what_is_no_measurement_has_no_row_and_is_counted(read, value):
    assert read(f"DCGM_FI_DEV_GPU_TEMP{{{WHO}}} {value}\n{GOOD}") == {"gpu_util_ratio": 0.5}
    assert read.unmeasured == 1


def test_a_memory_temperature_of_zero_is_no_data(read):
    assert read(f"DCGM_FI_DEV_MEMORY_TEMP{{{WHO}}} 0\n") == {}


@pytest.mark.parametrize(
    "bad",
    [
        f"DCGM_FI_DEV_GPU_TEMP{{{WHO}}} ERROR - FAILED TO CONVERT TO STRING",
        f'DCGM_FI_DEV_GPU_TEMP{{{WHO},modelName="a" quote"}} 7',
        f'DCGM_FI_DEV_GPU_TEMP{{{WHO},job="line\nbreak"}} 7',
        f"DCGM_FI_DEV_GPU_TEMP{{{WHO} 7",
        "DCGM_FI_DEV_GPU_TEMP",
        "}{ 12",
    ],
)
def test_a_line_that_cannot_be_read_is_counted_and_the_rest_lives(read, bad):
    for _ in range(2):
        assert read(f"{bad}\n{GOOD}")["gpu_util_ratio"] == 0.5
        assert read.page.unreadable >= 1


def test_a_known_series_with_a_word_for_a_value_is_left_out(read):
    read(f"{GOOD}DCGM_FI_DEV_GPU_TEMP{{{WHO}}} 40\n")
    assert read(f"{GOOD}DCGM_FI_DEV_GPU_TEMP{{{WHO}}} N/A\n") == {"gpu_util_ratio": 0.5}
    assert read.page.unreadable == 1


def test_labels_with_braces_spaces_and_escapes_are_understood(read):
    assert series(r'm{a="x} y",b="q\"\\\n",c=""}') == ("m", {"a": "x} y", "b": 'q"\\\n', "c": ""})
    assert series("m") == ("m", {})
    assert series("m{} ") is None or series("m{}") == ("m", {})
    assert read(f'DCGM_FI_DEV_GPU_UTIL{{{WHO},job="a}} {{b 7"}} 50\n') == {"gpu_util_ratio": 0.5}


def test_a_bit_mask_becomes_flags(read):
    got = read(f"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS{{{WHO}}} 68\n")
    assert {key for key, value in got.items() if value} == {"throttle_power_cap_flag", "throttle_hw_thermal_flag"}
    assert len(got) == 9


def test_series_doubled_for_each_job_count_once(read):
    text = "".join(f'DCGM_FI_DEV_POWER_USAGE{{{WHO},hpc_job="{job}"}} 300\n' for job in (1, 2, 3))
    assert read(text) == {"power_watts": 300}
    assert read.repeated == 2


def test_power_repeated_for_each_mig_instance_counts_once_and_activity_does_not(read):
    text = "".join(
        f'DCGM_FI_{name}{{{WHO},GPU_I_PROFILE="1g.10gb",GPU_I_ID="{i}"}} {value}\n'
        for i in (7, 8)
        for name, value in (("DEV_POWER_USAGE", 78.174), ("PROF_GR_ENGINE_ACTIVE", i / 10))
    )
    read(text)
    got = sorted(zip(read.frame["metric"], read.frame["part"], read.frame["value"], strict=True))
    assert got == [
        ("graphics_engine_active_ratio", "mig=1g.10gb/7", 0.7),
        ("graphics_engine_active_ratio", "mig=1g.10gb/8", 0.8),
        ("power_watts", "", 78.174),
    ]


def test_of_two_names_for_one_quantity_the_preferred_wins(read):
    text = f"DCGM_FI_DEV_POWER_MGMT_LIMIT{{{WHO}}} 700\nDCGM_FI_DEV_ENFORCED_POWER_LIMIT{{{WHO}}} 500\n"
    assert read(text) == {"power_limit_watts": 500}


def test_the_info_series_may_come_after_what_needs_it(read):
    bare = UUID.removeprefix("GPU-")
    text = f'nvidia_smi_utilization_gpu_ratio{{uuid="{bare}"}} 0.25\n'
    info = f'nvidia_smi_gpu_info{{uuid="{bare}",index="4",name="NVIDIA H200"}} 1\n'
    assert read(text + info) == {"gpu_util_ratio": 0.25}
    assert (read.frame["gpu_index"][0], read.frame["gpu_model"][0], read.frame["node"][0]) == (4, "NVIDIA H200", "here")
    read(text + info.replace('"4"', '"5"'))
    read(text + info.replace('"4"', '"5"'))
    assert read.frame["gpu_index"][0] == 5


@pytest.mark.parametrize(
    "body", ["<!DOCTYPE html><html>Sign in</html>", " \n<html>", '{"status":"error"}', "hello\nworld\n"]
)
def test_something_else_than_metrics_is_refused_with_a_hint(read, body):
    with pytest.raises(SourceFormatError) as caught:
        read(body)
    assert caught.value.hint


def test_an_empty_page_is_a_page(read):
    assert read("") == {}
    assert read("# EOF\n") == {}


@given(st.binary(max_size=300))
def test_garbage_raises_nothing_but_a_format_error(body):
    with contextlib.suppress(SourceFormatError):
        Reading()(body)


@given(st.text(alphabet='DCGM_FI_EVUTL{}",=\\ \n0123456789.eNa#', max_size=200))
def test_garbage_that_looks_like_metrics_raises_nothing_but_a_format_error(text):
    read = Reading()
    try:
        read(GOOD + text)
        read(GOOD + text)
    except SourceFormatError:
        pass


@given(
    st.dictionaries(st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True), st.text(max_size=30), max_size=4),
    st.floats(0, 100, allow_nan=False),
)
def test_what_our_exporter_writes_is_read_back(labels, value):
    extra = {name: text for name, text in labels.items() if name not in ("gpu", "uuid", "index", "hostname", "name")}
    written = labels_text({"gpu": "1", "UUID": UUID, "Hostname": "node01", "modelName": 'H"1\n', **extra})
    read = Reading()
    got = read(family_text("DCGM_FI_DEV_GPU_UTIL", "gauge", "text", [(written, value)]))
    assert got == {"gpu_util_ratio": pytest.approx(value / 100)}
    assert read.frame["gpu_model"][0] == 'H"1\n'
