"""Hours and dollars: what is free, who wastes, what it costs, what changed, what happened."""

from __future__ import annotations

import math
import re

import pandas as pd

from watchdog.assistant.quoting import markdown
from watchdog.assistant.records import Evidence
from watchdog.assistant.rules.asking import Asking, Missing
from watchdog.assistant.rules.question import Question
from watchdog.assistant.rules.words import cite, plural, rows_of, said, table

_GROUPS = (
    (r"\bjobs?\b", "job"),
    (r"\baccounts?|teams?|groups?|projects?\b", "account"),
    (r"\bpartitions?\b", "partition"),
)


def capacity(asking: Asking, question: Question) -> str:
    """Whether a job of the size that is named could start now; without a size, what is free."""
    if question.gpus is None and re.search(r"\bidle\b", question.text) and "start" not in question.text:
        return _free(asking, question)
    if question.gpus is None and question.nodes is None:
        return _free(asking, question)
    asked = {"gpus": question.gpus or 1, "nodes": question.nodes or 1, "partition": question.partition}
    if question.nodes and question.gpus and re.search(r"\b(each|per node|a node)\b", question.text):
        asked["gpus"] = question.gpus * question.nodes
    found = asking.ask("free_capacity", **asked)
    if found is None:
        return ""
    if not found.rows:
        asking.missing.append(Missing("No partition with GPUs is known"))
        return ""
    return f"{_verdict(found)}\n\n{table(found, ('partition', 'gpu_type', 'could_start', 'words', 'free', 'largest_block', 'waiting_before'))}"


def _verdict(found: Evidence) -> str:
    rows = rows_of(found)
    yes = [row for row in rows if row["could_start"]]
    size = f"{plural(int(str(found.arguments['gpus'])), 'GPU')} on {plural(int(str(found.arguments['nodes'])), 'node')}"
    if yes:
        rivals = (
            f"; {said(found, yes[0], 'waiting_before')} jobs wait there already and may go first"
            if yes[0]["waiting_before"]
            else ""
        )
        return f"**Yes**, a job of {size} could start now in partition {said(found, yes[0], 'partition')}: {said(found, yes[0], 'words')}{rivals} {cite(found)}."
    unsure = [row for row in rows if row["could_start"] is None]
    if unsure:
        return (
            f"**Cannot tell** whether a job of {size} could start now: {said(found, unsure[0], 'words')} {cite(found)}."
        )
    why = f": in partition {said(found, rows[0], 'partition')} it {said(found, rows[0], 'words')}"
    return f"**No**, a job of {size} could not start now{why} {cite(found)}."


def _free(asking: Asking, question: Question) -> str:
    found = asking.ask("free_capacity", gpus=1, partition=question.partition)
    whole = asking.ask("cluster_overview")
    if found is None or whole is None:
        return ""
    row = rows_of(whole)[0]
    head = f"**{said(whole, row, 'gpus_free')} GPUs are free**, at most {said(whole, row, 'largest_block')} on one node {cite(whole)}."
    return f"{head}\n\n{table(found, ('partition', 'gpu_type', 'free', 'largest_block', 'block_node', 'out', 'waiting_before'))}"


def _group(question: Question) -> str:
    if re.search(r"\bwho\b|\busers?\b|\bpeople\b|\bperson\b", question.text):
        return "user"
    return next((group for pattern, group in _GROUPS if re.search(pattern, question.text)), "user")


def waste(asking: Asking, question: Question) -> str:
    """Who held GPUs without using them, the most idle first."""
    return _hours(asking, question, "waste")


def cost(asking: Asking, question: Question) -> str:
    """What GPU-hours cost, and how much of it was idle."""
    return _hours(asking, question, "cost")


