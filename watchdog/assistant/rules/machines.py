"""Machines: a node, a GPU, GPUs of a kind, a quantity, an XID."""

from __future__ import annotations

import re

from watchdog.assistant.records import Evidence
from watchdog.assistant.rules.asking import Asking, Missing
from watchdog.assistant.rules.question import Question
from watchdog.assistant.rules.words import Row, cite, plural, rows_of, said, table

_GPU = (
    "node",
    "gpu_index",
    "state",
    "busy_ratio",
    "memory_used_bytes",
    "gpu_temperature_celsius",
    "power_watts",
    "job",
    "user",
    "reason",
)
_STATES = {
    r"\bheld\b|\bholding\b": "held idle",
    r"\bhung|\bhang\w*|\bstuck\b": "hung",
    r"\bthrottl\w*": "throttled",
    r"\blost\b|\bmissing\b": "lost",
    r"\bfault\w*|\bbroken\b": "faulty",
    r"\bunknown\b": "unknown",
    r"\bidl\w*|\bunused\b": "idle",
    r"\bbusy\b": "busy",
}
# By the word of the question: the metric, how the window becomes a value, and the word for the answer.
_METRICS = (
    (r"\bmemory (temp|hot)\w*|\bhot\w* memory", "memory_temperature_celsius", "max", "Hottest memory"),
    (r"\bhot\w*|\bwarm\w*|\btemperature\w*|\bcool\w*|\bheat\w*", "gpu_temperature_celsius", "max", "Hottest"),
    (r"\bpower\b|\bwatts?\b|\bdraw\w*|\bconsum\w*", "power_watts", "mean", "Power"),
    (r"\benergy\b|\bkwh\b", "energy_joules", "increase", "Energy"),
    (r"\bmemory\b|\bvram\b", "memory_used_bytes", "mean", "GPU memory used"),
    (r"\bclocks?\b", "sm_clock_hertz", "mean", "Clock"),
    (r"\becc\b", "ecc_corrected_volatile_count", "increase", "Corrected memory errors"),
    (r"\bpcie\b", "pcie_replay_count", "increase", "PCIe replays"),
    (r"\bnvlink\b", "nvlink_recovery_errors_count", "increase", "NVLink recoveries"),
    (r"", "gpu_util_ratio", "mean", "Utilization"),
)  # fmt: skip


def node(asking: Asking, question: Question) -> str:
    """One node: for work, its GPUs, what the checks find, and how its state changed."""
    found = asking.ask("node", node=question.node)
    if found is None:
        return ""
    row = rows_of(found)[0]
    parts = [_stands(row, found), _findings(asking, node=question.node)]
    gpus = asking.ask("gpus", node=question.node)
    if gpus is not None:
        parts.append(table(gpus, _GPU, most=16))
    if re.search(r"\bwhy\b|\bdrain\w*|\bdown\b|\bsince\b|\bout\b|\bhistory\b", question.text):
        past = asking.ask("node_history", node=question.node)
        if past is not None and past.rows:
            parts.append(
                f"Its states in Slurm {cite(past)}:\n\n{table(past, ('changed_at', 'state', 'flags', 'reason', 'reason_by'))}"
            )
    return "\n\n".join(part for part in parts if part)


def nodes(asking: Asking, question: Question) -> str:
    """Which nodes take no work, why and since when."""
    found = asking.ask("nodes", show="out of service", partition=question.partition)
    if found is None:
        return ""
    few = found.total_rows == 1
    head = f"**{plural(found.total_rows, 'node')} {'is' if few else 'are'} out of service** {cite(found)}."
    columns = ("node", "condition", "reason", "reason_by", "out_since", "out_seconds", "times_out_30d")
    return f"{head}\n\n{table(found, columns, most=15)}".strip()


