"""What a threshold rule can watch: the metrics of the catalogue, and three ratios made of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from types import MappingProxyType

from watchdog.model.metrics import CATALOGUE, Group, Kind, Metric, Unit
from watchdog.model.rules import Reading, Rule


def _ratio(key: str, label: str, group: Group, definition: str, high: float = 1.0) -> Metric:
    return Metric(key, label, Unit.RATIO, group, definition, (), high=high)


DERIVED: MappingProxyType[str, Metric] = MappingProxyType(
    {
        metric.key: metric
        for metric in (
            _ratio("busy_ratio", "Busy", Group.USE, "GPU utilization; under MIG, graphics engine active."),
            _ratio("memory_ratio", "Memory filled", Group.MEMORY, "Memory used as a share of memory total."),
            # The driver averages power over a second, so that a GPU may be seen above its limit.
            _ratio(
                "power_ratio", "Power of limit", Group.POWER, "Power draw as a share of the power limit.", high=10.0
            ),
        )
    }
)
QUANTITIES: MappingProxyType[str, Metric] = MappingProxyType(dict(CATALOGUE) | dict(DERIVED))

# Of each group at least one must be exported.
_NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "busy_ratio": (("gpu_util_ratio", "graphics_engine_active_ratio"),),
    "memory_ratio": (("memory_used_bytes",), ("memory_total_bytes", "memory_free_bytes")),
    "power_ratio": (("power_watts",), ("power_limit_watts",)),
    "memory_total_bytes": (("memory_total_bytes", "memory_free_bytes"),),
}
_INGREDIENTS: dict[str, tuple[str, ...]] = {
    "busy_ratio": ("gpu_util_ratio", "graphics_engine_active_ratio"),
    "memory_ratio": ("memory_used_bytes", "memory_total_bytes"),
    "power_ratio": ("power_watts", "power_limit_watts"),
}


def ingredients(quantity: str) -> tuple[str, ...]:
    """The catalogue metrics to read for it."""
    return _INGREDIENTS.get(quantity, (quantity,))


def lacking(quantity: str, not_exported: Collection[str]) -> str:
    """In words, what no exporter publishes of what `quantity` needs; "" where all is there."""
    for group in _NEEDS.get(quantity, ((quantity,),)):
        if all(name in not_exported for name in group):
            return f"no exporter publishes {' or '.join(group)}"
    return ""


def cell_metrics(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Which catalogue metrics `Facts.cells` must have a column of for these rules to be judged."""
    return _needed(rules, Reading.VALUE)


def trace_metrics(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Which catalogue metrics `Facts.trace` must carry for these rules to be judged."""
    return _needed(rules, Reading.INCREASE)


def _needed(rules: Iterable[Rule], reading: Reading) -> tuple[str, ...]:
    wanted = [rule.metric for rule in rules if rule.enabled and rule.metric and rule.reading is reading]
    return tuple(dict.fromkeys(name for key in wanted for name in ingredients(key)))


def is_counter(quantity: str) -> bool:
    """Whether only its growth means something."""
    return QUANTITIES[quantity].kind is Kind.COUNTER
