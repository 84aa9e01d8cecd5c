"""Record what a real GPU machine says, for `tests/data/gpu`: `python -m tests.lab.record_gpu DIR [--phase-seconds 60]`.

Runs nvidia-smi and our exporter (over NVML and over nvidia-smi) while the GPU is idle, busy with matrix products,
holds memory and does nothing, and spins in one block: 100 % utilization and no useful work. The load needs PyTorch.
Serial numbers, UUIDs, host names and process ids are replaced.
"""

from __future__ import annotations

import argparse
import gzip
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

NVML, SMI = 9400, 9401
EVERY_SECONDS = 5.0
PHASES = ("idle", "busy", "held", "spinning", "after")

BUSY = """
import torch
a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
b = a.clone()
print("ready", flush=True)
while True:
    for _ in range(50):
        c = a @ b
    torch.cuda.synchronize()
"""
HELD = """
import time, torch
kept = torch.empty(20 << 30, dtype=torch.uint8, device="cuda")
torch.cuda.synchronize()
print("ready", flush=True)
time.sleep(3600)
"""
SPINNING = """
import torch
torch.cuda._sleep(1000)
torch.cuda.synchronize()
print("ready", flush=True)
while True:
    torch.cuda._sleep(2_000_000_000)
    torch.cuda.synchronize()
"""
PROGRAMS = {"busy": BUSY, "held": HELD, "spinning": SPINNING}


@contextmanager
def running(arguments: list[str], ready: Callable[[subprocess.Popen], None]):
    """A process that is ended with the block."""
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        ready(process)
        yield
    finally:
        process.kill()
        process.wait()


def exporter(port: int, backend: str):
    """Our exporter on a port, serving."""
    command = [sys.executable, "-m", "watchdog", "exporter", "gpu", "--listen", f"127.0.0.1:{port}", "--interval", "1"]
    return running([*command, "--backend", backend, "--processes"], lambda _: _until_served(port))


def _until_served(port: int) -> None:
    deadline = time.monotonic() + 60
    while "DCGM_FI_DEV_GPU_TEMP" not in page(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no GPU on port {port} after 60 s")
        time.sleep(0.5)


def page(port: int) -> str:
    """The exporter's page; "" while it does not listen yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def scrubbed(text: str) -> str:
    """The text without what names this very machine."""
    for found in sorted(set(re.findall(r"GPU-[0-9a-f]{8}-[0-9a-f-]{27}", text))):
        text = text.replace(found, "GPU-00000000-0000-4000-8000-000000000001")
    text = re.sub(
        r"<(serial|board_part_number|vbios_version|platformInfo|chassis_serial_number)>[^<]*<", r"<\1>N/A<", text
    )
    text = re.sub(r'Hostname="[^"]*"', 'Hostname="gpu-node"', text)
    text = re.sub(r"<pid>\d+</pid>", "<pid>4242</pid>", text)
    return re.sub(r'pid="\d+"', 'pid="4242"', text)


def smi(*arguments: str) -> str:
    """What nvidia-smi prints."""
    return scrubbed(
        subprocess.run(["nvidia-smi", *arguments], check=True, capture_output=True, text=True, timeout=60).stdout
    )


def record(folder: Path, phase: str, seconds: float) -> None:
    """One phase: pages every five seconds, then the full outputs at its end."""
    began, pages = time.monotonic(), []
    while time.monotonic() - began < seconds:
        pages.append(f"# at {time.time():.3f} in {phase}\n{scrubbed(page(NVML))}")
        time.sleep(EVERY_SECONDS)
    with gzip.open(folder / "series.prom.gz", "at") as file:
        file.writelines(pages)
    (folder / f"{phase}-nvml.prom").write_text(scrubbed(page(NVML)))
    (folder / f"{phase}-smi.prom").write_text(scrubbed(page(SMI)))
    (folder / f"{phase}.xml").write_text(smi("-q", "-x"))


def main() -> None:
    """Record everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--phase-seconds", type=float, default=60.0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with exporter(NVML, "nvml"), exporter(SMI, "smi"):
        for phase in PHASES:
            sys.stdout.write(f"{phase}\n")
            if phase not in PROGRAMS:
                record(options.folder, phase, options.phase_seconds)
                continue
            with running([sys.executable, "-c", PROGRAMS[phase]], lambda process: process.stdout.readline()):
                record(options.folder, phase, options.phase_seconds)


if __name__ == "__main__":
    main()
