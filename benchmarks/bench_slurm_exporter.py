"""The Slurm exporter with 10,000 jobs and 1,000 nodes: scrape time, time to collect, memory.

Slurm's commands are replaced by programs that print what Slurm would. Peers, in the same run: collecting anew for each
scrape, as exporters without a snapshot do, and prometheus_client's `generate_latest` from the same series at hand.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import generate_latest

from benchmarks._timing import median_ms, table
from benchmarks.bench_exporter import registry_of
from tests.unit.exporters.slurm import fake_slurm
from watchdog.base.clock import SystemClock
from watchdog.exporters.slurm.exporter import SlurmExporter, SlurmOptions
from watchdog.model.slurm.records import GpuHold, Job, JobState, Node
from watchdog.model.slurm.squeue import FIELDS
from watchdog.sources.scrape import Target
from watchdog.sources.slurm_series import SlurmSeries

JOBS, NODES, GPUS, SCRAPES = 10_000, 1_000, 8, 300
ROOT = Path(__file__).parent.parent
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_SQUEUE = """#!{python} -ES
import re, sys
field, row = re.findall("\\x1f\\\\w+\\x1f", sys.argv[-1])[0], re.findall("\\x1e\\\\w+\\x1e", sys.argv[-1])[0]
text = open({path!r}, encoding="utf-8", newline="").read()
sys.stdout.buffer.write(text.replace("\\x1fS\\x1f", field).replace("\\x1eS\\x1e", row).encode())
"""


def cluster() -> tuple[list[Job], list[Node]]:
    """Every GPU held by a job of four, the other jobs wait; names are as long as people make them, some with emoji."""
    holds = [GpuHold(f"gpu{n:04d}", 4, tuple(range(first, first + 4))) for n in range(1, NODES + 1) for first in (0, 4)]
    jobs = []
    for number in range(1, JOBS + 1):
        hold = holds[number - 1] if number <= len(holds) else None
        jobs.append(
            Job(
                job_id=str(number), raw_id=number, name=f"finetune-llama-{number % 97}-{'🦙' if number % 50 == 0 else 'x'}",
                user=f"user{number % 211:03d}", state=JobState.RUNNING if hold else JobState.PENDING,
                account=f"lab{number % 17}", partition="gpu", qos="normal", reason="" if hold else "Resources",
                nodes=(hold.node,) if hold else (), node_count=1, cpus=32, gpus=4, gpu_type="h100",
                holds=(hold,) if hold else (), priority=float(JOBS - number), submitted_at=NOON - timedelta(hours=3),
                eligible_at=NOON - timedelta(hours=3), started_at=NOON - timedelta(hours=1) if hold else None,
            )
        )  # fmt: skip
    nodes = [
        Node(f"gpu{n:04d}", "MIXED", partitions=("gpu",), cpus=128, cpus_allocated=64, gpus=GPUS, gpus_allocated=GPUS,
             gpu_types=(("h100", GPUS),))
        for n in range(1, NODES + 1)
    ]  # fmt: skip
    return jobs, nodes


def write_programs(folder: Path) -> None:
    """FAKE squeue, scontrol, sdiag and sshare that print this cluster."""
    jobs, nodes = cluster()
    marked = ",".join(f"{name}:\x1fS\x1f" for name in FIELDS[:-1]) + f",{FIELDS[-1]}:\x1eS\x1e"
    (folder / "queue").write_text("".join(fake_slurm.squeue_row(job, marked) for job in jobs), newline="")
    (folder / "job").write_text("\n\n".join(map(fake_slurm.details, jobs)))
    (folder / "node").write_text("\n\n".join(map(fake_slurm.node_record, nodes)))
    for name, text in (
        ("partition", fake_slurm.PARTITIONS), ("licenses", fake_slurm.LICENSES), ("sdiag.txt", fake_slurm.SDIAG),
        ("reservations", fake_slurm.RESERVATIONS), ("sshare.txt", fake_slurm.SHARES),
    ):  # fmt: skip
        (folder / name).write_text(text)
    programs = {
        "squeue": _SQUEUE.format(python=sys.executable, path=str(folder / "queue")),
        "scontrol": f'#!/bin/sh\nfor last; do :; done\nexec cat "{folder}/$last"\n',
        "sdiag": f"#!/bin/sh\nexec cat {folder}/sdiag.txt\n",
        "sshare": f"#!/bin/sh\nexec cat {folder}/sshare.txt\n",
    }
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


@contextmanager
def exporter(folder: Path) -> Iterator[tuple[int, int]]:
    """The exporter as a process of its own, collecting every 4 s; yields port and pid."""
    command = [sys.executable, "-m", "watchdog", "exporter", "slurm", "--listen", "127.0.0.1:0", "--interval", "4"]
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        yield next(int(m[1]) for line in process.stderr if (m := re.search(r"on port (\d+)", line))), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def scrapes(port: int) -> tuple[list[float], bytes]:
    """Milliseconds of each scrape, spread over several collections, and the last page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    times, page = [], b""
    while len(times) < SCRAPES:
        start = time.perf_counter()
        connection.request("GET", "/metrics")
        page = connection.getresponse().read()
        if len(page) > 1_000_000:
            times.append((time.perf_counter() - start) * 1e3)
        time.sleep(0.05)
    connection.close()
    return times, page


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident memory now and at its highest, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    now, peak = (re.search(rf"{name}:\s+(\d+)", status) for name in ("VmRSS", "VmHWM"))
    assert now
    assert peak
    return int(now[1]) / 1024, int(peak[1]) / 1024


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_programs(folder)
        with exporter(folder) as (port, pid):
            times, page = scrapes(port)
            now, peak = memory_mb(pid)
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
        one = SlurmExporter(SlurmOptions())
        collect = median_ms(one.collect_once, 3)
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    registry = registry_of(page)
    generated = median_ms(lambda: generate_latest(registry), 3)
    source = SlurmSeries.scraped([Target("page", lambda: page)], SystemClock())
    read = median_ms(source.snapshot, 3)
    series = sum(1 for line in page.splitlines() if not line.startswith(b"#"))
    table(
        f"Slurm exporter, {JOBS} jobs, {NODES} nodes, {series} series, {len(page) / 1e6:.1f} MB, {SCRAPES} scrapes",
        [
            ("what", "ms", "times ours (p50)"),
            ("our scrape over HTTP, p50", f"{p50:.1f}", "1"),
            ("our scrape over HTTP, p99 (budget 50)", f"{p99:.1f}", f"{p99 / p50:.1f}"),
            ("collecting for each scrape, without HTTP", f"{collect:.0f}", f"{collect / p50:.0f}"),
            ("prometheus_client.generate_latest, without HTTP", f"{generated:.0f}", f"{generated / p50:.0f}"),
            ("SlurmSeries: the page back into a snapshot", f"{read:.0f}", f"{read / p50:.0f}"),
        ],
    )
    print(f"  resident memory {now:.1f} MiB, at most {peak:.1f} MiB (budget 80)")


if __name__ == "__main__":
    main()