def _stands(row: Row, found: Evidence) -> str:
    text = f"**Node {said(found, row, 'node')}** is {said(found, row, 'condition') if row.get('condition') else 'not known to Slurm'}"
    if row.get("reason"):
        text += f": {said(found, row, 'reason')}"
    if row.get("out_since"):
        text += f", since {said(found, row, 'out_since')}"
    text += f" {cite(found)}."
    if row.get("gpus_seen") is not None:
        text += f" {said(found, row, 'gpus_seen')} of {said(found, row, 'gpus')} GPUs report"
        text += (
            f", {said(found, row, 'mean_busy_ratio')} busy on average" if row.get("mean_busy_ratio") is not None else ""
        )
        text += f", drawing {said(found, row, 'power_watts')}" if row.get("power_watts") is not None else ""
        text += (
            f", the hottest at {said(found, row, 'hottest_celsius')}" if row.get("hottest_celsius") is not None else ""
        )
        text += f" {cite(found)}."
    return text


def _findings(asking: Asking, gpu: str = "", **about: str) -> str:
    found = asking.ask("findings", **about)
    if found is None:
        return ""
    rows = [row for row in rows_of(found) if not gpu or row["gpu_uuid"] == gpu]
    if not rows:
        return f"No health check finds anything about it {cite(found)}."
    lines = [
        f"- {said(found, row, 'title')}: {said(found, row, 'explanation')} {said(found, row, 'action')} {cite(found)}"
        for row in rows[:6]
    ]
    return "\n".join(["The checks find:", *lines])


def gpu(asking: Asking, question: Question) -> str:
    """One GPU: state and why, load, who holds it, what the checks find, and its last hours."""
    found = asking.ask("gpus", gpu=question.gpu)
    if found is None or not found.rows:
        return ""
    row = rows_of(found)[0]
    why = f": {said(found, row, 'reason')}" if row["reason"] else ""
    text = f"**GPU {said(found, row, 'gpu_index')} on {said(found, row, 'node')}** is {said(found, row, 'state')}{why}"
    text += f"; {said(found, row, 'busy_ratio')} busy" if row["busy_ratio"] is not None else ""
    text += f", held by job {said(found, row, 'job')} of {said(found, row, 'user')}" if row["job"] else ""
    used = asking.ask("gpu_metrics", metric="gpu_util_ratio", by="gpu", gpu=question.gpu, hours=question.hours or 1)
    parts = [f"{text} {cite(found)}.", _findings(asking, question.gpu, node=str(row["node"]))]
    if used is not None and used.rows:
        parts.append(f"Over the window it was {said(used, rows_of(used)[0], 'value')} busy on average {cite(used)}.")
    parts.append(table(found, _GPU))
    return "\n\n".join(part for part in parts if part)


def gpus(asking: Asking, question: Question) -> str:
    """Which GPUs are in the state that is named."""
    state = next((state for pattern, state in _STATES.items() if re.search(pattern, question.text)), "")
    found = asking.ask("gpus", state=state, node=question.node)
    if found is None:
        return ""
    held = _held_idle(asking) if state == "held idle" else ""
    if held and not found.rows:
        return held
    few = found.total_rows == 1
    head = f"**{plural(found.total_rows, 'GPU')} {'is' if few else 'are'} {state or 'known'}** {cite(found)}."
    return "\n\n".join(part for part in (head, table(found, _GPU, most=12), held) if part)


def _held_idle(asking: Asking) -> str:
    """What the check finds, which looks at an hour and more: a GPU's state is of the last minutes."""
    found = asking.ask("findings")
    rows = [row for row in rows_of(found) if row["check"] == "held_idle"] if found else []
    if found is None or not rows:
        return ""
    lines = [f"- {said(found, row, 'explanation')} {cite(found)}" for row in rows]
    return "\n".join(["The checks find GPUs that are held but idle:", *lines])


