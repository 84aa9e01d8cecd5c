"""The metric catalogue: every quantity we know, and what each exporter calls it.

All strangeness of exporters is absorbed here and in `sources`: names that changed with DCGM 4.6,
percents, MiB, mJ, MHz, bit masks. Above this layer there are only base units and ratios 0..1.

Sources of the names: dcgm-exporter `etc/default-counters.csv`, DCGM `dcgm_fields.h` (4.6 names and the
older ones they replace), utkuozdemir/nvidia_gpu_exporter. Our own exporter emits the older DCGM names,
which every published dashboard uses, and `watchdog_gpu_*` for what DCGM has no name for.
"""

from __future__ import annotations

from types import MappingProxyType

from watchdog.model.catalogue.clocks import CLOCKS
from watchdog.model.catalogue.errors import ERRORS
from watchdog.model.catalogue.links import LINKS
from watchdog.model.catalogue.memory import MEMORY
from watchdog.model.catalogue.power import POWER
from watchdog.model.catalogue.state import STATE
from watchdog.model.catalogue.thermal import THERMAL
from watchdog.model.catalogue.throttle import THROTTLE
from watchdog.model.catalogue.use import USE
from watchdog.model.metric import MHZ, MIB, Dialect, ExportedAs, Group, Kind, Metric, Unit

__all__ = [
    "BY_EXPORTED_NAME", "CATALOGUE", "MHZ", "MIB", "Dialect", "ExportedAs", "Group", "Kind", "Metric", "Unit", "is_blank",
    "metric",
]  # fmt: skip

CATALOGUE: MappingProxyType[str, Metric] = MappingProxyType(
    {metric.key: metric for metric in (*USE, *MEMORY, *THERMAL, *POWER, *CLOCKS, *LINKS, *ERRORS, *THROTTLE, *STATE)}
)

# What an exported name stands for; a bit mask stands for several flags.
BY_EXPORTED_NAME: MappingProxyType[str, tuple[tuple[Metric, ExportedAs], ...]] = MappingProxyType(
    {
        name: tuple((m, e) for m in CATALOGUE.values() for e in m.names if e.name == name)
        for name in {e.name for m in CATALOGUE.values() for e in m.names}
    }
)

# DCGM writes these (and up to 3 above each) for "blank", "not found", "not supported", "no permission"
# (dcgm_structs.h); as float64 all the 64-bit ones fall together at 2**63.
_BLANK_INT32 = 2147483632.0
_BLANK_FP64 = 140737488355328.0
_BLANK_INT64 = 9.2e18


def is_blank(value: float) -> bool:
    """Whether a raw exported value stands for "no measurement"."""
    return (
        value != value  # noqa: PLR0124 (NaN)
        or value >= _BLANK_INT64
        or value == float("-inf")
        or _BLANK_INT32 <= value <= _BLANK_INT32 + 3
        or _BLANK_FP64 <= value <= _BLANK_FP64 + 3
    )


def metric(key: str) -> Metric:
    """The metric of that key; KeyError for an unknown one, which is a bug of the caller."""
    return CATALOGUE[key]
