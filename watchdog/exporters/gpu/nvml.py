"""Backend over NVML, the driver's own library, through nvidia-ml-py.

The library is loaded only here and only when asked. Each value is a call of its own: one that fails leaves that value
out. Only a GPU that is lost, or a library that does not start, is more than a missing value.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from watchdog.exporters.failure import CollectError
from watchdog.exporters.gpu import nvml_calls
from watchdog.exporters.gpu.reading import GpuReading, InstanceReading, ProcessReading, Reading

_HINTS = {
    "NVML_ERROR_LIBRARY_NOT_FOUND": ("missing", "Install the NVIDIA driver; libnvidia-ml.so.1 comes with it."),
    "NVML_ERROR_DRIVER_NOT_LOADED": ("driver_not_loaded", "Load the driver: modprobe nvidia."),
    "NVML_ERROR_LIB_RM_VERSION_MISMATCH": (
        "driver_mismatch",
        "The driver was updated under a running kernel module: reboot, or reload the nvidia modules.",
    ),
    "NVML_ERROR_NO_PERMISSION": ("permission", "Run the exporter as a user who may open /dev/nvidiactl."),
}


class NvmlBackend:
    """Reads GPUs through NVML.

    Args:
        library: the pynvml module, or what stands in for it; loaded when first needed.
        monotonic: seconds, for the rate of NVLink traffic.
    """

    name = "nvml"

    def __init__(self, library: ModuleType | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._given = library
        self._library: Any = None
        self._links = nvml_calls.LinkRates(monotonic)

    def read(self) -> Reading:
        """Read all GPUs.

        Raises:
            CollectError: the library does not load or start.
        """
        nv = self._opened()
        try:
            driver = _text(nv.nvmlSystemGetDriverVersion())
            count = int(nv.nvmlDeviceGetCount())
        except nv.NVMLError as error:
            self.close()
            raise _complaint(nv, error) from error
        return Reading(driver, tuple(gpu for gpu in (self._gpu(nv, i) for i in range(count)) if gpu))

    def library(self) -> Any:  # noqa: ANN401 (a module without types)
        """The started library; raises CollectError."""
        return self._opened()

    def close(self) -> None:
        """Shut NVML down; the next read starts it anew."""
        nv, self._library = self._library, None
        if nv is not None:
            nvml_calls.quiet(nv, nv.nvmlShutdown)

    def _opened(self) -> Any:  # noqa: ANN401
        if self._library is None:
            nv: Any = self._given or _load()
            try:
                nv.nvmlInit()
            except nv.NVMLError as error:
                raise _complaint(nv, error) from error
            self._library = nv
        return self._library

    def _gpu(self, nv: Any, index: int) -> GpuReading | None:  # noqa: ANN401
        """One GPU; None if it is not for us. One without a handle is lost, and NVML does not tell its address."""
        try:
            handle = nv.nvmlDeviceGetHandleByIndex(index)
        except nv.NVMLError as error:
            if error.value == nv.NVML_ERROR_NO_PERMISSION:
                return None
            return GpuReading(index=index, uuid="", pci_bus_id="", lost=True)
        uuid = _text(nvml_calls.quiet(nv, nv.nvmlDeviceGetUUID, handle))
        lost = _is_lost(nv, handle)
        values = {} if lost else nvml_calls.values(nv, handle) | self._links.values(nv, handle, uuid)
        processes = None if lost else _processes(nv, handle)
        if processes is not None:
            values["watchdog_gpu_compute_processes"] = float(len(processes))
        pci = nvml_calls.quiet(nv, nv.nvmlDeviceGetPciInfo, handle)
        minor = nvml_calls.quiet(nv, nv.nvmlDeviceGetMinorNumber, handle)
        return GpuReading(
            index=index,
            uuid=uuid,
            pci_bus_id=_text(pci.busId) if pci is not None else "",
            model=_text(nvml_calls.quiet(nv, nv.nvmlDeviceGetName, handle)),
            minor=None if minor is None else int(minor),
            values=values,
            lost=lost,
            instances=() if lost else tuple(_instances(nv, handle)),
            processes=processes,
        )


def _load() -> ModuleType:
    try:
        return importlib.import_module("pynvml")
    except ImportError as error:
        raise CollectError(
            "nvidia-ml-py is not installed", reason="missing", hint="pip install nvidia-ml-py, or use --backend smi."
        ) from error


def _is_lost(nv: Any, handle: Any) -> bool:  # noqa: ANN401
    """A lost GPU says so to any question that goes to the hardware; temperature is one that every GPU answers."""
    try:
        nv.nvmlDeviceGetTemperature(handle, nv.NVML_TEMPERATURE_GPU)
    except nv.NVMLError as error:
        return bool(error.value == nv.NVML_ERROR_GPU_IS_LOST)
    return False


def _instances(nv: Any, handle: Any) -> Iterator[InstanceReading]:  # noqa: ANN401
    mode = nvml_calls.quiet(nv, nv.nvmlDeviceGetMigMode, handle)
    if not mode or not mode[0]:
        return
    seen: set[int] = set()
    for place in range(nvml_calls.quiet(nv, nv.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        device = nvml_calls.quiet(nv, nv.nvmlDeviceGetMigDeviceHandleByIndex, handle, place)
        instance_id = None if device is None else nvml_calls.quiet(nv, nv.nvmlDeviceGetGpuInstanceId, device)
        # Compute instances of one GPU instance share its memory: the first one tells it.
        if instance_id is None or instance_id in seen:
            continue
        seen.add(instance_id)
        name = _text(nvml_calls.quiet(nv, nv.nvmlDeviceGetName, device))
        profile = nvml_calls.gpu_instance_profile(name.partition(" MIG ")[2])
        yield InstanceReading(int(instance_id), profile, nvml_calls.memory(nv, device))


def _processes(nv: Any, handle: Any) -> tuple[ProcessReading, ...] | None:  # noqa: ANN401
    running = nvml_calls.quiet(nv, nv.nvmlDeviceGetComputeRunningProcesses, handle)
    if running is None:
        return None
    memory: dict[int, float | None] = {}
    for process in running:
        used = None if process.usedGpuMemory is None else process.usedGpuMemory / 2**20
        before = memory.get(process.pid)
        # A process shows once for each MIG instance it uses.
        memory[process.pid] = used if before is None else before + (used or 0.0)
    return tuple(ProcessReading(pid, _program(nv, pid), used) for pid, used in memory.items())


def _program(nv: Any, pid: int) -> str:  # noqa: ANN401
    return _text(nvml_calls.quiet(nv, nv.nvmlSystemGetProcessName, pid))


def _text(raw: Any) -> str:  # noqa: ANN401 (bytes before nvidia-ml-py 11.515, str since)
    return raw.decode("utf-8", errors="replace") if isinstance(raw, bytes) else str(raw or "")


def _complaint(nv: Any, error: Any) -> CollectError:  # noqa: ANN401
    for name, (reason, hint) in _HINTS.items():
        if error.value == getattr(nv, name):
            return CollectError(f"NVML: {error}", reason=reason, hint=hint)
    return CollectError(f"NVML: {error}", reason="nvml", hint="See whether `nvidia-smi` works on this machine.")
