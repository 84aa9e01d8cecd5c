"""What a backend reads of this machine's GPUs, whatever it asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class ProcessReading:
    """A process on a GPU; `memory_mib` is None where the driver does not tell."""

    pid: int
    name: str
    memory_mib: float | None


@dataclass(frozen=True)
class InstanceReading:
    """A MIG GPU instance: its id on the GPU, its profile ("1g.10gb", "" if unknown) and its own values."""

    instance_id: int
    profile: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class GpuReading:
    """One GPU.

    Attributes:
        index: its place, as `nvidia-smi` numbers it; None if not known.
        pci_bus_id: as nvidia-smi writes it, "00000000:53:00.0".
        minor: N of /dev/nvidiaN; None if not known.
        values: exported name -> value in DCGM's unit. What the driver did not tell is absent.
        lost: the driver lists the GPU but cannot reach it any more.
        processes: None where the driver does not tell.
    """

    index: int | None
    uuid: str
    pci_bus_id: str
    model: str = ""
    minor: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    lost: bool = False
    instances: tuple[InstanceReading, ...] = ()
    processes: tuple[ProcessReading, ...] | None = None


@dataclass(frozen=True)
class Reading:
    """All GPUs at one instant."""

    driver_version: str
    gpus: tuple[GpuReading, ...]


class Backend(Protocol):
    """A way to read the GPUs of this machine."""

    @property
    def name(self) -> str:
        """Short name, for `watchdog_exporter_build_info`."""
        ...

    def read(self) -> Reading:
        """Read all GPUs now; raises CollectError if nothing can be read at all."""
        ...

    def close(self) -> None:
        """Let go of the driver."""
        ...


def bus_key(pci_bus_id: str) -> tuple[int, int, int] | None:
    """Domain, bus and device of any spelling: `00000000:53:00.0`, `0000:53:00`, `GPU0000:53:00.0`; else None."""
    parts = pci_bus_id.strip().upper().removeprefix("GPU").removeprefix("PCI:").strip().split(":")
    try:
        domain, bus, device = (int(part, 16) for part in (*parts[:2], parts[2].partition(".")[0]))
    except (ValueError, IndexError):
        return None
    return domain, bus, device
