"""How a job is, why it waits or how it ended, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from watchdog.analysis.job_efficiency import Efficiency
from watchdog.model.slurm.records import ACTIVE, WAITING, JobState
from watchdog.model.units import duration_text, instant_text, number_text, percent, usd
from watchdog.services.jobs import JobDetail
from watchdog.ui.address import View
from watchdog.ui.cards import tiles
from watchdog.ui.escape import escape
from watchdog.ui.frame_cells import has, instant, limit_text
from watchdog.ui.slurm_age import slurm_freshness
from watchdog.ui.slurm_words import capitalized, job_badge


def job_verdict(detail: JobDetail, view: View) -> None:
    """How the job is, in a line; why it waits or what went wrong; then its numbers."""
    job = detail.job
    current = JobState(job["state"])
    st.markdown(f"{job_badge(current)} **{escape(job['name'], 80)}** :gray[{_whose(job)}]")
    if current in WAITING:
        _why_waiting(detail)
    elif current is JobState.UNKNOWN:
        _unknown_end(job)
    elif has(job["exit_code"]):
        st.markdown(f":small[{_exit_words(job)}]")
    if detail.efficiency.no_process:
        st.markdown(_no_process(detail.efficiency))
    tiles(_times(job, view.at) + _numbers(detail))
    if current in WAITING | ACTIVE:
        slurm_freshness(view)
    if len(detail.runs) > 1:
        st.caption(f"It was requeued: this is the newest of {len(detail.runs)} runs.")


def _whose(job: Mapping[str, Any]) -> str:
    account = f" ({escape(job['account'], 40)})" if job["account"] else ""
    place = f" on {escape(job['nodes'], 60)}" if job["nodes"] else ""
    array = f", a task of array {job['array_job_id']}" if has(job["array_job_id"]) else ""
    gpus = _gpus(job)
    return f"job {escape(job['job_id'], 40)} of {escape(job['user'], 40)}{account}, partition {escape(job['partition'], 40)}{gpus}{place}{array}"


def _gpus(job: Mapping[str, Any]) -> str:
    if not has(job["gpus"]) or not job["gpus"]:
        return ", no GPU"
    kind = f" {escape(job['gpu_type'], 20)}" if job["gpu_type"] else ""
    return f", {job['gpus']}{kind} GPU{'s' * (job['gpus'] != 1)}"


def _why_waiting(detail: JobDetail) -> None:
    why = detail.explanation
    if why is None:
        return
    more = f" :gray[{escape(capitalized(why.detail), 300)}.]" if why.detail else ""
    st.markdown(f"It waits because {escape(why.words, 300)}.{more}")
    st.markdown(f":small[**What would help:** {escape(why.unblock, 300)} :gray[Who can do it: {escape(why.by)}.]]")


def _unknown_end(job: Mapping[str, Any]) -> None:
    seen = instant_text(instant(job.get("last_seen_at")))
    st.warning(
        f"It vanished from Slurm: last seen {seen}. How it ended is not known; it is not counted as completed.\n\n"
        "With Slurm's accounting (sacct) the end would be filled in.",
        icon=":material/help:",
    )


def _no_process(answer: Efficiency) -> str:
    of = f"{answer.no_process} of its {answer.gpu_count} GPUs" if answer.gpu_count > 1 else "its GPU"
    hours = f" ({number_text(answer.no_process_hours, 1)} GPU-hours)" if answer.no_process_hours is not None else ""
    return f":orange[:material/do_not_disturb_on: **No process has run on {of}**{hours}]: held, and never opened."


def _exit_words(job: Mapping[str, Any]) -> str:
    by_signal = f", ended by signal {job['signal']}" if has(job["signal"]) and job["signal"] else ""
    reason = f" Slurm's reason: {escape(job['reason'], 100)}." if job["reason"] not in {"", "None"} else ""
    return f"Exit code {job['exit_code']}{by_signal}.{reason}"


def _times(job: Mapping[str, Any], at: datetime) -> tuple[tuple[str, str, str], ...]:
    submitted, started, ended = (instant(job[name]) for name in ("submitted_at", "started_at", "ended_at"))
    begin = started or at
    waited = duration_text(begin - submitted) if submitted and begin >= submitted else "n/a"
    values = [("Waited", waited, f"Submitted {instant_text(submitted)}.")]
    if started:
        running = JobState(job["state"]) in ACTIVE
        until = ended or (at if running else instant(job.get("last_seen_at")))
        ran = duration_text(until - started) if until and until >= started else "n/a"
        end = f", ended {instant_text(ended)}" if ended else ""
        values.append(("Ran" if not running else "Running for", ran, f"Started {instant_text(started)}{end}."))
    elif expected := instant(job["expected_start_at"]):
        values.append(("Expected start", instant_text(expected, near=at), "The scheduler's own estimate."))
    return tuple(values)


def _numbers(detail: JobDetail) -> tuple[tuple[str, str, str], ...]:
    job, answer = detail.job, detail.efficiency
    values = [("Time limit", limit_text(job["time_limit_seconds"]), "Slurm ends the job when it is reached.")]
    if answer is not None and instant(job["started_at"]):
        held = f"{number_text(answer.used_hours, 1)} of {number_text(answer.held_hours, 1)}"
        missing = percent(answer.missing_ratio)
        values += [
            (
                "Mean utilization",
                percent(answer.mean_busy_ratio),
                f"Over its GPUs. No reading for {missing} of the time.",
            ),
            ("GPU-hours used", held, "The integral of utilization, of the hours held."),
            ("Idle GPU-hours", number_text(answer.idle_hours, 1), _idle_help(answer)),
        ]
        if answer.cost_usd is not None:
            values.append(("Cost", usd(answer.cost_usd), f"Of the hours held; idle ones {usd(answer.idle_usd)}."))
    return tuple(values)


def _idle_help(answer: Efficiency) -> str:
    never, tail = number_text(answer.never_used_hours, 1), number_text(answer.tail_hours, 1)
    without = number_text(answer.no_process_hours, 1)
    return f"GPUs never used {never} (without any process {without}), and the time after the last work {tail}."
