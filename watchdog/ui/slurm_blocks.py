"""Blocks of the Slurm page about the queue as a whole, and the overview's queue strip."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from watchdog.analysis.fragmentation import Free
from watchdog.analysis.pending import FORGOTTEN
from watchdog.model.units import duration_text, instant_text
from watchdog.services.queue import Queue, Waiting
from watchdog.ui.address import View
from watchdog.ui.cards import empty_state, problem, section, tiles
from watchdog.ui.data import queue, runtime, slurm
from watchdog.ui.escape import escape
from watchdog.ui.filters import shared_parameters
from watchdog.ui.job_page import JOB_PAGE
from watchdog.ui.live import live
from watchdog.ui.slurm_age import dim_if_stale, slurm_freshness
from watchdog.ui.slurm_words import capitalized

SLURM_PAGE = "pages/slurm.py"
_MOST_REASONS = 6


def no_slurm() -> None:
    """Nothing reads Slurm here."""
    empty_state(
        "No Slurm is read here. This page would show the queue with the reason why each job waits, the nodes with "
        "what keeps them from work, and who held which GPU when.",
        "Run the app where `squeue` works, or set WATCHDOG_SLURM_REST_URL to slurmrestd, or let Prometheus scrape "
        "`python -m watchdog exporter slurm`. WATCHDOG_SLURM chooses among them.",
    )


def slurm_verdict(answer: Queue, view: View) -> None:
    """One line: how long is the queue and why; then the numbers, and how old all of it is."""
    st.markdown(queue_line(answer))
    out = f"{answer.nodes_out:,} of {answer.nodes:,}" if answer.nodes else "n/a"
    free, block = _free_tiles(answer.free)
    longest = "none waits" if answer.longest is None else duration_text(answer.at - answer.longest.since)
    tiles(
        (
            ("Running", f"{answer.running:,}", "Jobs that hold their nodes, completing ones included."),
            ("Pending", f"{answer.pending:,}", "Jobs that wait; a waiting job array counts once."),
            ("Longest wait", longest, "Since the job could have started for all that it asks itself."),
            ("Free GPUs", free, "On nodes that take work, as far as it is known."),
            ("Largest free block", block, "Most free GPUs on one node: more start no job that wants one node."),
            ("Nodes out", out, "Nodes out of service: they take no work."),
        )
    )
    if view.address.is_live:
        slurm_freshness(view)
        dim_if_stale()
        return
    st.caption(
        f"as of {instant_text(answer.taken_at)}, from history: a reason is the last one that was seen; GPUs in use are "
        "those of the jobs that ran. CPUs and memory in use were not kept; the sizes of nodes and partitions are those of now."
    )


def _free_tiles(free: Free) -> tuple[str, str]:
    """Free GPUs and the largest block; none that is known, where some is not, is no zero."""
    if not free.total or (not free.free and free.unknown_nodes):
        return "n/a", "n/a"
    least = "≥ " if free.unknown_nodes else ""
    block = f"{least}{free.largest_block} on {escape(free.block_node, 30)}" if free.largest_block else "0"
    return f"{least}{free.free:,} of {free.total:,}", block


def queue_line(answer: Queue) -> str:
    """Markdown: the queue in a sentence, with the job that waits longest and why."""
    if not answer.running and not answer.pending:
        return ":green[:material/check_circle: **The queue is empty.**] Nothing runs and nothing waits."
    running = f"**{answer.running:,} running, {answer.pending:,} pending.**"
    if answer.longest is None:
        return f":blue[:material/play_arrow: {running}] Nothing waits for the cluster."
    item = answer.longest
    wait = duration_text(answer.at - item.since)
    return f":orange[:material/hourglass_empty: {running}] Job {escape(item.job_id, 40)} of {escape(item.user, 40)} waits longest, {wait}: {escape(item.explanation.words, 200)}."


def reasons_block(answer: Queue) -> None:
    """Why jobs wait, the longest wait first, and what would help."""
    if not answer.reasons:
        st.caption("Nothing waits for the cluster.")
        return
    for group in answer.reasons[:_MOST_REASONS]:
        _reason_row(group, answer.at)
    if len(answer.reasons) > _MOST_REASONS:
        rest = answer.reasons[_MOST_REASONS:]
        st.caption(f"and {sum(group.jobs for group in rest):,} jobs for {len(rest)} more reasons: see the table")


def _reason_row(group: Waiting, at: datetime) -> None:
    why = group.explanation
    jobs = f"{group.jobs:,} job{'s' * (group.jobs != 1)}"
    count, longest, words = st.columns([1.3, 2, 8], gap="small", vertical_alignment="top")
    count.markdown(f":orange[:material/hourglass_empty: **{jobs}**]")
    longest.page_link(
        JOB_PAGE, label=f"{duration_text(at - group.since)}, job {escape(group.job_id, 24)}",
        query_params={**shared_parameters(), "job": group.job_id},
    )  # fmt: skip
    detail = f" {escape(capitalized(why.detail), 200)}." if why.detail else ""
    reason = "" if group.reason == FORGOTTEN else f" ({escape(group.reason or 'no reason yet', 60)})"
    text = f"{escape(capitalized(why.words), 240)}{reason}.{detail} :gray[{escape(why.unblock, 240)}]"
    words.markdown(f":small[{text}]")


def free_table(free: pd.DataFrame) -> None:
    """Free GPUs and the largest free block of each partition and GPU type."""
    if not len(free):
        st.caption("No node with GPUs is known to Slurm.")
        return
    table = free.sort_values(["partition", "gpu_type"], kind="stable")
    # None that is known, where some is not, is no zero.
    known = (table["free"] > 0) | (table["unknown_nodes"] == 0)
    columns = {
        "partition": table["partition"], "GPU type": table["gpu_type"],
        "free": table["free"].astype("Int64").where(known),
        "largest free block": table["largest_block"].astype("Int64").where(known), "on node": table["block_node"],
        "free, out of service": table["out"].astype("Int64").where(known), "GPUs": table["total"],
    }  # fmt: skip
    if table["unknown_nodes"].any():
        columns["nodes not known"] = table["unknown_nodes"]
    st.dataframe(
        pd.DataFrame(columns), hide_index=True, placeholder="unknown",
        alt=f"Free GPUs of {len(table)} partitions and GPU types",
    )  # fmt: skip


def slurm_is_read() -> bool:
    """Whether there is a snapshot to show; says what would be here where there is none."""
    view = slurm()
    if view is None:
        no_slurm()
        return False
    if view.taken_at is None:
        live(_not_yet)
        return False
    return True


def _not_yet() -> None:
    seen = slurm()
    if seen is not None and seen.taken_at is not None:
        st.rerun(scope="app")
    current = runtime().slurm_state()
    if current is not None and current.error:
        problem(f"Slurm has not answered yet: {current.error}", current.hint)
    else:
        empty_state("Slurm has not been read yet.", "The first read happens within one interval of the start.")


def queue_strip(view: View) -> None:
    """The queue in a line, for the overview: who waits longest and why, and what is free; nothing without Slurm."""
    seen = slurm()
    if seen is None or seen.taken_at is None:
        return
    with section(""):
        answer = queue(view.past)
        st.markdown(f"{queue_line(answer)} :small[{_free_words(answer)}]")
        age, way = st.columns([8, 1], vertical_alignment="center")
        with age:
            slurm_freshness(view)
        way.page_link(SLURM_PAGE, label="Open Slurm", query_params=shared_parameters())


def _free_words(answer: Queue) -> str:
    free = answer.free
    if not free.total or (not free.free and free.unknown_nodes):
        return ""
    block = f"; the largest free block is {free.largest_block} on {escape(free.block_node, 40)}" if free.free else ""
    out = f"; {answer.nodes_out:,} of {answer.nodes:,} nodes take no work" if answer.nodes_out else ""
    least = "At least " if free.unknown_nodes else ""
    return f"**{least}{free.free:,} of {free.total:,} GPUs are free**{block}{out}."