def _hours(asking: Asking, question: Question, tool: str) -> str:
    by, hours = _group(question), question.hours or 24
    found = asking.ask(tool, by=by, hours=hours, user=question.user)
    if found is None:
        return _by_node(asking, hours)
    began = _readings_go_back(asking)
    if found.rows and rows_of(found)[0]["idle_hours"] is None and began is not None and began < hours:
        found = asking.ask(tool, by=by, hours=began, user=question.user) or found
    if not found.rows:
        return f"No GPU was held by a job in the window {cite(found)}."
    row, name = rows_of(found)[0], "job_id" if by == "job" else by
    order = "idle_hours" if tool == "waste" else "cost_usd"
    if row[order] is None:
        asking.missing += [Missing(mark.rstrip(".")) for mark in found.marks]
        held = table(found, (name, "held_hours", "unknown_hours"))
        return f"**Cannot tell**, missing: {'prices' if tool == 'cost' else 'readings of how the held GPUs were used'} {cite(found)}.\n\n{held}"
    who = f"{'job ' if by == 'job' else ''}{said(found, row, name)}"
    text = f"Most: **{who}**, {said(found, row, 'idle_hours')} idle of {said(found, row, 'held_hours')} held" if tool == "waste" else (
        f"Most: **{who}**, {said(found, row, 'cost_usd')} for {said(found, row, 'held_hours')} held"
    )  # fmt: skip
    money = f", {said(found, row, 'idle_usd')} of it for idle GPUs" if row["idle_usd"] is not None else ""
    columns = (
        "job_id",
        "job_name",
        "user",
        "account",
        "partition",
        "held_hours",
        "idle_hours",
        "never_used_hours",
        "mean_busy_ratio",
        "cost_usd",
        "idle_usd",
    )
    window = f"{found.window.since:%Y-%m-%d %H:%M} to {found.window.until:%Y-%m-%d %H:%M} UTC: " if found.window else ""
    whole = f"In all {markdown(found.title.partition(', by ')[0])} {cite(found)}."
    return f"{window}{text}{money} {cite(found)}. {whole}\n\n{table(found, columns)}"


def _readings_go_back(asking: Asking) -> float | None:
    """So many hours, in tenths; None without GPUs."""
    first = asking.desk.gpus()["first_seen_at"].min()
    if not isinstance(first, pd.Timestamp):
        return None
    return math.floor((asking.desk.at - first.to_pydatetime()).total_seconds() / 360) / 10 or None


def _by_node(asking: Asking, hours: float) -> str:
    """Without Slurm nobody knows who held what; idle hours of nodes are known all the same."""
    found = asking.ask("idle_nodes", hours=hours)
    if found is None or not found.rows:
        return ""
    return f"Who held the GPUs is unknown. By node {cite(found)}:\n\n{table(found, ('node', 'measured_hours', 'idle_hours', 'mean_busy_ratio'))}"


def changed(asking: Asking, question: Question) -> str:
    """Utilization of two windows, the incidents of the newer one, and jobs that ended in it."""
    hours = min(question.hours or 1.0, 720.0)
    before = 24.0 if re.search(r"\byesterday\b", question.text) else max(hours, 1.0)
    found = asking.ask(
        "compare_windows", hours=hours, hours_before=before, by="gpu" if question.node else "node", node=question.node
    )
    if found is None:
        return ""
    parts = []
    if found.rows and found.rows[0][-1] is not None:
        row = rows_of(found)[0]
        where = f"GPU {said(found, row, 'gpu_index')} on " if question.node else "node "
        parts.append(
            f"Utilization changed most on {where}**{said(found, row, 'node')}**: from {said(found, row, 'before')} to {said(found, row, 'after')} {cite(found)}."
        )
    else:
        parts.append(f"How utilization changed is unknown: one of the windows has no reading {cite(found)}.")
    parts.append(table(found, ("node", "gpu_index", "before", "after", "change")))
    parts.append(_incidents(asking, hours, question.node))
    return "\n\n".join(part for part in parts if part)


def _incidents(asking: Asking, hours: float, node: str) -> str:
    found = asking.ask("alert_history", hours=max(hours, 1.0), node=node)
    if found is None:
        return ""
    about = f" about node {said(found, {'nodes': node}, 'nodes')}" if node else ""
    head = f"{plural(found.total_rows, 'incident')}{about} in the window {cite(found)}."
    return f"{head}\n\n{table(found, ('severity', 'title', 'opened_at', 'lasted_seconds', 'nodes', 'ack_by'))}".strip()


def history(asking: Asking, question: Question) -> str:
    """Incidents, node states and failed jobs of the window."""
    hours = question.hours or 24.0
    parts = [_incidents(asking, hours, question.node)]
    if question.node:
        past = asking.ask("node_history", node=question.node, days=max(1.0, hours / 24))
        if past is not None and past.rows:
            parts.append(
                f"Its states in Slurm {cite(past)}:\n\n{table(past, ('changed_at', 'state', 'flags', 'reason', 'reason_by'))}"
            )
    elif asking.desk.has_slurm:
        ended = asking.ask("finished_jobs", hours=hours, failed=True)
        if ended is not None and ended.rows:
            parts.append(
                f"{plural(ended.total_rows, 'job')} did not complete {cite(ended)}:\n\n{table(ended, ('job_id', 'user', 'state', 'exit_code', 'gpus', 'nodes', 'ended_at'), most=5)}"
            )
    return "\n\n".join(part for part in parts if part)
