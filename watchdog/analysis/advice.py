"""What a job's user should change next time, with the corrected `#SBATCH` line."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd

from watchdog.analysis.efficiency import UNUSED, Use
from watchdog.analysis.job_efficiency import Efficiency
from watchdog.analysis.memory_advice import ROOM, TOO_MUCH, memory_advice, memory_line
from watchdog.model.units import SPACE, bytes_text, duration_text, percent

_SHORT = timedelta(minutes=5)


@dataclass(frozen=True)
class Advice:
    """One thing to change: why, in words, and the line; `line` is '' where no line of `#SBATCH` would help."""

    text: str
    line: str = ""


def advice(job: Mapping[str, Any], answer: Efficiency) -> tuple[Advice, ...]:
    """What the numbers of one job say, gravest first; nothing where they are not known."""
    rules: tuple[Callable[[Mapping[str, Any], Efficiency], Advice | None], ...] = (
        *(_failed_steps, _out_of_memory, _timed_out, _unused_gpus, _idle_tail),
        *(_one_node, _too_long, _too_much_memory, _uneven),
    )
    return tuple(found for rule in rules if (found := rule(job, answer)) is not None)


def _failed_steps(job: Mapping[str, Any], answer: Efficiency) -> Advice | None:
    if job["state"] != "COMPLETED" or not answer.steps_failed:
        return None
    which = f"All {answer.steps}" if answer.steps_failed == answer.steps else f"{answer.steps_failed} of {answer.steps}"
    text = f"{which} steps failed, though the job counts as COMPLETED: the script hides their exit codes."
    return Advice(f"{text} Begin the script with: set -euo pipefail")


def _out_of_memory(job: Mapping[str, Any], answer: Efficiency) -> Advice | None:
    asked = _number(job["memory_bytes"])
    if job["state"] != "OUT_OF_MEMORY" or asked is None:
        return None
    line = memory_line(asked / _nodes(job) * 1.5)
    return Advice(f"It ran out of the {bytes_text(asked)} that it asked for.", line)


def _timed_out(job: Mapping[str, Any], answer: Efficiency) -> Advice | None:
    limit = _number(job["time_limit_seconds"])
    if job["state"] != "TIMEOUT" or limit is None:
        return None
    tail = answer.tail_hours
    if answer.gpu_count and (answer.never_used == answer.gpu_count or (tail is not None and tail > 0)):
        return None
    text = f"It was ended at its limit of {duration_text(timedelta(seconds=limit))}: save checkpoints, or ask for more."
    return Advice(text, f"#SBATCH --time={time_text(timedelta(seconds=limit * 1.5))}")


def _unused_gpus(job: Mapping[str, Any], answer: Efficiency) -> Advice | None:
    unused, gpus = answer.never_used, answer.gpus
    if not unused or (gpus["use"] == Use.UNKNOWN).any():
        return None
    if unused == len(gpus):
        return Advice(f"{_none_used(answer)}: run it on nodes without GPUs.", "#SBATCH --gres=none")
    used = gpus[~gpus["use"].isin(UNUSED)]
    nodes, each = used["node"].nunique(), int(used.groupby("node").size().max())
    cost = _cost(answer.never_used_hours, "GPU-h")
    text = f"{unused} of its {len(gpus)} GPUs were never used ({cost}){_processes(answer)}."
    line = f"#SBATCH --gres=gpu:{_typed(job)}{each}"
    return Advice(text, line if nodes == gpus["node"].nunique() else f"#SBATCH --nodes={nodes}\n{line}")


def _none_used(answer: Efficiency) -> str:
    """None of its GPUs was used: how, as far as processes were counted."""
    count = answer.never_used
    if answer.no_process == count:
        which = "its GPU" if count == 1 else f"any of its {count} GPUs"
        return f"No process ever ran on {which}; its program needs no GPU or found none"
    which = "Its GPU was never used" if count == 1 else f"None of its {count} GPUs was ever used"
    return f"{which}{_processes(answer)}"


def _processes(answer: Efficiency) -> str:
    """What is known of processes on GPUs that were never used; nothing where nobody counted them."""
    unused = answer.gpus[answer.gpus["use"].isin(UNUSED)]
    if answer.no_process:
        return (
            f"; no process ever ran on {'them' if answer.no_process == len(unused) else f'{answer.no_process} of them'}"
        )
    return ", though a process was there" if unused["processes_known"].all() else ""


def _idle_tail(job: Mapping[str, Any], answer: Efficiency) -> Advice | None:
    went = answer.gpus[answer.gpus["use"] == Use.WENT_IDLE]
    if not len(went):
        return None
    longest = timedelta(seconds=float(went["idle_tail_seconds"].max()))
    text = f"{_count(len(went))} did nothing for up to {duration_text(longest)} before its end"
    if pd.isna(job["ended_at"]):
        text = (
            f"{_count(len(went))} {'has' if len(went) == 1 else 'have'} done nothing for up to {duration_text(longest)}"
        )
    hint = "end the job when the work is done, or split off what needs no GPU (--dependency=afterok:…)"
    return Advice(f"{text} ({_cost(answer.tail_hours, 'GPU-h')}): {hint}.")


def _one_node(job: Mapping[str, Any], answer: Efficiency) -> Advice | None:
    """Few GPUs on each of several nodes talk through the network instead of NVLink, and break up free nodes."""
    gpus = answer.gpus
    nodes, count = gpus["node"].nunique(), answer.gpu_count
    if nodes < 2 or count > 4 or gpus["gpu_index"].isna().any():
        return None
    text = f"Its {count} GPUs were spread over {nodes} nodes: on one node they talk faster, and whole nodes stay free."
    return Advice(text, f"#SBATCH --nodes=1\n#SBATCH --gres=gpu:{_typed(job)}{count}")


def _too_long(job: Mapping[str, Any], answer: Efficiency) -> Advice | None:
    ratio, elapsed = answer.time_used_ratio, answer.elapsed
    if job["state"] != "COMPLETED" or ratio is None or elapsed is None or ratio >= TOO_MUCH or elapsed < _SHORT:
        return None
    text = f"It used {percent(ratio)} of its time limit; a shorter one starts sooner, as it fits into gaps."
    return Advice(text, f"#SBATCH --time={time_text(elapsed * ROOM)}")


def _too_much_memory(job: Mapping[str, Any], answer: Efficiency) -> Advice | None:
    found = memory_advice(job, answer)
    return Advice(*found) if found else None


def _uneven(job: Mapping[str, Any], answer: Efficiency) -> Advice | None:
    apart = answer.gpus[answer.gpus["apart"] & (answer.gpus["use"] == Use.USED)]
    if not len(apart):
        return None
    worst = apart.loc[[(apart["peers_ratio"] - 1).abs().idxmax()]].to_dict("records")[0]
    place = f"GPU {worst['gpu_index']} on {worst['node']}"
    return Advice(
        f"{place} was {percent(worst['mean_busy_ratio'])} busy, {worst['peers_ratio']:.1f} times its peers' middle: "
        "the work is not shared evenly, or that GPU is slow."
    )


def time_text(length: timedelta) -> str:
    """A time limit as Slurm reads it, rounded up to what a person would write: quarters of hours, hours from 4 h on."""
    unit = 900 if length < timedelta(hours=4) else 3600
    minutes = math.ceil(length.total_seconds() / unit) * unit // 60
    days, rest = divmod(minutes, 24 * 60)
    clock = f"{rest // 60:02d}:{rest % 60:02d}:00"
    return f"{days}-{clock}" if days else clock


def _typed(job: Mapping[str, Any]) -> str:
    kind = str(job["gpu_type"])
    return f"{kind}:" if kind and "+" not in kind else ""


def _nodes(job: Mapping[str, Any]) -> int:
    return int(_number(job["node_count"]) or 1)


def _count(gpus: int) -> str:
    return f"{gpus} GPU{'s' * (gpus != 1)}"


def _cost(hours: float | None, unit: str) -> str:
    return "unknown" if hours is None else f"{hours:,.1f}{SPACE}{unit}"


def _number(value: Any) -> float | None:  # noqa: ANN401 (a cell of a frame)
    return None if value is None or pd.isna(value) or math.isinf(value) else float(value)