def metric(asking: Asking, question: Question) -> str:
    """GPUs or nodes in the order of a quantity."""
    key, statistic, word = next((k, s, w) for pattern, k, s, w in _METRICS if re.search(pattern, question.text))
    by = (
        "gpu"
        if re.search(r"\bgpus?\b|\bcards?\b|\bwhich\b|\bhot\w*", question.text) and "node" not in question.text
        else "node"
    )
    order = "smallest" if re.search(r"\b(least|lowest|coolest|smallest|minimum)\b", question.text) else "largest"
    asked = {
        "metric": key,
        "statistic": statistic,
        "by": by,
        "order": order,
        "hours": question.hours or 1,
        "node": question.node,
    }
    found = asking.ask("gpu_metrics", **asked)
    if found is None:
        return ""
    if not found.rows:
        asking.missing += [Missing(mark.rstrip(".")) for mark in found.marks]
        return ""
    row = rows_of(found)[0]
    who = (
        f"GPU {said(found, row, 'gpu_index')} on {said(found, row, 'node')}"
        if by == "gpu"
        else f"node {said(found, row, 'node')}"
    )
    head = f"{word}: **{who}** with {said(found, row, 'value')}, {order} first {cite(found)}."
    whole = asking.ask("gpu_metrics", **{**asked, "by": "cluster"})
    all_of = (
        f" The cluster: {said(whole, rows_of(whole)[0], 'value')} {cite(whole)}."
        if whole is not None and whole.rows
        else ""
    )
    return f"{head}{all_of}\n\n{table(found, ('node', 'gpu_index', 'value'))}"


def xid(asking: Asking, question: Question) -> str:
    """What a code means, and who shows it now."""
    found = asking.ask("xid_lookup", code=question.xid or 0)
    if found is None:
        return ""
    row = rows_of(found)[0]
    if row["words"] is None:
        asking.missing += [Missing(mark.rstrip(".")) for mark in found.marks]
        return ""
    text = f"**XID {said(found, row, 'xid')}**: {said(found, row, 'words')}. What to do first: {said(found, row, 'action')}"
    lasts = "; the GPU stays suspect until a reset" if row["lasts"] else ""
    parts = [f"{text}{lasts} ({said(found, row, 'source')}) {cite(found)}."]
    now = asking.ask("findings", check="xid")
    rows = (
        [each for each in rows_of(now) if re.search(rf"XID {question.xid}\b", str(each["explanation"]), re.IGNORECASE)]
        if now
        else []
    )
    if now is not None:
        parts.append(
            table(now, ("severity", "node", "gpu_index", "job_id", "lasted_seconds", "explanation"), rows)
            or f"No GPU is found with it now {cite(now)}."
        )
    return "\n\n".join(parts)


def overview(asking: Asking, question: Question) -> str:
    """The cluster in a few numbers."""
    del question
    found = asking.ask("cluster_overview")
    if found is None:
        return ""
    row = rows_of(found)[0]
    names = ("busy", "idle", "held_idle", "throttled", "hung", "faulty", "lost", "unknown")
    states = ", ".join(
        f"{said(found, row, f'gpus_{name}')} {name.replace('_', ' ')}" for name in names if row[f"gpus_{name}"]
    )
    parts = [
        f"**{said(found, row, 'gpus_seen')} of {said(found, row, 'gpus_expected')} GPUs report** on "
        f"{said(found, row, 'nodes_reporting')} of {said(found, row, 'nodes_known')} nodes: {states} {cite(found)}.",
        f"Mean utilization {said(found, row, 'mean_busy_ratio')}, power {said(found, row, 'power_watts')}, the hottest GPU "
        f"{said(found, row, 'hottest_celsius')}, GPU memory {said(found, row, 'memory_used_bytes')} of {said(found, row, 'memory_total_bytes')} {cite(found)}.",
    ]  # fmt: skip
    if row["jobs_running"] is not None:
        parts.append(
            f"Jobs: {said(found, row, 'jobs_running')} run on {said(found, row, 'gpus_held')} GPUs, {said(found, row, 'jobs_pending')} wait; "
            f"{said(found, row, 'gpus_free')} GPUs are free, at most {said(found, row, 'largest_block')} on one node {cite(found)}."
        )  # fmt: skip
    return "\n\n".join(parts)
