"""Memory of the host that a job asked for and used, in words, and the line that would have been enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from watchdog.analysis.job_efficiency import Efficiency
from watchdog.model.units import bytes_text, percent

# A job that used less than this of its memory asked for too much; room is what it should have beyond.
TOO_MUCH, ROOM = 0.5, 1.25
_GIB = 2.0**30


def memory_words(job: Mapping[str, Any], answer: Efficiency) -> str:
    """What it asked for and what it used, each only where accounting has it."""
    asked, used = answer.memory_asked_bytes, answer.memory_used_bytes
    if used is None:
        return "How much memory it used is not known: Slurm's accounting tells it of steps that have ended."
    who = "It used" if answer.one_task and _nodes(job) == 1 else "Its largest task used"
    if asked is None:
        return f"{who} {bytes_text(used)} of memory; how much it asked for is not known."
    each = " on each node" if _nodes(job) > 1 else ""
    share = percent(answer.memory_used_ratio)
    return f"{who} {bytes_text(used)} of the {bytes_text(asked)} of memory that it asked for{each} ({share})."


def memory_advice(job: Mapping[str, Any], answer: Efficiency) -> tuple[str, str] | None:
    """Text and line for a job that asked for far too much; None where accounting does not show that.

    Accounting has the largest task, not the sum: where several tasks may have run beside each other, the line holds
    for one task a GPU, as the text says, and without GPUs there is none.
    """
    used, ratio = answer.memory_used_bytes, answer.memory_used_ratio
    if job["state"] != "COMPLETED" or used is None or ratio is None or used < _GIB:
        return None
    if answer.one_task and _nodes(job) == 1:
        return (memory_words(job, answer), memory_line(used * ROOM)) if ratio < TOO_MUCH else None
    each = answer.gpu_count / _nodes(job)
    if each < 1 or each != int(each) or ratio * each >= TOO_MUCH:
        return None
    if each == 1:
        return f"{memory_words(job, answer)} With one task a node this is enough:", memory_line(used * ROOM)
    share = bytes_text((answer.memory_asked_bytes or 0.0) / each)
    text = f"{memory_words(job, answer)} That is {share} a GPU. With one task a GPU this is enough, instead of --mem:"
    return text, f"#SBATCH --mem-per-gpu={_gibibytes(used * ROOM)}"


def memory_line(count: float) -> str:
    """`#SBATCH --mem` for so many bytes on each node."""
    return f"#SBATCH --mem={_gibibytes(count)}"


def _gibibytes(count: float) -> str:
    return f"{max(1, math.ceil(count / _GIB))}G"


def _nodes(job: Mapping[str, Any]) -> int:
    count = job["node_count"]
    return 1 if count is None or pd.isna(count) else max(int(count), 1)
