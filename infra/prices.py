"""What GPUs cost: RunPod's catalogue now, or a dated table for estimates without a key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from infra.wire import GpuType, MaxCount, Price

_TABLE = Path(__file__).with_name("prices.json")
HOURS_A_DAY = 24
HOURS_A_MONTH = 730  # 8,760 / 12


class _Entry(msgspec.Struct):
    id: str
    name: str
    memory: int
    secure: float
    community: float
    as_of: str


class _Table(msgspec.Struct):
    sources: dict[str, str]
    disk_usd_per_gb_month: float
    gpus: list[_Entry]


@dataclass(frozen=True)
class PriceList:
    """GPU types with prices, and where they come from, in words with a date. `disk_usd` is for a GB and month."""

    gpus: list[GpuType]
    source: str
    live: bool
    disk_usd: float


def offline() -> PriceList:
    """The table in this folder. It knows nothing of what is free now."""
    table = _table()
    gpus = [_gpu_type(entry) for entry in table.gpus]
    dates = sorted(table.sources)
    source = f"infra/prices.json, of {dates[0]} to {dates[-1]}; they change"
    return PriceList(gpus, source, live=False, disk_usd=table.disk_usd_per_gb_month)


def live(gpus: list[GpuType]) -> PriceList:
    """RunPod's catalogue. Disks are not in it: their price is the table's."""
    table = _table()
    return PriceList(gpus, "RunPod's catalogue, now", live=True, disk_usd=table.disk_usd_per_gb_month)


def gpu_usd(gpu: GpuType, cloud: str) -> float | None:
    """USD an hour for one GPU in SECURE or COMMUNITY; None where it is not sold there."""
    sold, usd = (gpu.secure, gpu.price.secure) if cloud == "SECURE" else (gpu.community, gpu.price.community)
    return usd if sold and usd > 0 else None


def disk_usd_an_hour(gb: int, usd_per_gb_month: float) -> float:
    """USD an hour for disk and volume of a running pod (docs.runpod.io/pods/pricing)."""
    return gb * usd_per_gb_month / HOURS_A_MONTH


def _table() -> _Table:
    return msgspec.json.decode(_TABLE.read_bytes(), type=_Table)


def _gpu_type(entry: _Entry) -> GpuType:
    return GpuType(
        id=entry.id,
        name=entry.name,
        manufacturer="NVIDIA",
        memory=entry.memory,
        secure=entry.secure > 0,
        community=entry.community > 0,
        price=Price(entry.secure, entry.community),
        max_count=MaxCount(8, 8),
    )
