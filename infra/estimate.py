"""What a cluster would cost, by GPU type: an hour, a day, a month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from infra import names
from infra.budget import cluster_cost
from infra.prices import HOURS_A_DAY, HOURS_A_MONTH, PriceList, gpu_usd
from infra.spec import Wishes

# Always shown, whatever else is asked for.
USUAL = ("RTX 4090", "A100-80GB", "H100")


@dataclass(frozen=True)
class Estimate:
    """USD for the whole cluster on one GPU type; `gpu_usd` is for one GPU and hour."""

    gpu_type: str
    name: str
    gpu_usd: float
    hour: float
    day: float
    month: float
    availability: str


def estimates(wishes: Wishes, price_list: PriceList, types: Sequence[str] = USUAL) -> list[Estimate]:
    """One row for each GPU type that the names mean and the cloud sells, cheapest first."""
    meant = {gpu.id: gpu for wish in types for gpu in names.matching(wish, price_list.gpus)}
    rows = []
    for gpu in meant.values():
        usd = gpu_usd(gpu, wishes.cloud)
        if usd is None:
            continue
        cost = cluster_cost(wishes, usd, price_list.disk_usd)
        free = gpu.availability if price_list.live else "unknown"
        rows.append(
            Estimate(gpu.id, gpu.name, usd, cost.hourly, cost.over(HOURS_A_DAY), cost.over(HOURS_A_MONTH), free)
        )
    return sorted(rows, key=lambda row: (row.hour, row.gpu_type))


def table(wishes: Wishes, price_list: PriceList, rows: Sequence[Estimate]) -> str:
    """The rows as text, with what they stand on."""
    head = f"{wishes.words}. Prices: {price_list.source}."
    columns = f"{'GPU type':<12} {'$/GPU/h':>8} {'$/hour':>9} {'$/day':>10} {'$/month':>11}  free now"
    lines = [
        f"{row.name:<12} {row.gpu_usd:>8.2f} {row.hour:>9.2f} {row.day:>10.2f} {row.month:>11.2f}  {row.availability.lower()}"
        for row in rows
    ]
    disks = f"With {wishes.disks_gb} GB of disks at ${price_list.disk_usd:.2f} a GB and month. A month is {HOURS_A_MONTH} hours."
    return "\n".join([head, disks, "", columns, *lines])


def what_if(wishes: Wishes, price_list: PriceList, gpu: str, workers: int) -> list[Estimate]:
    """The same for another GPU type and number of workers."""
    return estimates(replace(wishes, workers=workers), price_list, [gpu])
