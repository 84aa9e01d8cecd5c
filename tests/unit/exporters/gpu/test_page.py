import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOON
from tests.unit.exporters.support import samples
from watchdog.exporters.gpu.names import FAMILIES
from watchdog.exporters.gpu.page import Extras, page_text, program_name, xid_text
from watchdog.exporters.gpu.reading import GpuReading, InstanceReading, ProcessReading, Reading
from watchdog.exporters.gpu.xid import XidTally
from watchdog.model.metrics import CATALOGUE, Dialect

UTIL = "DCGM_FI_DEV_GPU_UTIL"
USED = "DCGM_FI_DEV_FB_USED"
GPU = GpuReading(0, "GPU-a", "00000000:53:00.0", "NVIDIA H100 80GB HBM3", 0, {UTIL: 42.0, USED: 1024.0})


def page(gpu=GPU, **extras):
    return page_text(Reading("590.48", (gpu,)), "node1", Extras(**extras))


def test_a_line_is_dcgm_exporters_to_the_letter():
    assert (
        f'{UTIL}{{gpu="0",UUID="GPU-a",pci_bus_id="00000000:53:00.0",device="nvidia0",'
        'modelName="NVIDIA H100 80GB HBM3",Hostname="node1",DCGM_FI_DRIVER_VERSION="590.48"} 42\n' in page()
    )


def test_label_order_is_that_of_recorded_dcgm_exporter_pages(fixtures):
    line = next(
        line for line in (fixtures / "dcgm-exporter/recorded/cncf-upcloud-l40s.prom").read_text().splitlines()
        if line.startswith(UTIL + "{")
    )  # fmt: skip
    ours = next(line for line in page().splitlines() if line.startswith(UTIL + "{"))
    assert names(ours) == names(line)


def names(line):
    return [part.partition("=")[0] for part in line.partition("{")[2].rpartition("}")[0].split(",")]


def test_types_are_those_dcgm_exporter_declares(fixtures):
    declared = {}
    for row in (fixtures / "dcgm-exporter/etc/default-counters.csv").read_text().splitlines():
        parts = [part.strip() for part in row.lstrip("# ").split(",")]
        if len(parts) >= 3 and parts[0].startswith("DCGM_FI_"):
            declared[parts[0]] = parts[1]
    shared = declared.keys() & FAMILIES.keys()
    assert len(shared) > 25
    different = {name for name in shared if FAMILIES[name].kind != declared[name]}
    # A rate and a flag that DCGM declares as counters.
    assert different == {"DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL", "DCGM_FI_DEV_RETIRED_PENDING"}


def test_every_name_of_the_catalogue_for_us_is_known():
    wanted = {e.name for m in CATALOGUE.values() for e in m.names if e.dialect in (Dialect.DCGM, Dialect.WATCHDOG)}
    assert wanted - FAMILIES.keys() <= {"DCGM_FI_DEV_CLOCKS_EVENT_REASONS"}


def test_instances_replace_the_whole_gpus_memory_and_carry_their_labels():
    from dataclasses import replace

    gpu = replace(GPU, instances=(InstanceReading(7, "1g.10gb", {USED: 9.0}), InstanceReading(9, "", {USED: 8.0})))
    found = samples(page(gpu))
    assert [(labels.get("GPU_I_PROFILE"), labels["GPU_I_ID"], value) for labels, value in found[USED]] == [
        ("1g.10gb", "7", 9), (None, "9", 8),
    ]  # fmt: skip
    assert "GPU_I_ID" not in found[UTIL][0][0]
    line = next(line for line in page(gpu).splitlines() if line.startswith(USED + "{"))
    assert names(line) == [
        "gpu",
        "UUID",
        "pci_bus_id",
        "device",
        "modelName",
        "GPU_I_PROFILE",
        "GPU_I_ID",
        "Hostname",
        "DCGM_FI_DRIVER_VERSION",
    ]


def test_jobs_are_a_series_of_their_own_and_multiply_nothing():
    found = samples(page(jobs={"0": ("123", "124"), "5": ("9",)}))
    assert [labels["hpc_job"] for labels, _ in found["watchdog_gpu_job_info"]] == ["123", "124"]
    assert len(found[UTIL]) == 1


def test_processes_are_named_only_when_asked_for():
    from dataclasses import replace

    gpu = replace(
        GPU, processes=(ProcessReading(7, "/opt/conda/bin/python --token=s3cret", 5.0), ProcessReading(8, "x", None))
    )
    assert "watchdog_gpu_process" not in page(gpu)
    text = page(gpu, user_of=lambda pid: f"user{pid}")
    [(labels, value)] = samples(text)["watchdog_gpu_process_memory_bytes"]
    assert (labels["pid"], labels["user"], labels["process"], value) == ("7", "user7", "python", 5 * 2**20)
    assert "s3cret" not in text


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python", "python"),
        (r"C:\Windows\dwm.exe", "dwm.exe"),
        ("/a/b/code --x=/y", "code"),
        ("", ""),
        ("./gpu_burn 60", "gpu_burn"),
        ("x" * 99, "x" * 64),
    ],
)
def test_a_program_is_named_without_folders_and_arguments(command, name):
    assert program_name(command) == name


def test_a_lost_gpu_is_on_the_page_with_nothing_but_that():
    gpu = GpuReading(1, "GPU-b", "00000000:54:00.0", "H100", 1, lost=True)
    found = samples(page(gpu))
    assert found == {"watchdog_gpu_lost": [({**found["watchdog_gpu_lost"][0][0]}, 1)]}
    assert samples(page())["watchdog_gpu_lost"][0][1] == 0


def test_two_gpus_that_say_the_same_of_themselves_do_not_spoil_the_scrape():
    text = page_text(Reading("1", (GPU, GPU)), "n", Extras())
    assert text.count(UTIL + "{") == 1


@given(st.text(min_size=1).filter(str.strip))
def test_any_text_is_a_label_value_and_comes_back(text):
    gpu = GpuReading(0, "GPU-a", "b", text, 0, {UTIL: 1.0})
    [(labels, value)] = samples(page(gpu))[UTIL]
    assert (labels["modelName"], value) == (text, 1)


def test_xids_count_by_code_and_the_gauge_holds_the_last():
    bus = (0, 0x53, 0)
    tallies = [
        XidTally(bus, 79, 1, NOON),
        XidTally(bus, 13, 4, NOON.replace(hour=11)),
        XidTally((0, 9, 0), 48, 1, NOON),
    ]
    found = samples(xid_text(tallies, Reading("590", (GPU,)), "n"))
    counts = {(labels.get("UUID"), labels["xid"]): n for labels, n in found["watchdog_gpu_xid_errors_total"]}
    assert counts == {("GPU-a", "13"): 4, ("GPU-a", "79"): 1, (None, "48"): 1}
    assert {labels.get("UUID"): code for labels, code in found["DCGM_FI_DEV_XID_ERRORS"]} == {"GPU-a": 79, None: 48}
    assert {value for _, value in found["watchdog_gpu_xid_last_timestamp_seconds"]} == {
        NOON.timestamp(),
        NOON.timestamp() - 3600,
    }


def test_without_xids_there_is_no_xid_series():
    assert xid_text([], Reading("", (GPU,)), "n") == ""
