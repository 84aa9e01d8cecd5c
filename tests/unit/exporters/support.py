"""What the exporters' tests share: a fake nvidia-smi, small documents, reading pages back."""

import shlex
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

MISMATCH = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.129\n"
NO_DRIVER = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
    "Make sure that the latest NVIDIA driver is installed and running.\n"
)
LOST_LINE = "Unable to determine the device handle for GPU0000:02:00.0: Unknown Error\n"


def fake_nvidia_smi(folder: Path, xml="", csv="", listing="", code=0, before="") -> str:
    """Write a FAKE nvidia-smi that replays texts: `-q -x`, `--query-gpu`, `-L`. `before` is shell run first."""
    for name, text in {"q": xml, "csv": csv, "L": listing}.items():
        (folder / f"fake-{name}.txt").write_text(text, newline="")
    script = folder / "fake-nvidia-smi"
    here = shlex.quote(str(folder))
    script.write_text(
        f'#!/bin/sh\n{before}\necho "$*" >> {here}/fake-calls.txt\n'
        f'case "$1" in\n-q) cat {here}/fake-q.txt ;;\n-L) cat {here}/fake-L.txt ;;\n*) cat {here}/fake-csv.txt ;;\n'
        f"esac\nexit {code}\n"
    )
    script.chmod(0o755)
    return str(script)


def calls(folder: Path) -> list[str]:
    """The command lines the fake was called with."""
    path = folder / "fake-calls.txt"
    return path.read_text().splitlines() if path.exists() else []


def gpu_xml(inner="", uuid="GPU-aaaa", bus="00000000:01:00.0", minor="0", name="NVIDIA H100 80GB HBM3") -> str:
    """One <gpu> element."""
    return (
        f'<gpu id="{bus}"><product_name>{name}</product_name><uuid>{uuid}</uuid>'
        f"<minor_number>{minor}</minor_number><pci><pci_bus_id>{bus}</pci_bus_id></pci>{inner}</gpu>"
    )


def log_xml(*gpus: str, attached: int | None = None, driver="590.48.01") -> str:
    """A whole document."""
    count = len(gpus) if attached is None else attached
    return (
        '<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">\n<nvidia_smi_log>'
        f"<driver_version>{driver}</driver_version><attached_gpus>{count}</attached_gpus>{''.join(gpus)}"
        "</nvidia_smi_log>\n"
    )


def samples(page: bytes | str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Name -> [(labels, value)], read by Prometheus' own Python parser."""
    text = page.decode() if isinstance(page, bytes) else page
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found
