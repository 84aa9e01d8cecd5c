"""GPUs the driver lists but cannot reach: nvidia-smi prints a line of text for each, in any output format."""

from __future__ import annotations

import re

from watchdog.exporters.gpu.reading import GpuReading

_LINE = re.compile(
    r"^.*Unable to determine the device handle for (?:gpu|GPU)?\s*([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.\d)"
    r"\s*:.*$\n?",
    re.MULTILINE,
)


def lost_gpus(text: str) -> tuple[GpuReading, ...]:
    """The GPUs named in such lines, each once."""
    found = dict.fromkeys(_full(address) for address in _LINE.findall(text))
    return tuple(GpuReading(index=None, uuid="", pci_bus_id=address, lost=True) for address in found)


def without_lost_lines(text: str) -> str:
    """The rest of the output."""
    return _LINE.sub("", text)


def _full(address: str) -> str:
    """With the 8-digit domain nvidia-smi writes elsewhere."""
    domain, _, rest = address.partition(":")
    return f"{domain.zfill(8)}:{rest}".upper()
