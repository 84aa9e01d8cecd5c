"""What a pod finds on its machine."""

import os

import pytest
from pod import machine
from pod.machine import Gpu, gpu_kind, look, memory_mib, parse_gpus

from tests.pod.lab import recording


@pytest.mark.parametrize(
    ("product", "kind"),
    [
        ("NVIDIA H100 80GB HBM3", "h100"), ("NVIDIA H100 PCIe", "h100"), ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA H200", "h200"), ("NVIDIA B200", "b200"), ("NVIDIA L40S", "l40s"), ("NVIDIA L4", "l4"),
        ("NVIDIA GeForce RTX 4090", "rtx4090"), ("NVIDIA RTX A6000", "rtxa6000"), ("NVIDIA A40", "a40"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx6000ada"), ("Tesla V100-PCIE-32GB", "v100"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "rtxpro6000"), ("", "gpu"), ("NVIDIA Graphics Device", "graphicsdevice"),
    ],
)  # fmt: skip
def test_a_product_s_name_becomes_a_word_for_gres(product, kind):
    assert gpu_kind(product) == kind


def test_gpus_of_a_recording_have_index_device_file_type_and_memory():
    assert parse_gpus(recording(2)) == (Gpu(0, 0, "h100", 81559), Gpu(1, 0, "h100", 81559))


def test_other_recordings_are_read_too(fixtures):
    for path in (fixtures / "nvidia-smi").rglob("*.xml"):
        if path.name.startswith("ixsmi"):
            continue
        for gpu in parse_gpus(path.read_text(errors="replace")):
            assert gpu.kind.isascii()
            assert gpu.kind.isalnum()


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo NVIDIA-SMI has failed because it could not communicate with the driver; exit 9", "could not communicate"),
        ("exit 1", "nvidia-smi failed"), ("sleep 5", "no answer"), ("echo '<nvidia_smi_log><gpu>'", "nvidia-smi failed"),
    ],
)  # fmt: skip
def test_a_broken_driver_is_a_sentence_and_no_gpu(script, problem, tmp_path, monkeypatch):
    fake = tmp_path / "nvidia-smi"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(machine, "_NVIDIA_SMI_SECONDS", 0.5)
    found, why = look()
    assert found.gpus == ()
    assert problem in why


def test_no_nvidia_smi_is_a_sentence_too(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "is not there" in look()[1]


@pytest.mark.parametrize(
    ("files", "memory", "cpus"),
    [
        ({}, 1000, 64),
        ({"memory.max": "max", "cpu.max": "max 100000"}, 1000, 64),
        ({"memory.max": str(500 << 20), "cpu.max": "800000 100000"}, 500, 8),
        ({"memory.max": str(5000 << 20), "cpu.max": "50000 100000"}, 1000, 1),
        ({"memory/memory.limit_in_bytes": str(300 << 20), "cpu/cpu.cfs_quota_us": "400000",
          "cpu/cpu.cfs_period_us": "100000"}, 300, 4),
        ({"memory/memory.limit_in_bytes": "9223372036854771712", "cpu/cpu.cfs_quota_us": "-1",
          "cpu/cpu.cfs_period_us": "100000"}, 1000, 64),
    ],
)  # fmt: skip
def test_a_container_s_limits_count_and_not_the_machine_s_size(files, memory, cpus, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal:       1024000 kB\nMemFree: 1 kB\n")
    for name, text in files.items():
        path = tmp_path / "sys" / "fs" / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    assert (memory_mib(tmp_path), machine.cpu_count(tmp_path)) == (memory, cpus)
