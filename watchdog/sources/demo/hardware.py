"""The demo cluster's machines: what each GPU is, where it sits and how warm its place is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Where the eight GPUs of an HGX board sit on the PCIe bus.
_BUSES = (0x19, 0x3B, 0x4C, 0x5D, 0x9B, 0xBB, 0xCB, 0xDB)


@dataclass(frozen=True)
class GpuModel:
    """One kind of GPU.

    Attributes:
        context_watts: what a process that computes nothing adds to the idle draw.
        kelvin_per_watt: how much warmer than the air the core gets for each watt.
        nvlink_bytes: bytes a second over all links, both ways, at most.
    """

    name: str
    partition: str
    memory_mib: int
    reserved_mib: int
    idle_watts: float
    context_watts: float
    limit_watts: float
    max_sm_mhz: int
    idle_sm_mhz: int
    memory_mhz: int
    kelvin_per_watt: float
    nvlink_bytes: float
    pcie_gen: int


H100 = GpuModel("NVIDIA H100 80GB HBM3", "h100", 81559, 551, 68.0, 20.0, 700.0, 1980, 345, 2619, 0.055, 9.0e11, 5)
A100 = GpuModel("NVIDIA A100-SXM4-80GB", "a100", 81920, 769, 61.0, 9.0, 400.0, 1410, 210, 1593, 0.080, 6.0e11, 4)


class Fleet:
    """All GPUs of the cluster in one order: node by node, slot by slot. Arrays are of shape (GPUs,)."""

    def __init__(self, nodes: int, gpus: int, seed: int) -> None:
        rng = np.random.default_rng([seed, 0])
        width = max(2, len(str(nodes)))
        self.per_node = gpus
        self.node_names = tuple(f"gpu{i + 1:0{width}d}" for i in range(nodes))
        # A quarter of the machines is of the older kind.
        self.node_models = tuple(A100 if i >= nodes - nodes // 4 else H100 for i in range(nodes))
        self.node = np.repeat(np.arange(nodes), gpus)
        self.index = np.tile(np.arange(gpus), nodes)
        self.uuids = tuple(_uuid(rng.bytes(16)) for _ in range(nodes * gpus))
        self.bus_ids = tuple(f"00000000:{_bus(int(i)):02X}:00.0" for i in self.index)
        count = nodes * gpus
        room = 24.0 + rng.uniform(-1.5, 1.5, nodes)
        # Back slots breathe the front slots' warm air.
        slot = np.where(np.arange(gpus) % 8 >= 4, 4.0, 0.0) + rng.uniform(-0.7, 0.7, gpus)
        self.inlet = room[self.node] + slot[self.index]
        self.kelvin_per_watt = self.spec("kelvin_per_watt") * rng.uniform(0.95, 1.05, count)
        self.idle_watts = self.spec("idle_watts") + rng.uniform(-5.0, 5.0, count)
        self.lag_seconds = rng.uniform(38.0, 52.0, count)
        self.driver_age_seconds = rng.uniform(3, 60, nodes)[self.node] * 86400

    @property
    def count(self) -> int:
        """How many GPUs there are."""
        return len(self.uuids)

    @cached_property
    def models(self) -> tuple[GpuModel, ...]:
        """The model of each GPU."""
        return tuple(self.node_models[int(n)] for n in self.node)

    def spec(self, name: str) -> Floats:
        """One number of the data sheet for each GPU."""
        return np.array([float(getattr(model, name)) for model in self.node_models])[self.node]

    def of_node(self, node: int) -> range:
        """The GPUs in a node."""
        return range(node * self.per_node, (node + 1) * self.per_node)

    def place(self, gpu: int) -> tuple[str, int]:
        """A GPU's node and index there."""
        return self.node_names[gpu // self.per_node], gpu % self.per_node


def _uuid(data: bytes) -> str:
    digits = data.hex()
    return "GPU-" + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _bus(index: int) -> int:
    return _BUSES[index] if index < len(_BUSES) else (0x20 + 2 * index) % 256
