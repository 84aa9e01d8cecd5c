"""What this pod has: CPUs and memory within the container's limits, and the GPUs that nvidia-smi sees."""

from __future__ import annotations

import os
import re
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

_NVIDIA_SMI_SECONDS = 60.0
_MIB = 1 << 20
# Marks of a maker, not of a model.
_NOISE = {"nvidia", "geforce", "tesla", "quadro", "generation", "server", "workstation", "edition", "blackwell"}


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    Attributes:
        index: as nvidia-smi and, with CUDA_DEVICE_ORDER=PCI_BUS_ID, CUDA count.
        minor: number of its device file, which in a container need not be its index.
        kind: Slurm's Gres type, such as "h100".
        memory_mib: as nvidia-smi tells it; 0: unknown.
    """

    index: int
    minor: int
    kind: str
    memory_mib: int


@dataclass(frozen=True)
class Machine:
    """CPUs, memory and GPUs of this container."""

    cpus: int
    memory_mib: int
    gpus: tuple[Gpu, ...] = ()


def look(root: Path = Path("/")) -> tuple[Machine, str]:
    """What is here, and why no GPU could be read ("" if they could).

    Args:
        root: where /proc and /sys lie.
    """
    gpus, problem = _gpus()
    return Machine(cpu_count(root), memory_mib(root), gpus), problem


def cpu_count(root: Path) -> int:
    """CPUs that the scheduler gives us, capped by the cgroup's quota; at least 1."""
    allowed = len(os.sched_getaffinity(0))
    quota = _first_line(root / "sys/fs/cgroup/cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit():
        return max(1, min(allowed, int(quota[0]) // int(quota[1])))
    old = _first_line(root / "sys/fs/cgroup/cpu/cpu.cfs_quota_us")
    period = _first_line(root / "sys/fs/cgroup/cpu/cpu.cfs_period_us")
    if old.isdigit() and period.isdigit():
        return max(1, min(allowed, int(old) // int(period)))
    return allowed


def memory_mib(root: Path) -> int:
    """Memory in MiB: the machine's, capped by the cgroup's limit."""
    found = re.search(r"MemTotal:\s+(\d+) kB", (root / "proc/meminfo").read_text())
    total = int(found[1]) // 1024 if found else 0
    for limit in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _first_line(root / limit)
        if text.isdigit():
            return min(total, int(text) // _MIB)
    return total


def parse_gpus(xml: str) -> tuple[Gpu, ...]:
    """GPUs of `nvidia-smi -q -x`, in its order; a broken one keeps its place."""
    found = ET.fromstring(xml).findall("gpu")  # noqa: S314 (the driver's own output)
    return tuple(
        Gpu(index, _number(gpu, "minor_number", index), gpu_kind(gpu.findtext("product_name") or ""), _memory(gpu))
        for index, gpu in enumerate(found)
    )


def gpu_kind(product: str) -> str:
    """A Gres type of a product's name: "NVIDIA H100 80GB HBM3" -> "h100", "NVIDIA GeForce RTX 4090" -> "rtx4090"."""
    words = [w for w in re.split(r"[^a-z0-9]+", product.lower()) if w and w not in _NOISE]
    for number, word in enumerate(words):
        if any(c.isdigit() for c in word):
            ada = ["ada"] if "ada" in words[number + 1 :] else []
            return "".join([*words[: number + 1], *ada])
    return "".join(words) or "gpu"


def _gpus() -> tuple[tuple[Gpu, ...], str]:
    try:
        done = subprocess.run(
            ["nvidia-smi", "-q", "-x"],  # noqa: S607 (the container toolkit mounts it on PATH)
            capture_output=True, text=True, errors="replace", timeout=_NVIDIA_SMI_SECONDS, check=False,
        )  # fmt: skip
        return parse_gpus(done.stdout), ""
    except FileNotFoundError:
        return (), "nvidia-smi is not there: the pod has no GPU, or its driver was not mounted"
    except subprocess.TimeoutExpired:
        return (), f"nvidia-smi gave no answer within {_NVIDIA_SMI_SECONDS:g} s"
    except ET.ParseError:
        return (), f"nvidia-smi failed: {(done.stdout + done.stderr).strip()[:200]}"


def _number(gpu: ET.Element, name: str, otherwise: int) -> int:
    text = (gpu.findtext(name) or "").strip()
    return int(text) if text.isdigit() else otherwise


def _memory(gpu: ET.Element) -> int:
    found = re.match(r"(\d+) MiB", gpu.findtext("fb_memory_usage/total") or "")
    return int(found[1]) if found else 0


def _first_line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
