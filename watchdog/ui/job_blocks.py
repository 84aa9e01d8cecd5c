"""Blocks of the job page: what its GPUs did, what it asked for, its steps, and what to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from watchdog.analysis.efficiency import Use
from watchdog.analysis.memory_advice import memory_words
from watchdog.model.metrics import CATALOGUE
from watchdog.model.slurm.records import JobState
from watchdog.model.telemetry import Where, Window
from watchdog.model.units import bytes_text, duration_text
from watchdog.services.jobs import JobDetail
from watchdog.ui.address import View
from watchdog.ui.cards import empty_state, incomplete_note
from watchdog.ui.escape import escape
from watchdog.ui.filters import shared_parameters
from watchdog.ui.fleet_blocks import GPUS_PAGE
from watchdog.ui.frame_cells import count_text, has, instant, limit_text, seconds_text
from watchdog.ui.history_blocks import history_block, history_caption
from watchdog.ui.slurm_words import job_text

CHARTS = ("gpu_util_ratio", "memory_used_bytes", "power_watts")
_USES = {Use.USED: "▶", Use.NEVER_USED: "✕", Use.NO_PROCESS: "∅", Use.WENT_IDLE: "○", Use.UNKNOWN: "?"}


def job_charts(detail: JobDetail, view: View) -> None:
    """Utilization, memory and power of its GPUs over its life; a zoom shows a part of it."""
    gpus = detail.gpus[detail.gpus["gpu_uuid"].notna()]
    started = instant(detail.job["started_at"])
    if started is None:
        empty_state("It has not started.", "Charts of its GPUs stand here from its start on.")
        return
    if not len(gpus):
        empty_state(
            "Its GPUs are not known by their UUID.", "Slurm must say which GPUs (IDX), and a GPU exporter run there."
        )
        return
    shown = view if view.address.own_range else replace(view, window=_life(detail, started, view.at))
    names = _names(gpus)
    where = Where(gpus=tuple(uuid for uuid, _ in names))
    with st.grid("auto", min_column_width=320):
        for metric in CHARTS:
            with st.container():
                st.markdown(f"**{CATALOGUE[metric].label}**", help=CATALOGUE[metric].definition)
                answer = history_block(metric, shown, where, names)
    history_caption(answer)


def _names(gpus: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """(gpu_uuid, name): the node's name only where there are several."""
    several = len(set(gpus["node"])) > 1
    rows = gpus[["gpu_uuid", "node", "gpu_index"]].itertuples(index=False, name=None)
    return tuple((str(uuid), f"{node} GPU {place}" if several else f"GPU {place}") for uuid, node, place in rows)


def _life(detail: JobDetail, started: datetime, at: datetime) -> Window:
    ended = instant(detail.job["ended_at"]) or (
        instant(detail.job.get("last_seen_at")) if detail.job["state"] == JobState.UNKNOWN else None
    )
    until = max(min(ended or at, at), started)
    return Window(started, max(until, started + timedelta(minutes=1)))


def job_gpus(detail: JobDetail) -> None:
    """Each GPU it held, against its peers; a row opens the GPU."""
    gpus = detail.gpus
    if not len(gpus):
        st.caption("It holds no GPU that Slurm names.")
        return
    event = st.dataframe(
        _gpu_table(gpus), hide_index=True, key=f"job.gpus.{detail.job['job_id']}", on_select="rerun",
        selection_mode="single-row", column_config=_GPU_COLUMNS, placeholder="n/a",
        alt=f"Table of the {len(gpus)} GPUs of this job",
    )  # fmt: skip
    if (gpus["use"] == Use.NO_PROCESS).any():
        st.caption("∅ no process: the job held the GPU, and no process ever opened it.")
    if gpus["apart"].any():
        st.caption("△ more than 30 % off the middle of its peers: the GPUs of one job should be equally busy.")
    rows = event.get("selection", {}).get("rows", [])
    if rows:
        row = gpus.iloc[rows[0]]
        place = {"node": str(row["node"])} | ({"gpu": str(row["gpu_uuid"])} if has(row["gpu_uuid"]) else {})
        st.switch_page(GPUS_PAGE, query_params={**shared_parameters(), **place})


