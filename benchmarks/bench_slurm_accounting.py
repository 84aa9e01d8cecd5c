"""A day of 10,000 finished jobs from `sacct` into the store, against pandas.read_csv of the same text.

The command is a stand-in that prints a recorded-size answer (three rows a job: itself, batch, extern) with the marks
that it is asked for; the rest is the code that the watchdog runs. Each figure is the median of five; memory is what a
process of its own grew by at most.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from benchmarks._timing import table
from watchdog.base.clock import SystemClock
from watchdog.model.slurm import sacct
from watchdog.model.telemetry import Window
from watchdog.sources.slurm_cli import SlurmCli
from watchdog.sources.slurm_frames import job_gpus_frame, jobs_frame, steps_frame
from watchdog.store.database import Store
from watchdog.store.jobs import JobStore

JOBS = 10_000
REPEAT = 5
DAY = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
_TIMES = ("Submit", "Eligible", "Start", "End")
_STATES = ("COMPLETED", "COMPLETED", "FAILED", "CANCELLED by 1000", "TIMEOUT", "OUT_OF_MEMORY")


def _rows(number: int, dice: random.Random) -> list[dict[str, str]]:
    """A job and its two steps, as the fields of sacct."""
    start = DAY.since + timedelta(seconds=number * 7)
    spent = timedelta(seconds=dice.randrange(60, 12_000))
    times = (
        start - timedelta(minutes=5),
        start - timedelta(minutes=5),
        start,
        min(start + spent, DAY.until - spent / 1e6),
    )
    node = f"gpu[{number % 900:03}-{number % 900 + 1:03}]"
    tres = f"billing=8,cpu={8 + number % 64},gres/gpu:h100=4,gres/gpu=4,mem={64 + number % 9}G,node=2"
    job = dict.fromkeys(sacct.FIELDS, "") | {
        "JobID": str(100_000 + number), "JobIDRaw": str(100_000 + number), "JobName": f"train {dice.random():.9f}",
        "User": f"user{number % 90}", "Account": f"acct{number % 20}", "QOS": "normal", "Partition": "gpu",
        "State": _STATES[number % len(_STATES)], "ExitCode": f"{number % 3}:0", "TimelimitRaw": "1440", "NNodes": "2",
        "NCPUS": str(8 + number % 64), "ReqTRES": tres, "AllocTRES": tres, "NodeList": node, "Priority": "1",
        "Reason": "None", **{name: at.strftime("%Y-%m-%dT%H:%M:%S") for name, at in zip(_TIMES, times, strict=True)},
    }  # fmt: skip
    step = job | dict.fromkeys(("User", "QOS", "Partition", "TimelimitRaw", "ReqTRES", "Priority", "Reason"), "")
    usage = f"cpu=00:{number % 60:02}:00,energy=0,fs/disk={dice.randrange(10**9)},mem={dice.randrange(10**6)}K,pages=0"
    names = ("batch", "extern")
    return [
        job,
        *(step | {"JobID": f"{job['JobID']}.{name}", "JobName": name, "TRESUsageInMax": usage} for name in names),
    ]


def _write_command(folder: Path) -> Path:
    """A `sacct` that prints the answer with the delimiter it was called with; and the answer with pipes."""
    dice = random.Random(7)
    lines = ["|".join(row[name] for name in sacct.FIELDS) for number in range(JOBS) for row in _rows(number, dice)]
    text = folder / "answer.txt"
    text.write_text("|\n".join(lines) + "|\n")
    command = folder / "sacct"
    command.write_text(
        "#!/bin/sh\nfor word; do case $word in --delimiter=*) mark=${word#--delimiter=};; esac; done\n"
        f'exec sed "s/|/$mark/g" {shlex.quote(str(text))}\n'
    )
    command.chmod(0o755)
    return text


def _command_alone(text: Path) -> int:
    command = [str(text.parent / "sacct"), "--delimiter=\x1f0123456789abcdef\x1f"]
    return len(subprocess.run(command, capture_output=True, check=True).stdout)


def _records(_: Path) -> int:
    return len(SlurmCli(SystemClock()).finished(DAY).jobs)


def _frames(_: Path) -> int:
    told = SlurmCli(SystemClock()).finished(DAY)
    return len(jobs_frame(told.jobs)) + len(job_gpus_frame(told.jobs)) + len(steps_frame(told.steps))


def _stored(text: Path) -> int:
    told = SlurmCli(SystemClock()).finished(DAY)
    frames = jobs_frame(told.jobs), job_gpus_frame(told.jobs), steps_frame(told.steps)
    with tempfile.TemporaryDirectory(dir=text.parent) as folder, Store(Path(folder) / "jobs.duckdb") as store:
        return JobStore(store).finish(*frames, DAY, now=DAY.until).written


def _read_csv(text: Path) -> int:
    names = [*sacct.FIELDS, "end of row"]
    return len(pd.read_csv(text, sep="|", names=names, parse_dates=list(_TIMES), dtype=str, keep_default_na=False))


WAYS: tuple[tuple[str, Callable[[Path], int]], ...] = (
    ("the command alone", _command_alone),
    ("ours: command -> records", _records),
    ("ours: command -> checked frames", _frames),
    ("ours: command -> frames -> new store", _stored),
    ("pandas.read_csv, dates parsed, no units or lists, no command", _read_csv),
)


def _memory_mib(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"{name}:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def _grown(way: int, text: Path, result: multiprocessing.SimpleQueue[float]) -> None:
    before = _memory_mib("VmRSS")
    WAYS[way][1](text)
    result.put(_memory_mib("VmHWM") - before)


def _memory(way: int, text: Path) -> float:
    """By how many MiB a fresh process grew at most; the median of three."""
    context = multiprocessing.get_context("spawn")
    grown = []
    for _ in range(3):
        result: multiprocessing.SimpleQueue[float] = context.SimpleQueue()
        process = context.Process(target=_grown, args=(way, text, result))
        process.start()
        process.join()
        grown.append(result.get())
    return statistics.median(grown)


def _medians_ms(text: Path) -> list[float]:
    """Of each way, in turns: what else the machine does falls on all of them."""
    times: list[list[float]] = [[] for _ in WAYS]
    for _ in range(REPEAT + 1):
        for way, (_, fn) in enumerate(WAYS):
            start = time.perf_counter()
            fn(text)
            times[way].append((time.perf_counter() - start) * 1e3)
    return [statistics.median(taken[1:]) for taken in times]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = _write_command(Path(folder))
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
        if _records(text) != JOBS:
            sys.exit("the stand-in for sacct was not read whole")
        took = _medians_ms(text)
        rows = [
            (name, f"{took[way]:.0f}", f"{took[way] / took[-1]:.2f}", f"{_memory(way, text):.0f}")
            for way, (name, _) in enumerate(WAYS)
        ]
        size = text.stat().st_size >> 20
    title = f"{JOBS:,} finished jobs in {3 * JOBS:,} rows of sacct ({size} MiB with pipes)"
    table(title, [("", "median ms", "x read_csv", "MiB at most"), *rows])


if __name__ == "__main__":
    main()
