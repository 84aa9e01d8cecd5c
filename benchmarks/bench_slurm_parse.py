"""From squeue's rows to frames at 10,000 jobs, against the ways others read a queue."""

from __future__ import annotations

import gc
import io
import json
import random
from datetime import UTC, datetime, timedelta

import pandas as pd

from benchmarks._timing import median_ms, table
from watchdog.model.slurm import duration, gres, hostlist, ids, instants, job_details, squeue
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.rows import Marks, marks
from watchdog.sources.slurm_frames import job_gpus_frame, jobs_frame

JOBS = 10_000
RUNNING = 2_000
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def _row(number: int, dice: random.Random) -> list[str]:
    """One job as squeue prints it: every time and node list another one."""
    running = number < RUNNING
    at = [(BEGIN + timedelta(seconds=number * 7 + step)).strftime("%Y-%m-%dT%H:%M:%S") for step in (0, 0, 60, 9000)]
    node = f"gpu[{number % 900:03}-{number % 900 + 1:03}]" if running else ""
    tres = f"cpu={8 + number % 64},mem={64 + number % 9}G,node=2,billing=8,gres/gpu=4,gres/gpu:h100=4"
    return [
        str(100_000 + number), str(100_000 + number), str(100_000 + number), f"train {dice.random():.9f}",
        f"user{number % 90}", f"acct{number % 20}", "normal", "gpu", "RUNNING" if running else "PENDING",
        "None" if running else "Priority", f"{1 + number % 7}-00:00:00", "2", "16", tres, "gres/gpu:h100:2", node, "",
        "(null)", at[0], at[1], at[2] if running else "N/A", at[3] if running else "N/A",
        str(dice.randrange(10**6)), "(null)", "(null)", "(null)", "0", "",
    ]  # fmt: skip


def _details() -> str:
    """The text of `scontrol show job -d`, as long as the real one: about 1 kB a job."""
    filler = "   " + "Key=Value " * 60 + "\n"
    held = "   JOB_GRES=gpu:h100:4\n     Nodes=gpu[{0:03}-{1:03}] CPU_IDs=0-7 Mem=65536 GRES=gpu:h100:2(IDX:0-1)\n"
    return "\n".join(
        f"JobId={100_000 + n} JobName=train\n{filler}"
        + (held.format(n % 900, n % 900 + 1) if n < RUNNING else "")
        + "   MinCPUsNode=1\n   Command=/home/ada/train.sh\n"
        for n in range(JOBS)
    )


def _cold() -> None:
    """Forget what the readers have seen, as at the first read."""
    readers = (hostlist.expand, duration.seconds, instants.instant, ids.job_id, gres.gres, gres.tres, gres.tres_gpus)
    for reader in (*readers, gres.memory_bytes, gres.places):
        reader.cache_clear()


def _ours(text: str, ends: Marks, details: str = "") -> int:
    problems = Problems()
    holds = job_details.holds(details, problems, squeue.texts(text, ends))
    jobs = squeue.jobs(text, ends, problems, holds=holds)
    return len(jobs_frame(jobs)) + len(job_gpus_frame(jobs))


def _first(text: str, ends: Marks) -> int:
    _cold()
    return _ours(text, ends)


def _as_json(rows: list[list[str]]) -> str:
    """The same jobs as `squeue --json` of 22.05 has them: 110 keys each, about 3 kB."""
    more = {f"another_key_of_slurm_{n}": "" if n % 3 else None for n in range(82)}
    return json.dumps({"jobs": [dict(zip(squeue.FIELDS, row, strict=True)) | more for row in rows]})


def main() -> None:
    dice, ends = random.Random(7), marks("benchmark")
    rows = [_row(number, dice) for number in range(JOBS)]
    text = "".join(ends.field.join(row) + ends.row + "\n" for row in rows)
    plain = "\n".join("|".join(row) for row in rows)
    dump, details = _as_json(rows), _details()
    gc.collect()
    ours = median_ms(lambda: _ours(text, ends), 9)
    first = median_ms(lambda: _first(text, ends), 5)
    whole = median_ms(lambda: _ours(text, ends, details), 5)
    frame = median_ms(lambda: pd.DataFrame(json.loads(dump)["jobs"]), 5)
    loads = median_ms(lambda: json.loads(dump), 5)
    typed = median_ms(
        lambda: pd.read_csv(io.StringIO(plain), sep="|", names=squeue.FIELDS, parse_dates=[18, 19, 20, 21]), 5
    )
    table(
        f"{JOBS:,} jobs ({len(text) >> 10:,} KiB of squeue, {len(dump) >> 20} MiB of JSON), median ms",
        [
            ("ours: squeue -> checked frames", f"{ours:.0f}", "1.00"),
            ("ours, first read (empty caches)", f"{first:.0f}", f"{first / ours:.2f}"),
            (f"ours with GPU places ({len(details) >> 20} MiB of scontrol)", f"{whole:.0f}", f"{whole / ours:.2f}"),
            ("json.loads of squeue --json", f"{loads:.0f}", f"{loads / ours:.2f}"),
            ("json.loads + pandas.DataFrame", f"{frame:.0f}", f"{frame / ours:.2f}"),
            ("pandas.read_csv, dates parsed, no units or lists", f"{typed:.0f}", f"{typed / ours:.2f}"),
        ],
    )


if __name__ == "__main__":
    main()
