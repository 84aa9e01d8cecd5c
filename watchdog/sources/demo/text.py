"""The exporters' pages of the demo cluster, in the Prometheus text format."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np

from watchdog.model.exposition import family_text, labels_text
from watchdog.model.metrics import BY_EXPORTED_NAME, Kind
from watchdog.sources.demo.hardware import Fleet
from watchdog.sources.demo.sensors import NAMES, XID_COUNTER, Readings

DRIVER_VERSION = "570.86.15"
_SUCCESS = "watchdog_exporter_last_success_timestamp_seconds"


class GpuPages:
    """Writes the GPU exporter's page of one node."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._labels = [self._of(gpu) for gpu in range(fleet.count)]
        self._texts = [labels_text(labels) for labels in self._labels]

    def page(self, node: int, readings: Readings) -> bytes:
        """Every family that has a value, then the exporter's own."""
        gpus = self._fleet.of_node(node)
        families = []
        for name, row in zip(NAMES, readings.values[:, gpus.start : gpus.stop], strict=True):
            kind, text = _described(name)
            families.append(family_text(name, kind, text, self._samples(gpus, row)))
        xids = [(labels_text({**self._labels[g], "xid": str(code)}), n) for (g, code), n in self._xids(gpus, readings)]
        families.append(family_text(XID_COUNTER, "counter", _described(XID_COUNTER)[1], xids))
        success = [("", float(readings.success[node]))]
        families.append(family_text(_SUCCESS, "gauge", "When the GPUs were last read, Unix seconds.", success))
        return "".join(families).encode()

    def _samples(self, gpus: range, row: np.ndarray) -> Iterable[tuple[str, float]]:
        return [(self._texts[gpu], value) for gpu, value in zip(gpus, row.tolist(), strict=True) if value == value]  # noqa: PLR0124 (NaN)

    def _xids(self, gpus: range, readings: Readings) -> list[tuple[tuple[int, int], int]]:
        return sorted((key, count) for key, count in readings.xids.items() if key[0] in gpus)

    def _of(self, gpu: int) -> dict[str, str]:
        node, index = self._fleet.place(gpu)
        return {
            "gpu": str(index),
            "UUID": self._fleet.uuids[gpu],
            "pci_bus_id": self._fleet.bus_ids[gpu],
            "device": f"nvidia{index}",
            "modelName": self._fleet.models[gpu].name,
            "Hostname": node,
            "DCGM_FI_DRIVER_VERSION": DRIVER_VERSION,
        }


@cache
def _described(name: str) -> tuple[str, str]:
    """TYPE and HELP of an exported name."""
    known = [metric for metric, _ in BY_EXPORTED_NAME[name]]
    kind = "counter" if known[0].kind is Kind.COUNTER else "gauge"
    if len(known) > 1:
        return kind, "Reasons for lower clocks, NVML's bit mask."
    return kind, known[0].definition
