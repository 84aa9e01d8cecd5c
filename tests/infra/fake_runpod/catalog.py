"""GPU types and data centers that the fake lets. Prices are invented but near those of November 2026."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

GLOBAL_NETWORK = ("CA-MTL-3", "EU-RO-1", "US-KS-2", "US-TX-3")
OTHERS = ("EU-SE-2",)
REGIONS = {"CA": "NORTH_AMERICA", "US": "NORTH_AMERICA", "EU": "EUROPE"}


@dataclass(frozen=True)
class GpuType:
    """What the catalogue says of a GPU; prices in USD per hour and GPU, 0 = not offered on that cloud."""

    id: str
    name: str
    memory_gb: int
    secure: float
    community: float
    max_count: int = 8
    manufacturer: str = "NVIDIA"

    def price(self, cloud: str) -> float:
        return self.secure if cloud == "SECURE" else self.community

    def entry(self) -> dict[str, Any]:
        """This type as GET /v2/catalog/gpus lists it."""
        return {
            "id": self.id,
            "name": self.name,
            "pool": None,
            "manufacturer": self.manufacturer,
            "memory": self.memory_gb,
            "secure": self.secure > 0,
            "community": self.community > 0,
            "price": {"secure": self.secure, "community": self.community},
            "maxCount": {
                "secure": self.max_count if self.secure else 0,
                "community": self.max_count if self.community else 0,
            },
        }


GPU_TYPES = (
    GpuType("NVIDIA RTX A5000", "RTX A5000", 24, 0.27, 0.16),
    GpuType("NVIDIA GeForce RTX 4090", "RTX 4090", 24, 0.74, 0.34),
    GpuType("NVIDIA L40S", "L40S", 48, 0.86, 0.79),
    GpuType("NVIDIA A100 80GB PCIe", "A100 PCIe", 80, 1.79, 1.19),
    GpuType("NVIDIA A100-SXM4-80GB", "A100 SXM", 80, 1.79, 1.39),
    GpuType("NVIDIA H100 PCIe", "H100 PCIe", 80, 2.89, 1.99),
    GpuType("NVIDIA H100 80GB HBM3", "H100 SXM", 80, 3.99, 2.69),
    GpuType("NVIDIA H200", "H200 SXM", 141, 4.59, 0.0),
    GpuType("AMD Instinct MI300X OAM", "MI300X", 192, 2.99, 0.0, manufacturer="AMD"),
)


def data_centers() -> list[dict[str, Any]]:
    return [
        {
            "id": name,
            "name": name,
            "region": REGIONS[name[:2]],
            "globalNetwork": name in GLOBAL_NETWORK,
            "networkVolumeTypes": ["STANDARD"],
            "compliance": [],
        }
        for name in GLOBAL_NETWORK + OTHERS
    ]
