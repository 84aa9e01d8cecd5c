"""XIDs as NVML events: for machines where the kernel log may not be read, such as containers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from watchdog.base.clock import Clock
from watchdog.exporters.failure import CollectError
from watchdog.exporters.gpu.nvml import NvmlBackend
from watchdog.exporters.gpu.nvml_calls import quiet
from watchdog.exporters.gpu.reading import bus_key
from watchdog.exporters.gpu.xid import Xid

log = logging.getLogger(__name__)

_WAIT_MS = 500
_RETRY_SECONDS = 30.0


class NvmlEvents:
    """Calls `on_xid` for each XID event of NVML, in a thread of its own."""

    name = "nvml_events"

    def __init__(
        self,
        on_xid: Callable[[Xid, datetime], None],
        clock: Clock,
        library: Callable[[], NvmlBackend] = NvmlBackend,
    ) -> None:
        self._on_xid = on_xid
        self._clock = clock
        self._backend = library()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="nvml-events", daemon=True)

    def start(self) -> bool:
        """Begin; False if NVML does not start here."""
        try:
            self._backend.library()
        except CollectError as error:
            log.info("no XID events: %s", error)
            return False
        self._thread.start()
        return True

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(4 * _WAIT_MS / 1000)

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                nv = self._backend.library()
            except CollectError:
                self._stop.wait(_RETRY_SECONDS)
                continue
            self._listen(nv)
            self._backend.close()
            self._stop.wait(1.0)

    def _listen(self, nv: Any) -> None:  # noqa: ANN401 (nvidia-ml-py has no types)
        """Until told to stop, or until NVML fails as after a driver restart."""
        events = quiet(nv, nv.nvmlEventSetCreate)
        if events is None:
            return
        for index in range(quiet(nv, nv.nvmlDeviceGetCount) or 0):
            gpu = quiet(nv, nv.nvmlDeviceGetHandleByIndex, index)
            if gpu is not None:
                quiet(nv, nv.nvmlDeviceRegisterEvents, gpu, nv.nvmlEventTypeXidCriticalError, events)
        while not self._stop.is_set():
            try:
                self._take(nv, nv.nvmlEventSetWait_v2(events, _WAIT_MS))
            except nv.NVMLError as error:
                if error.value != nv.NVML_ERROR_TIMEOUT:
                    log.warning("waiting for XID events failed: %s", error)
                    break
        quiet(nv, nv.nvmlEventSetFree, events)

    def _take(self, nv: Any, event: Any) -> None:  # noqa: ANN401
        pci = quiet(nv, nv.nvmlDeviceGetPciInfo, event.device)
        if pci is None:
            return
        address = pci.busId.decode() if isinstance(pci.busId, bytes) else str(pci.busId)
        bus = bus_key(address)
        if bus and event.eventType == nv.nvmlEventTypeXidCriticalError:
            self._on_xid(Xid(bus, int(event.eventData)), self._clock.now())
