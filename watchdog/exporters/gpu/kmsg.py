"""Follow the kernel log for XIDs through /dev/kmsg.

The log is read from its oldest line on, so that XIDs from before the exporter's start count, with their own time.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from watchdog.base.clock import Clock
from watchdog.exporters.gpu.xid import Xid, parse_xid

log = logging.getLogger(__name__)

_RECORD_BYTES = 8192
_WAIT_SECONDS = 0.5


class KernelLog:
    """Calls `on_xid` for each XID in the kernel log, in a thread of its own."""

    name = "kernel_log"

    def __init__(
        self,
        on_xid: Callable[[Xid, datetime], None],
        clock: Clock,
        path: str = "/dev/kmsg",
        boot_seconds: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_MONOTONIC),
    ) -> None:
        self._on_xid = on_xid
        self._clock = clock
        self._path = path
        self._boot_seconds = boot_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="kmsg", daemon=True)
        self._fd = -1

    def start(self) -> bool:
        """Begin; False if the log may not be read (needs root or CAP_SYSLOG)."""
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            log.info("cannot read %s (%s): XIDs are not seen there", self._path, error.strerror)
            self._close()
            return False
        self._thread.start()
        return True

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * _WAIT_SECONDS)

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                record = os.read(self._fd, _RECORD_BYTES)
            except BlockingIOError:
                select.select([self._fd], [], [], _WAIT_SECONDS)
            except BrokenPipeError:
                continue  # lines were overwritten before we read them; the next read goes on after the gap
            except OSError as error:
                log.warning("reading %s failed (%s): XIDs are no longer seen", self._path, error.strerror)
                break
            else:
                self._take(record)
                # A regular file, which stands in for the device in tests, does not block at its end.
                if not record:
                    self._stop.wait(_WAIT_SECONDS / 10)
        self._close()

    def _take(self, record: bytes) -> None:
        for entry in record.decode("utf-8", errors="replace").splitlines():
            head, _, line = entry.partition(";")
            xid = parse_xid(line)
            if xid:
                self._on_xid(xid, self._at(head))

    def _at(self, head: str) -> datetime:
        """`prio,sequence,microseconds since boot,…` -> wall time."""
        now = self._clock.now()
        fields = head.split(",")
        if len(fields) < 3 or not fields[2].isdigit():
            return now
        ago = max(0.0, self._boot_seconds() - int(fields[2]) / 1e6)
        return now - timedelta(seconds=ago)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
