"""What a quantity is: its meaning, unit, valid range, and what each exporter calls it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MIB = 2.0**20
MHZ = 1e6


class Unit(StrEnum):
    """Base unit of a metric; it is also the suffix of the metric's key."""

    RATIO = "ratio"
    BYTES = "bytes"
    BYTES_PER_SECOND = "bytes_per_second"
    WATTS = "watts"
    JOULES = "joules"
    CELSIUS = "celsius"
    HERTZ = "hertz"
    COUNT = "count"
    FLAG = "flag"
    CODE = "code"


class Kind(StrEnum):
    """How a value behaves in time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    STATE = "state"


class Group(StrEnum):
    """The chapter a metric belongs to, as pages and docs order them."""

    USE = "use"
    MEMORY = "memory"
    THERMAL = "thermal"
    POWER = "power"
    CLOCKS = "clocks"
    LINKS = "links"
    ERRORS = "errors"
    THROTTLE = "throttle"
    STATE = "state"


class Dialect(StrEnum):
    """A family of exporters that share names and labels."""

    DCGM = "dcgm"
    DCGM_46 = "dcgm_46"
    NVIDIA_GPU_EXPORTER = "nvidia_gpu_exporter"
    WATCHDOG = "watchdog"


@dataclass(frozen=True)
class ExportedAs:
    """One exporter's name for a quantity.

    `value * factor` is in the metric's base unit. With `bit`, the exported value is a bit mask and
    the quantity is 1 where the bit is set, else 0.
    """

    name: str
    dialect: Dialect
    factor: float = 1.0
    bit: int = 0


@dataclass(frozen=True)
class Metric:
    """A quantity: its meaning, unit, valid range, and how to aggregate it.

    Attributes:
        over_gpus: how values of several GPUs combine: "mean", "sum" or "max".
        per_instance: the value belongs to a MIG instance where there are some; otherwise it is the
            whole GPU's, even if an exporter repeats it for each instance.
        low, high: values outside are not a measurement and become null.
    """

    key: str
    label: str
    unit: Unit
    group: Group
    definition: str
    names: tuple[ExportedAs, ...]
    kind: Kind = Kind.GAUGE
    over_gpus: str = "mean"
    per_instance: bool = False
    low: float = 0.0
    high: float = 9.0e18
