import os
import time

import pytest

from tests.unit.exporters.support import LOST_LINE, MISMATCH, fake_nvidia_smi, gpu_xml, log_xml, samples
from watchdog.exporters.gpu.exporter import GpuExporter, GpuOptions, user_of

HOT = "<temperature><gpu_temp>71 C</gpu_temp></temperature>"


def exporter(folder, smi=None, **options):
    said = {"backend": "smi", "hostname": "node1", "interval_seconds": 0.05, "timeout_seconds": 5.0, "kernel_log": ""}
    return GpuExporter(GpuOptions(nvidia_smi=smi or str(folder / "fake-nvidia-smi"), **{**said, **options}))


def wait_for(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it did not happen within 5 s")


def test_a_started_exporter_has_a_page_of_this_machines_gpus(tmp_path):
    fake_nvidia_smi(tmp_path, xml=log_xml(gpu_xml(HOT)))
    gpus = exporter(tmp_path)
    gpus.start()
    wait_for(lambda: b"GPU_TEMP" in gpus.page())
    gpus.stop()
    found = samples(gpus.page())
    [(labels, value)] = found["DCGM_FI_DEV_GPU_TEMP"]
    assert (labels["Hostname"], value) == ("node1", 71)
    assert found["watchdog_exporter_gpus"] == [({}, 1)]
    assert found["watchdog_exporter_build_info"][0][0]["backend"] == "nvidia-smi"


def test_an_exporter_started_before_the_driver_works_once_the_driver_does(tmp_path):
    fake_nvidia_smi(tmp_path, xml=MISMATCH, code=18)
    gpus = exporter(tmp_path)
    gpus.start()
    wait_for(lambda: b'failures_total{reason="driver_mismatch"}' in gpus.page())
    fake_nvidia_smi(tmp_path, xml=log_xml(gpu_xml(HOT)))
    wait_for(lambda: b"GPU_TEMP" in gpus.page())
    gpus.stop()


def test_a_gpu_that_falls_off_the_bus_is_lost_with_its_name(tmp_path):
    fake_nvidia_smi(tmp_path, xml=log_xml(gpu_xml(), gpu_xml(uuid="GPU-b", bus="00000000:02:00.0", minor="1")))
    gpus = exporter(tmp_path)
    gpus.collect_once()
    fake_nvidia_smi(tmp_path, xml=LOST_LINE + log_xml(gpu_xml(), attached=2), code=15)
    assert gpus.collect_once().success
    found = samples(gpus.page())
    assert {labels["UUID"]: value for labels, value in found["watchdog_gpu_lost"]} == {"GPU-aaaa": 0, "GPU-b": 1}
    assert found["watchdog_exporter_gpus"] == [({}, 1)]


def test_a_hung_nvidia_smi_shows_as_age_and_a_failed_attempt(tmp_path):
    fake_nvidia_smi(tmp_path, xml=log_xml(gpu_xml(HOT)))
    gpus = exporter(tmp_path, timeout_seconds=0.3)
    gpus.collect_once()
    fake_nvidia_smi(tmp_path, before="sleep 60")
    assert not gpus.collect_once().success
    found = samples(gpus.page())
    assert found["DCGM_FI_DEV_GPU_TEMP"][0][1] == 71
    assert found["watchdog_exporter_last_attempt_success"] == [({}, 0)]
    assert found["watchdog_exporter_failures_total"] == [({"reason": "timeout"}, 1)]
    assert found["watchdog_exporter_snapshot_age_seconds"][0][1] >= 0.3


def test_xids_in_the_kernel_log_carry_the_gpus_labels(tmp_path):
    fake_nvidia_smi(tmp_path, xml=log_xml(gpu_xml(HOT)))
    log = tmp_path / "kmsg"
    log.write_text("4,1,1000000,-;NVRM: Xid (PCI:0000:01:00): 79, pid=1, GPU has fallen off the bus.\n" * 2)
    gpus = exporter(tmp_path, kernel_log=str(log))
    gpus.start()
    wait_for(lambda: b'xid="79"' in gpus.page() and b"GPU_TEMP" in gpus.page())
    gpus.stop()
    found = samples(gpus.page())
    [(labels, count)] = found["watchdog_gpu_xid_errors_total"]
    assert (labels["UUID"], labels["xid"], count) == ("GPU-aaaa", "79", 2)
    assert found["watchdog_exporter_build_info"][0][0]["xid_source"] == "kernel_log"


def test_not_being_able_to_see_xids_is_said(tmp_path):
    fake_nvidia_smi(tmp_path, xml=log_xml(gpu_xml()))
    gpus = exporter(tmp_path, kernel_log=str(tmp_path / "none"))
    gpus.start()
    gpus.stop()
    assert b'xid_source="none"' in gpus.page()


def test_jobs_and_processes_come_when_asked_for(tmp_path):
    info = f"<process_info><pid>{os.getpid()}</pid><type>C</type><process_name>py</process_name><used_memory>5 MiB</used_memory></process_info>"
    fake_nvidia_smi(tmp_path, xml=log_xml(gpu_xml(f"<processes>{info}</processes>")))
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    (jobs / "0").write_text("4711\n")
    gpus = exporter(tmp_path, processes=True, job_mapping_dir=str(jobs))
    gpus.collect_once()
    found = samples(gpus.page())
    assert found["watchdog_gpu_job_info"][0][0]["hpc_job"] == "4711"
    assert found["watchdog_gpu_process_memory_bytes"][0][0]["user"] == user_of(os.getpid())


def test_a_process_that_is_gone_has_no_user():
    assert user_of(2**30) == ""
