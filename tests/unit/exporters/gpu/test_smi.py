import time

import pytest

from tests.unit.exporters.support import LOST_LINE, MISMATCH, NO_DRIVER, calls, fake_nvidia_smi, gpu_xml, log_xml
from watchdog.exporters.failure import CollectError
from watchdog.exporters.gpu.smi import SmiBackend, mig_profiles, nvidia_smi_present
from watchdog.exporters.gpu.smi_csv import QUERY

ROW = (
    ", ".join(QUERY.split(","))
    + "\n"
    + ", ".join(["0", "GPU-aaaa", "00000000:01:00.0", "H100", "590.48"])
    + ", 7" * (len(QUERY.split(",")) - 5)
    + "\n"
)
MIG = (
    "<mig_devices><mig_device><index>0</index><gpu_instance_id>{0}</gpu_instance_id>"
    "<fb_memory_usage><total>9984 MiB</total></fb_memory_usage></mig_device></mig_devices>"
)


def backend(folder, **said):
    return SmiBackend(fake_nvidia_smi(folder, **said), timeout_seconds=5)


def failure(folder, **said):
    with pytest.raises(CollectError) as caught:
        backend(folder, **said).read()
    assert caught.value.hint
    return caught.value.reason


def test_one_call_reads_everything(tmp_path):
    reading = backend(tmp_path, xml=log_xml(gpu_xml())).read()
    assert reading.driver_version == "590.48.01"
    assert [gpu.uuid for gpu in reading.gpus] == ["GPU-aaaa"]
    assert calls(tmp_path) == ["-q -x"]


def test_profiles_are_asked_for_only_when_the_instances_change(tmp_path):
    listing = "GPU 0: H100 (UUID: GPU-aaaa)\n  MIG 1c.1g.10gb  Device  0: (UUID: MIG-1)\n"
    smi = backend(tmp_path, xml=log_xml(gpu_xml(MIG.format(9))), listing=listing)
    for _ in range(3):
        assert smi.read().gpus[0].instances[0].profile == "1g.10gb"
    assert calls(tmp_path).count("-L") == 1
    (tmp_path / "fake-q.txt").write_text(log_xml(gpu_xml(MIG.format(10))))
    smi.read()
    assert calls(tmp_path).count("-L") == 2


def test_a_driver_that_does_not_match_its_library_says_so(tmp_path):
    assert failure(tmp_path, xml=MISMATCH, code=18) == "driver_mismatch"


def test_a_driver_that_is_not_loaded_says_so(tmp_path):
    assert failure(tmp_path, xml=NO_DRIVER, code=9) == "driver_not_loaded"


def test_an_unknown_failure_shows_the_first_line(tmp_path):
    smi = backend(tmp_path, xml="Segfault in the moon\nmore\n", code=255)
    with pytest.raises(CollectError, match="Segfault in the moon") as caught:
        smi.read()
    assert caught.value.reason == "exit"


@pytest.mark.parametrize("code", [0, 6])
def test_a_machine_without_gpus_reads_as_no_gpus(tmp_path, code):
    assert backend(tmp_path, xml="No devices were found\n", code=code).read().gpus == ()


def test_a_missing_nvidia_smi_is_missing(tmp_path):
    with pytest.raises(CollectError) as caught:
        SmiBackend(str(tmp_path / "none")).read()
    assert caught.value.reason == "missing"
    assert not nvidia_smi_present(str(tmp_path / "none"))
    assert nvidia_smi_present(fake_nvidia_smi(tmp_path))


def test_a_hanging_nvidia_smi_is_given_up(tmp_path):
    smi = SmiBackend(fake_nvidia_smi(tmp_path, before="sleep 60"), timeout_seconds=0.3)
    begun = time.monotonic()
    with pytest.raises(CollectError) as caught:
        smi.read()
    assert caught.value.reason == "timeout"
    assert time.monotonic() - begun < 10


def test_a_lost_gpu_beside_good_ones_is_read_in_spite_of_the_exit_code(tmp_path):
    reading = backend(tmp_path, xml=LOST_LINE + log_xml(gpu_xml(), attached=2), code=15).read()
    assert [gpu.lost for gpu in reading.gpus] == [False, True]


def test_when_nothing_but_a_lost_gpu_is_told_it_is_still_told(tmp_path):
    reading = backend(
        tmp_path, xml=LOST_LINE.replace("Unknown Error", "GPU is lost.  Reboot the system to recover this GPU"), code=15
    ).read()
    assert [(gpu.pci_bus_id, gpu.lost) for gpu in reading.gpus] == [("00000000:02:00.0", True)]


@pytest.mark.parametrize(
    "xml", ["", "<nvidia_smi_log><gpu>", log_xml(gpu_xml("<a>&<b></a>")), log_xml(gpu_xml())[:200]]
)
def test_where_the_xml_cannot_be_read_the_csv_is(tmp_path, xml):
    reading = backend(tmp_path, xml=xml, csv=ROW).read()
    assert reading.gpus[0].values["DCGM_FI_DEV_GPU_TEMP"] == 7
    assert calls(tmp_path) == ["-q -x", f"--query-gpu={QUERY} --format=csv"]


def test_where_neither_can_be_read_it_fails(tmp_path):
    assert failure(tmp_path, xml="<nvidia_smi_log>", csv="what?\n") == "format"


def test_windows_line_ends_are_read(tmp_path):
    document = log_xml(gpu_xml("\n<fan_speed>30 %</fan_speed>\n")).replace("\n", "\r\n")
    assert backend(tmp_path, xml=document).read().gpus[0].values["DCGM_FI_DEV_FAN_SPEED"] == 30
    assert mig_profiles("GPU 0: X (UUID: GPU-a)\r\n  MIG 1g.10gb     Device  0: (UUID: MIG-1)\r\n") == {
        ("GPU-a", 0): "1g.10gb"
    }
