"""Names of exporters, and the units they count in, in few words."""

from __future__ import annotations

from watchdog.model.metric import Dialect, ExportedAs, Group, Kind, Metric, Unit


def dcgm(old: str, new: str = "", factor: float = 1.0, bit: int = 0) -> tuple[ExportedAs, ...]:
    """The name before DCGM 4.6 and, where it changed, since."""
    names = [ExportedAs(f"DCGM_FI_{old}", Dialect.DCGM, factor, bit)]
    if new:
        names.append(ExportedAs(f"DCGM_FI_{new}", Dialect.DCGM_46, factor, bit))
    return tuple(names)


def nge(name: str, factor: float = 1.0) -> tuple[ExportedAs, ...]:
    """utkuozdemir/nvidia_gpu_exporter's name."""
    return (ExportedAs(f"nvidia_smi_{name}", Dialect.NVIDIA_GPU_EXPORTER, factor),)


def ours(name: str, factor: float = 1.0) -> tuple[ExportedAs, ...]:
    """Our own exporter's name."""
    return (ExportedAs(f"watchdog_gpu_{name}", Dialect.WATCHDOG, factor),)


def flag(key: str, label: str, definition: str, names: tuple[ExportedAs, ...], group: Group = Group.ERRORS) -> Metric:
    """Something that is so or not; of several GPUs the worst counts."""
    return Metric(key, label, Unit.FLAG, group, definition, names, kind=Kind.STATE, over_gpus="max", high=1.0)
