"""Backend over nvidia-smi: one `nvidia-smi -q -x` a collection.

Why the XML and not `--query-gpu`: one call tells MIG instances, processes, PCIe throughput, ECC and remapped rows; its
tags stay readable when a newer driver adds some, while `--query-gpu` refuses the whole question for one name an older
driver does not know. The CSV is the way out when the XML cannot be read.
"""

from __future__ import annotations

import re
import shutil

from watchdog.exporters.command import Finished, Runner
from watchdog.exporters.failure import CollectError
from watchdog.exporters.gpu.lost import lost_gpus
from watchdog.exporters.gpu.reading import Reading
from watchdog.exporters.gpu.smi_csv import QUERY, parse_csv
from watchdog.exporters.gpu.smi_xml import parse_xml

_GPU_LINE = re.compile(r"^GPU \d+: .*\(UUID: (GPU-[^)]+)\)")
_MIG_LINE = re.compile(r"^\s+MIG (\S+)\s+Device\s+(\d+):")
_COMPUTE_SLICE = re.compile(r"^\d+c\.")

# What nvidia-smi prints, the reason we count it under, and what to do.
_COMPLAINTS = (
    (
        "Driver/library version mismatch",
        "driver_mismatch",
        "The driver was updated under a running kernel module: reboot, or reload the nvidia modules.",
    ),
    (
        "couldn't communicate with the NVIDIA driver",
        "driver_not_loaded",
        "Load the driver (modprobe nvidia) or install it; `dmesg | grep NVRM` tells why it did not load.",
    ),
    ("Driver Not Loaded", "driver_not_loaded", "Load the driver: modprobe nvidia."),
    ("Insufficient Permissions", "permission", "Run the exporter as a user who may open /dev/nvidiactl."),
    ("GPU access blocked", "permission", "Allow the GPU devices in this container or cgroup."),
)


def nvidia_smi_present(path: str = "nvidia-smi") -> bool:
    """Whether this machine has nvidia-smi; says nothing of whether the driver works."""
    return shutil.which(path) is not None


class SmiBackend:
    """Reads GPUs by running nvidia-smi."""

    name = "nvidia-smi"

    def __init__(self, path: str = "nvidia-smi", timeout_seconds: float = 20.0) -> None:
        self._path = path
        self._runner = Runner(timeout_seconds)
        self._profiles: dict[tuple[str, int], str] = {}
        self._profiled: frozenset[tuple[str, int]] = frozenset()

    def read(self) -> Reading:
        """Read all GPUs.

        Raises:
            CollectError: nvidia-smi is missing, hangs, fails, or says nothing that can be read.
        """
        text = self._ask("-q", "-x")
        if text is None:
            return Reading("", ())
        try:
            reading = parse_xml(text, self._profiles)
        except CollectError:
            return self._without_xml(text)
        instances = frozenset((gpu.uuid, i.instance_id) for gpu in reading.gpus for i in gpu.instances)
        if instances != self._profiled:
            self._profiled = instances
            self._profiles = mig_profiles(self._ask("-L") or "")
            reading = parse_xml(text, self._profiles)
        return reading

    def close(self) -> None:
        """Nothing is held between collections."""

    def _without_xml(self, text: str) -> Reading:
        if "<gpu" not in text and (lost := lost_gpus(text)):
            return Reading("", lost)
        answer = self._ask(f"--query-gpu={QUERY}", "--format=csv")
        return Reading("", ()) if answer is None else parse_csv(answer)

    def _ask(self, *arguments: str) -> str | None:
        """What nvidia-smi says to that; None if there is no GPU."""
        finished = self._runner.run([self._path, *arguments])
        said = finished.out + finished.err
        if "No devices were found" in said:
            return None
        # Some exit codes come with a full answer: 14 for a corrupt infoROM, 15 for one lost GPU among many.
        if finished.code and not (lost_gpus(said) or "</nvidia_smi_log>" in finished.out):
            raise _complaint(self._path, arguments, finished)
        return said


def mig_profiles(listing: str) -> dict[tuple[str, int], str]:
    """`nvidia-smi -L` -> {(GPU UUID, place of the MIG device): profile of its GPU instance}."""
    uuid = ""
    found: dict[tuple[str, int], str] = {}
    for line in listing.splitlines():
        if gpu := _GPU_LINE.match(line):
            uuid = gpu[1]
        elif mig := _MIG_LINE.match(line):
            found[uuid, int(mig[2])] = _COMPUTE_SLICE.sub("", mig[1])
    return found


def _complaint(path: str, arguments: tuple[str, ...], finished: Finished) -> CollectError:
    said = (finished.out + finished.err).strip()
    for words, reason, hint in _COMPLAINTS:
        if words in said:
            return CollectError(f"nvidia-smi: {words} (exit {finished.code})", reason=reason, hint=hint)
    first = said.splitlines()[0][:200] if said else "no output"
    return CollectError(
        f"nvidia-smi failed with exit {finished.code}: {first}",
        reason="exit",
        hint=f"Run `{path} {arguments[0]}` by hand as the exporter's user.",
    )
