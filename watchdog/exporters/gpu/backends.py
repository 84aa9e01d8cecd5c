"""Which backend reads the GPUs: NVML where its library loads, else nvidia-smi."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from watchdog.base.errors import ConfigError
from watchdog.exporters.failure import CollectError
from watchdog.exporters.gpu.nvml import NvmlBackend
from watchdog.exporters.gpu.reading import Backend, Reading
from watchdog.exporters.gpu.smi import SmiBackend

CHOICES = ("auto", "nvml", "smi")


class FirstThatWorks:
    """Tries backends in order until one reads, and stays with it until it fails.

    A driver may be installed or loaded after the exporter's start, so a failure is never final.
    """

    def __init__(self, backends: Sequence[Backend]) -> None:
        self._backends = backends
        self._current: Backend | None = None

    @property
    def name(self) -> str:
        """Name of the backend in use, "none" while none works."""
        return self._current.name if self._current else "none"

    def read(self) -> Reading:
        """Read all GPUs; raises the CollectError of the last backend tried, the most telling one."""
        if self._current is not None:
            try:
                return self._current.read()
            except CollectError:
                self._current = None
                raise
        for backend in self._backends[:-1]:
            try:
                return self._chosen(backend)
            except CollectError:
                continue
        return self._chosen(self._backends[-1])

    def close(self) -> None:
        """Let go of the driver."""
        for backend in self._backends:
            backend.close()

    def _chosen(self, backend: Backend) -> Reading:
        reading = backend.read()
        self._current = backend
        return reading


def choose_backend(choice: str, smi_path: str, timeout_seconds: float) -> Backend:
    """The backend for `--backend`; ConfigError for an unknown one."""
    makers: dict[str, Callable[[], Backend]] = {
        "auto": lambda: FirstThatWorks([NvmlBackend(), SmiBackend(smi_path, timeout_seconds)]),
        "nvml": NvmlBackend,
        "smi": lambda: SmiBackend(smi_path, timeout_seconds),
    }
    if choice not in makers:
        raise ConfigError(f"--backend is {choice!r}", hint=f"Use one of: {', '.join(CHOICES)}.")
    return makers[choice]()
