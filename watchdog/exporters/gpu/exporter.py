"""The GPU exporter without a web server: what the app itself reads this machine's GPUs with."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from watchdog.base.clock import Clock, SystemClock
from watchdog.exporters.collector import Attempt, Collector
from watchdog.exporters.gpu.backends import choose_backend
from watchdog.exporters.gpu.jobs import read_jobs
from watchdog.exporters.gpu.kmsg import KernelLog
from watchdog.exporters.gpu.memory import GpuMemory
from watchdog.exporters.gpu.nvml_events import NvmlEvents
from watchdog.exporters.gpu.page import Extras, page_text, xid_text
from watchdog.exporters.gpu.reading import Backend, Reading
from watchdog.exporters.gpu.smi import nvidia_smi_present
from watchdog.exporters.gpu.xid import XidCounter
from watchdog.model.exposition import family_text

__all__ = ["GpuExporter", "GpuOptions", "nvidia_smi_present"]


@dataclass(frozen=True)
class GpuOptions:
    """Settings of the GPU exporter; the defaults suit a node with working drivers.

    Attributes:
        hostname: the label Hostname; empty means this machine's own, as the kernel has it.
        timeout_seconds: after it a silent nvidia-smi is killed.
        processes: also export memory of each process, by pid, user and program name.
        job_mapping_dir: dcgm-exporter's job files; empty reads none.
        kernel_log: where to read XIDs; empty does not look for any.
    """

    backend: str = "auto"
    interval_seconds: float = 15.0
    timeout_seconds: float = 20.0
    hostname: str = ""
    processes: bool = False
    job_mapping_dir: str = ""
    nvidia_smi: str = "nvidia-smi"
    kernel_log: str = "/dev/kmsg"


class GpuExporter:
    """Reads this machine's GPUs in the background; `page()` is always ready at once."""

    def __init__(
        self, options: GpuOptions | None = None, clock: Clock | None = None, backend: Backend | None = None
    ) -> None:
        self.options = options or GpuOptions()
        clock = clock or SystemClock()
        self._hostname = self.options.hostname or socket.gethostname()
        self._backend = backend or choose_backend(
            self.options.backend, self.options.nvidia_smi, self.options.timeout_seconds
        )
        self._memory = GpuMemory()
        self._last = Reading("", ())
        self._xids = XidCounter()
        self._watchers = self._xid_watchers(clock)
        self._watching = "none"
        self._collector = Collector(
            self._collect,
            clock,
            self.options.interval_seconds,
            build=lambda: {"backend": self._backend.name, "xid_source": self._watching},
            extra=lambda: xid_text(self._xids.tallies(), self._last, self._hostname),
        )

    def start(self) -> None:
        """Start collecting, and watching for XIDs where that is possible."""
        self._watch()
        self._collector.start()

    def stop(self) -> None:
        """Stop both; waits a few seconds at most."""
        for watcher in self._watchers:
            watcher.stop()
        self._collector.stop()
        self._backend.close()

    def page(self) -> bytes:
        """The metrics page in Prometheus' text format, from the last snapshot."""
        return self._collector.page()

    def health(self) -> tuple[bool, str]:
        """Whether the exporter itself lives, and a sentence."""
        return self._collector.health()

    def collect_once(self) -> Attempt:
        """Collect now, in this thread, without `start`; for `--once`."""
        return self._collector.collect_once()

    def _collect(self) -> str:
        self._last = self._memory.complete(self._backend.read())
        folder = self.options.job_mapping_dir
        extras = Extras(
            jobs=read_jobs(Path(folder)) if folder else {},
            user_of=user_of if self.options.processes else None,
        )
        here = sum(not gpu.lost for gpu in self._last.gpus)
        count = family_text(
            "watchdog_exporter_gpus", "gauge", "GPUs that answered in the last good collection.", [("", here)]
        )
        return page_text(self._last, self._hostname, extras) + count

    def _xid_watchers(self, clock: Clock) -> Sequence[KernelLog | NvmlEvents]:
        if not self.options.kernel_log:
            return ()
        kernel_log = KernelLog(self._xids.add, clock, self.options.kernel_log)
        return (kernel_log,) if self.options.backend == "smi" else (kernel_log, NvmlEvents(self._xids.add, clock))

    def _watch(self) -> None:
        """Start the first watcher that can start: two would count each XID twice."""
        self._watching = next((watcher.name for watcher in self._watchers if watcher.start()), "none")


def user_of(pid: int) -> str:
    """Who runs the process, as a name where there is one, else the number; "" once it is gone."""
    try:
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return ""
    # Not on Windows, where there is no /proc either.
    import pwd  # noqa: PLC0415

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
