"""Reading -> exposition text in dcgm-exporter's form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from watchdog.exporters.gpu.names import FAMILIES
from watchdog.exporters.gpu.reading import GpuReading, ProcessReading, Reading, bus_key
from watchdog.exporters.gpu.xid import XidTally
from watchdog.model.exposition import family_text, labels_text

Labels = Mapping[str, str]
_MAX_NAME = 64


@dataclass(frozen=True)
class Extras:
    """What stands on the page besides the reading; each part is empty where it was not asked for.

    Attributes:
        jobs: GPU index, or "index.instance", -> ids of the jobs there.
        user_of: pid -> user name; None leaves processes off the page.
    """

    jobs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    user_of: Callable[[int], str] | None = None


def page_text(reading: Reading, hostname: str, extras: Extras) -> str:
    """All series of a reading. A value the driver did not tell has no series."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for gpu in reading.gpus:
        for name, labels, value in _series(gpu, gpu_labels(gpu, hostname, reading.driver_version), extras):
            # Two series of one name and labels would spoil the whole scrape.
            found[name].setdefault(labels_text(labels), value)
    return _families(found)


def xid_text(tallies: Iterable[XidTally], gpus: Reading, hostname: str) -> str:
    """XID series: how many of each code, when last, and DCGM's gauge of the last code of each GPU."""
    by_bus = {bus_key(gpu.pci_bus_id): gpu for gpu in gpus.gpus}
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for tally in sorted(tallies, key=lambda t: t.last_at):
        gpu = by_bus.get(tally.bus) or GpuReading(index=None, uuid="", pci_bus_id=tally.pci_bus_id)
        labels = gpu_labels(gpu, hostname, gpus.driver_version)
        code = labels_text({**labels, "xid": str(tally.code)})
        found["watchdog_gpu_xid_errors_total"][code] = tally.count
        found["watchdog_gpu_xid_last_timestamp_seconds"][code] = tally.last_at.timestamp()
        # Later ones overwrite earlier ones: the gauge holds the last.
        found["DCGM_FI_DEV_XID_ERRORS"][labels_text(labels)] = tally.code
    return _families(found)


def gpu_labels(gpu: GpuReading, hostname: str, driver_version: str) -> dict[str, str]:
    """dcgm-exporter's labels in its order, those that are known."""
    labels = {
        "gpu": "" if gpu.index is None else str(gpu.index),
        "UUID": gpu.uuid,
        "pci_bus_id": gpu.pci_bus_id,
        "device": f"nvidia{gpu.index if gpu.minor is None else gpu.minor}" if gpu.index is not None else "",
        "modelName": gpu.model,
        "Hostname": hostname,
        "DCGM_FI_DRIVER_VERSION": driver_version,
    }
    return {name: text for name, text in labels.items() if text}


def _series(gpu: GpuReading, labels: Labels, extras: Extras) -> Iterator[tuple[str, Labels, float]]:
    yield "watchdog_gpu_lost", labels, float(gpu.lost)
    instanced = {name for instance in gpu.instances for name in instance.values}
    for name, value in gpu.values.items():
        # Where instances tell it, the whole GPU's would count twice in a sum.
        if name not in instanced:
            yield name, labels, value
    yield from _jobs(labels, extras.jobs.get(str(gpu.index), ()))
    for instance in gpu.instances:
        own = _instance_labels(labels, instance.profile, instance.instance_id)
        for name, value in instance.values.items():
            yield name, own, value
        yield from _jobs(own, extras.jobs.get(f"{gpu.index}.{instance.instance_id}", ()))
    if extras.user_of:
        for process in gpu.processes or ():
            yield from _process(labels, process, extras.user_of(process.pid))


def _instance_labels(labels: Labels, profile: str, instance_id: int) -> Labels:
    """The GPU's labels with those of the instance where dcgm-exporter has them: before Hostname."""
    own = {"GPU_I_PROFILE": profile, "GPU_I_ID": str(instance_id)}
    tail = ("Hostname", "DCGM_FI_DRIVER_VERSION")
    head = {name: text for name, text in labels.items() if name not in tail}
    return head | {name: text for name, text in own.items() if text} | {n: labels[n] for n in tail if n in labels}


def _jobs(labels: Labels, jobs: Sequence[str]) -> Iterator[tuple[str, Labels, float]]:
    for job in jobs:
        yield "watchdog_gpu_job_info", {**labels, "hpc_job": job}, 1.0


def _process(labels: Labels, process: ProcessReading, user: str) -> Iterator[tuple[str, Labels, float]]:
    if process.memory_mib is not None:
        who = {"pid": str(process.pid), "user": user, "process": program_name(process.name)}
        yield "watchdog_gpu_process_memory_bytes", {**labels, **who}, process.memory_mib * 2**20


def program_name(command: str) -> str:
    """The program's own name: no folders and no arguments, which may hold secrets; at most 64 characters."""
    words = command.strip().split(" -", 1)[0]
    return words.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].split(" ", 1)[0][:_MAX_NAME]


def _families(found: Mapping[str, Mapping[str, float]]) -> str:
    return "".join(
        family_text(name, family.kind, family.text, found[name].items())
        for name, family in FAMILIES.items()
        if name in found
    )
