"""Every recorded output of nvidia-smi at hand: read it, and compare with what another exporter read from it."""

import math
import re

import pytest

from tests.unit.exporters.support import samples
from watchdog.exporters.failure import CollectError
from watchdog.exporters.gpu.names import FAMILIES
from watchdog.exporters.gpu.page import Extras, page_text
from watchdog.exporters.gpu.smi import mig_profiles
from watchdog.exporters.gpu.smi_csv import parse_csv
from watchdog.exporters.gpu.smi_xml import parse_xml
from watchdog.model.metrics import CATALOGUE, Dialect, is_blank

CAPTURES = "nvidia_gpu_exporter/internal/captures"
# Theirs reads it from another column, or from text that differs.
NOT_COMPARABLE = {"compute_processes_count", "xid_errors_count", "energy_joules"}


def documents(fixtures):
    return sorted(p for p in (*fixtures.glob("telegraf/**/*.xml"), *fixtures.glob("nvidia-smi/**/*.xml")))


def capture_files(fixtures):
    return sorted((fixtures / CAPTURES).glob("*.txt"))


def section(path, load, title):
    """The body of a section of a capture file, for example ("load", "query-gpu (csv")."""
    text = path.read_bytes().decode()
    found = re.search(
        rf"^# {load} :: {re.escape(title)}[^\n]*\n# \$[^\n]*\n#+\r?\n(.*?)(?:\n#{{20,}}|\Z)", text, re.M | re.S
    )
    return found[1] if found else ""


def test_every_xml_document_is_read(fixtures):
    paths = documents(fixtures)
    assert len(paths) >= 18
    for path in paths:
        reading = parse_xml(path.read_bytes().decode("utf-8", "replace"))
        assert reading.gpus, path
        for gpu in reading.gpus:
            assert gpu.uuid.startswith("GPU-"), path
            assert gpu.model, path
            assert gpu.values["DCGM_FI_DEV_GPU_TEMP"] > 0, path
            assert not gpu.lost


def test_every_value_read_lies_in_the_catalogues_range(fixtures):
    ranges = {e.name: (m, e) for m in CATALOGUE.values() for e in m.names if not e.bit}
    for path in documents(fixtures):
        for gpu in parse_xml(path.read_text(errors="replace")).gpus:
            for name, value in gpu.values.items():
                assert name in FAMILIES
                assert not is_blank(value)
                if name in ranges:
                    metric, exported = ranges[name]
                    assert metric.low <= value * exported.factor <= metric.high, (path, name, value)


def test_the_page_of_every_document_is_valid_and_has_no_duplicate_series(fixtures):
    for path in documents(fixtures):
        page = page_text(parse_xml(path.read_text(errors="replace")), "n1", Extras(user_of=lambda _: "someone"))
        series = [line.rpartition(" ")[0] for line in page.splitlines() if not line.startswith("#")]
        assert len(series) == len(set(series)), path
        assert samples(page)


def test_a_mig_gpu_has_memory_for_each_instance_and_none_for_the_whole(fixtures):
    path = fixtures / "telegraf/plugins/inputs/nvidia_smi/testdata/a100-sxm4-v12.xml"
    found = samples(page_text(parse_xml(path.read_text()), "n1", Extras()))
    used = found["DCGM_FI_DEV_FB_USED"]
    assert [(labels["GPU_I_ID"], value) for labels, value in used] == [("3", 12), ("4", 12), ("5", 12), ("6", 12)]
    assert "DCGM_FI_DEV_GPU_UTIL" not in found
    assert [value for _, value in found["DCGM_FI_DEV_POWER_USAGE"]] == [67.03]
    assert found["DCGM_FI_DEV_MIG_MODE"][0][1] == 1


def test_eight_cards_are_numbered_in_the_order_of_nvidia_smi(fixtures):
    path = fixtures / "nvidia-smi/datakit/internal/plugins/inputs/nvidiasmi/testdata/gtx-8card.xml"
    assert [gpu.index for gpu in parse_xml(path.read_text()).gpus] == list(range(8))


def test_a_csv_without_units_reads_as_one_with_units(fixtures):
    folder = fixtures / "nvidia-smi/netdata/modules/nvidia_smi/testdata"
    values = parse_csv((folder / "tesla-p100.csv").read_text()).gpus[0].values
    assert values == {
        "DCGM_FI_DEV_PSTATE": 0,
        "DCGM_FI_DEV_FB_RESERVED": 103,
        "DCGM_FI_DEV_FB_USED": 0,
        "DCGM_FI_DEV_FB_FREE": 16280,
        "DCGM_FI_DEV_GPU_UTIL": 0,
        "DCGM_FI_DEV_MEM_COPY_UTIL": 0,
        "DCGM_FI_DEV_GPU_TEMP": 37,
        "DCGM_FI_DEV_POWER_USAGE": 28.16,
        "DCGM_FI_DEV_SM_CLOCK": 405,
        "DCGM_FI_DEV_MEM_CLOCK": 715,
    }


@pytest.mark.parametrize("load", ["idle", "load"])
def test_every_csv_capture_gives_what_nvidia_gpu_exporter_gave(fixtures, load):
    compared = 0
    for path in capture_files(fixtures):
        theirs_file = fixtures / f"nvidia_gpu_exporter/internal/integration/testdata/{path.stem}__{load}.metrics"
        gpu = parse_csv(section(path, load, "query-gpu (csv")).gpus[0]
        theirs = samples(theirs_file.read_text())
        for metric in CATALOGUE.values():
            ours = [gpu.values[e.name] * e.factor for e in metric.names if e.name in gpu.values and not e.bit]
            other = [
                theirs[e.name][0][1] * e.factor
                for e in metric.names
                if e.dialect is Dialect.NVIDIA_GPU_EXPORTER and e.name in theirs
            ]
            if metric.key in NOT_COMPARABLE or metric.names[0].bit:
                continue
            assert bool(ours) == bool(other), (path.name, metric.key)
            if ours:
                assert math.isclose(ours[0], other[0], rel_tol=1e-9), (path.name, metric.key)
                compared += 1
    assert compared > 100


def test_the_throttle_mask_agrees_with_nvidia_gpu_exporters_flags(fixtures):
    for path in capture_files(fixtures):
        for load in ("idle", "load"):
            theirs_file = fixtures / f"nvidia_gpu_exporter/internal/integration/testdata/{path.stem}__{load}.metrics"
            theirs = samples(theirs_file.read_text())
            mask = int(
                parse_csv(section(path, load, "query-gpu (csv")).gpus[0].values["DCGM_FI_DEV_CLOCK_THROTTLE_REASONS"]
            )
            for metric in CATALOGUE.values():
                bit = metric.names[0].bit
                flags = [theirs[e.name][0][1] for e in metric.names if bit and e.name in theirs]
                assert all(flag == bool(mask & bit) for flag in flags), (path.name, metric.key)


def test_profiles_of_mig_instances_come_from_the_device_list(fixtures):
    path = next(p for p in capture_files(fixtures) if "h100-mig" in p.name)
    profiles = mig_profiles(section(path, "capabilities", "list (-L)"))
    assert [profiles["GPU-00000000-0000-0000-0000-000000000000", n] for n in range(4)] == [
        "3g.40gb", "2g.20gb", "1g.10gb", "1g.10gb",
    ]  # fmt: skip


def test_a_text_report_is_refused_not_half_read(fixtures):
    for path in (fixtures / "nvidia-smi/azurehpc/test/data").glob("*.txt"):
        with pytest.raises(CollectError):
            parse_xml(path.read_text())