def _gpu_table(gpus: pd.DataFrame) -> pd.DataFrame:
    peers = [
        "" if pd.isna(ratio) else f"{'△ ' if apart else ''}{ratio:.2f}"
        for ratio, apart in zip(gpus["peers_ratio"], gpus["apart"], strict=True)
    ]
    return pd.DataFrame(
        {
            "use": [f"{_USES[Use(use)]} {use}" for use in gpus["use"]],
            "node": gpus["node"].astype("string"),
            "gpu": gpus["gpu_index"],
            "busy": gpus["mean_busy_ratio"] * 100,
            "idle": [seconds_text(value) for value in gpus["idle_seconds"].where(gpus["use"] != Use.UNKNOWN)],
            "tail": [seconds_text(value) for value in gpus["idle_tail_seconds"]],
            "missing": gpus["missing_ratio"] * 100,
            "peers": pd.array(peers, dtype="string"),
        }
    )


_GPU_COLUMNS = {
    "use": st.column_config.TextColumn("use", width=110),
    "node": st.column_config.TextColumn("node", width="small"),
    "gpu": st.column_config.NumberColumn("GPU", width=55),
    "busy": st.column_config.ProgressColumn(
        "mean utilization", format="%.0f %%", min_value=0, max_value=100, width=130
    ),
    "idle": st.column_config.TextColumn("idle in all"),
    "tail": st.column_config.TextColumn("idle since the last work"),
    "missing": st.column_config.NumberColumn("no reading, %", format="%.0f"),
    "peers": st.column_config.TextColumn("of its peers' middle", help="1.00 = as busy as the middle GPU of this job."),
}


def job_steps(detail: JobDetail) -> None:
    """Its steps with their exit codes."""
    steps = detail.steps
    if not len(steps):
        empty_state("No step is known.", "Steps come from Slurm's accounting (sacct) when the job has ended.")
        return
    took = (steps["ended_at"] - steps["started_at"]).dt.total_seconds()
    table = pd.DataFrame(
        {
            "step": steps["step_id"].astype("string"),
            "name": steps["name"].astype("string").str.slice(0, 200),
            "state": [job_text(value) for value in steps["state"]],
            "exit code": steps["exit_code"],
            "signal": steps["signal"],
            "started": steps["started_at"],
            "took": [seconds_text(value) for value in took],
            "most memory": [bytes_text(value) for value in steps["max_memory_bytes"]],
        }
    )
    st.dataframe(
        table, hide_index=True, placeholder="n/a", height=300 if len(table) > 7 else "auto",
        column_config={"started": st.column_config.DatetimeColumn("started, UTC", format="YYYY-MM-DD HH:mm:ss")},
        alt=f"Table of {len(table)} steps",
    )  # fmt: skip


def job_request(detail: JobDetail) -> None:
    """What it asked for against what it used."""
    job, answer = detail.job, detail.efficiency
    if answer is None:
        return
    limit = job["time_limit_seconds"]
    known = answer.gpu_count > 0 and not (answer.gpus["use"] == Use.UNKNOWN).any()
    used_gpus = answer.gpu_count - answer.never_used if known else None
    share = used_gpus / answer.gpu_count if used_gpus is not None else None
    rows = [
        ("GPUs", count_text(job["gpus"]), count_text(used_gpus), share),
        ("Time", limit_text(limit), duration_text(answer.elapsed), answer.time_used_ratio),
        (_memory_label(job), bytes_text(answer.memory_asked_bytes), bytes_text(answer.memory_used_bytes), answer.memory_used_ratio),
        ("CPUs", count_text(job["cpus"]), "n/a", None),
        ("Nodes", count_text(job["node_count"]), "n/a", None),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["what", "asked", "used", "share"])
    table["share"] = table["share"].astype("float64") * 100
    column = st.column_config.ProgressColumn("share", format="%.0f %%", min_value=0, max_value=100)
    st.dataframe(
        table, hide_index=True, placeholder="n/a", column_config={"share": column}, alt="What it asked for and used"
    )
    began = instant(job["started_at"]) is not None
    st.caption(f"A GPU counts as used if it was ever at work. {memory_words(job, answer) if began else ''}")


def _memory_label(job: Mapping[str, Any]) -> str:
    return "Memory of a node" if has(job["node_count"]) and job["node_count"] > 1 else "Memory"


def job_advice(detail: JobDetail) -> None:
    """What to change next time, gravest first."""
    if not detail.advice:
        st.caption("Nothing to change is seen in the numbers; what could not be measured is not judged.")
    for item in detail.advice:
        st.markdown(escape(item.text, 400))
        if item.line:
            # Highlighted as a script, these lines would be comments, pale.
            st.code(item.line, language=None)
    incomplete_note(detail.incomplete)
