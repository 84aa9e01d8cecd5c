"""XIDs: what the driver writes into the kernel log when something went wrong with a GPU.

A line looks like `NVRM: Xid (PCI:0000:53:00): 79, pid=1234, name=python, GPU has fallen off the bus.` SXids, of
NVSwitches, are lines of another word and are not counted.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from datetime import datetime

from watchdog.exporters.gpu.reading import bus_key

_LINE = re.compile(
    r"NVRM: Xid \((?:PCI:)?([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2})(?:\.\d)?\): (\d{1,5})\b", re.ASCII
)

Bus = tuple[int, int, int]


@dataclass(frozen=True)
class Xid:
    """One XID: on which bus address, and its code."""

    bus: Bus
    code: int


@dataclass(frozen=True)
class XidTally:
    """How often a GPU had an XID, and when last."""

    bus: Bus
    code: int
    count: int
    last_at: datetime

    @property
    def pci_bus_id(self) -> str:
        """As nvidia-smi writes it."""
        domain, bus, device = self.bus
        return f"{domain:08X}:{bus:02X}:{device:02X}.0"


def parse_xid(line: str) -> Xid | None:
    """The XID in a line of the kernel log, or None."""
    match = _LINE.search(line)
    bus = bus_key(match[1]) if match else None
    return Xid(bus, int(match[2])) if match and bus else None


class XidCounter:
    """Counts XIDs by GPU and code; one thread adds while others read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: dict[Xid, XidTally] = {}

    def add(self, xid: Xid, at: datetime) -> None:
        """Count one that happened at `at`."""
        with self._lock:
            before = self._tallies.get(xid)
            count, last = (before.count, before.last_at) if before else (0, at)
            self._tallies[xid] = XidTally(xid.bus, xid.code, count + 1, max(at, last))

    def tallies(self) -> list[XidTally]:
        """All so far."""
        with self._lock:
            return list(self._tallies.values())
