"""Remember which GPUs this machine had: one that falls off the bus keeps its name, and is not just gone."""

from __future__ import annotations

from dataclasses import replace

from watchdog.exporters.gpu.reading import GpuReading, Reading, bus_key


class GpuMemory:
    """Completes each reading with the GPUs seen since the exporter's start that are missing from it."""

    def __init__(self) -> None:
        self._seen: dict[str, GpuReading] = {}
        self._driver = ""

    def complete(self, reading: Reading) -> Reading:
        """The reading with lost GPUs named, and missing ones added as lost."""
        gpus = [self._named(gpu) for gpu in reading.gpus]
        for gpu in gpus:
            if gpu.uuid:
                self._seen[gpu.uuid] = replace(gpu, values={}, instances=(), processes=None, lost=True)
        here = {gpu.uuid for gpu in gpus}
        missing = [gpu for uuid, gpu in self._seen.items() if uuid not in here]
        self._driver = reading.driver_version or self._driver
        return Reading(self._driver, (*gpus, *missing))

    def _named(self, gpu: GpuReading) -> GpuReading:
        """A GPU with what was known of it before, where the driver no longer tells."""
        known = self._seen.get(gpu.uuid) or self._at_place(gpu)
        if known is None:
            return gpu
        return replace(
            gpu,
            index=known.index if gpu.index is None else gpu.index,
            uuid=gpu.uuid or known.uuid,
            pci_bus_id=gpu.pci_bus_id or known.pci_bus_id,
            model=gpu.model or known.model,
            minor=known.minor if gpu.minor is None else gpu.minor,
        )

    def _at_place(self, gpu: GpuReading) -> GpuReading | None:
        if gpu.uuid:
            return None
        bus = bus_key(gpu.pci_bus_id)
        if bus is not None:
            return next((seen for seen in self._seen.values() if bus_key(seen.pci_bus_id) == bus), None)
        return next((seen for seen in self._seen.values() if seen.index == gpu.index), None)
