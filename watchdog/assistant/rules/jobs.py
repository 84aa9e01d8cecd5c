"""Jobs: one of them, a user's, those that wait, and those that ended."""

from __future__ import annotations

from watchdog.assistant.records import Evidence
from watchdog.assistant.rules.asking import Asking
from watchdog.assistant.rules.question import Question
from watchdog.assistant.rules.words import Row, cite, count_where, plural, rows_of, said, table

_GPUS = ("node", "gpu_index", "use", "mean_busy_ratio", "peers_ratio", "idle_hours")


def job(asking: Asking, question: Question) -> str:
    """What is critical about it; where it stands, why it waits, how well it used its GPUs, what else the checks find."""
    found = asking.ask("job", job_id=question.job)
    if found is None:
        return ""
    row = rows_of(found)[0]
    gpus, checks = _gpus(asking, question, row), asking.ask("findings", job_id=question.job)
    parts = [_critical(checks), _stands(row, found), _waits(row, found), _use(row, found), gpus, _others(checks)]
    parts += [f"Advice: {said(found, row, 'advice')} {cite(found)}" if row["advice"] else ""]
    return "\n\n".join(part for part in parts if part)


def _stands(row: Row, found: Evidence) -> str:
    of = f" of {said(found, row, 'user')}" if row["user"] else ""
    text = f"**Job {said(found, row, 'job_id')}**{of} is {said(found, row, 'state')}"
    if row["elapsed_seconds"]:
        text += f", {'ran' if row['ended_at'] else 'has run'} for {said(found, row, 'elapsed_seconds')}"
    if row["time_limit_seconds"] is not None:
        text += (
            f"{' of' if row['elapsed_seconds'] else ', with'} a time limit of {said(found, row, 'time_limit_seconds')}"
        )
    if row["submitted_at"] and not row["started_at"]:
        text += f", submitted {said(found, row, 'submitted_at')}"
    if row["nodes"] and row["started_at"]:
        text += f", on {said(found, row, 'nodes')}"
    count = row["gpus"]
    if isinstance(count, int):
        text += f", {plural(count, 'GPU')}"
    return f"{text} {cite(found)}."


def _waits(row: Row, found: Evidence) -> str:
    if not row["why"]:
        return ""
    detail = f": {said(found, row, 'detail')}" if row["detail"] else ""
    help_ = f" {said(found, row, 'unblock')}" if row["unblock"] else ""
    help_ += (
        f" Slurm expects it to start at {said(found, row, 'expected_start_at')} {cite(found)}."
        if row["expected_start_at"]
        else " When it starts is not known: Slurm tells no expected start."
    )
    return f"It waits because {said(found, row, 'why')}{detail} {cite(found)}.{help_}"


def _use(row: Row, found: Evidence) -> str:
    if not row["started_at"]:
        return ""
    if row["mean_busy_ratio"] is None:
        return f"How well it used its GPUs is unknown: {said(found, row, 'missing_ratio')} of its time has no reading {cite(found)}."
    text = f"Its GPUs were {said(found, row, 'mean_busy_ratio')} busy on average"
    if row["held_hours"] is not None and row["idle_hours"] is not None:
        text += f"; of {said(found, row, 'held_hours')} of GPU time {said(found, row, 'idle_hours')} were idle"
    if row["idle_usd"]:
        text += f", which cost {said(found, row, 'idle_usd')}"
    return f"{text} {cite(found)}."


def _gpus(asking: Asking, question: Question, row: Row) -> str:
    if not row["started_at"] or not isinstance(row["gpus"], int) or row["gpus"] < 1:
        return ""
    found = asking.ask("job_gpus", job_id=question.job)
    if found is None or not found.rows:
        return ""
    rows = rows_of(found)
    apart = count_where(rows, lambda each: each["apart"])
    behind = (
        f"\n\n{plural(apart, 'GPU')} of it {'differs' if apart == 1 else 'differ'} from the others {cite(found)}."
        if apart
        else ""
    )
    return f"{table(found, _GPUS)}{behind}"


def _critical(found: Evidence | None) -> str:
    """What comes before all else: with it, nothing else that is known of the job explains how it is."""
    rows = [row for row in rows_of(found) if row["severity"] == "critical"] if found else []
    if found is None or not rows:
        return ""
    lines = [f"- {_finding(row, found)} What to do: {said(found, row, 'action')} {cite(found)}" for row in rows[:5]]
    return "\n".join([f"**{plural(len(rows), 'critical finding')}** {cite(found)}:", *lines])


def _others(found: Evidence | None) -> str:
    if found is None:
        return ""
    if not found.rows:
        return f"No health check finds anything about it now {cite(found)}."
    rows = [row for row in rows_of(found) if row["severity"] != "critical"]
    lines = [f"- {_finding(row, found)}" for row in rows[:5]]
    return "\n".join(["The checks find:", *lines]) if lines else ""


def _finding(row: Row, found: Evidence) -> str:
    return f"{said(found, row, 'title')}: {said(found, row, 'explanation')} {cite(found)}"


def user(asking: Asking, question: Question) -> str:
    """What one user runs, waits for, and left idle."""
    running, waiting = (asking.ask("queue", show=show, user=question.user) for show in ("running", "waiting"))
    wasted = asking.ask("waste", by="job", user=question.user, hours=question.hours or 24)
    if running is None or waiting is None:
        return ""
    counts = [row["gpus"] for row in rows_of(running)]
    all_known = running.total_rows == len(counts) and None not in counts
    text = f"**{said(running, {'user': question.user}, 'user')}** runs {plural(running.total_rows, 'job')}"
    text += f" on {plural(sum(int(str(count)) for count in counts), 'GPU')}" if all_known else ""
    parts = [
        f"{text} {cite(running)}; {plural(waiting.total_rows, 'job')} {'waits' if waiting.total_rows == 1 else 'wait'} {cite(waiting)}."
    ]
    parts.append(table(running, ("job_id", "name", "partition", "gpus", "nodes", "ran_seconds")))
    parts.append(table(waiting, ("job_id", "name", "partition", "gpus", "waited_seconds", "why")))
    if wasted is not None and wasted.rows:
        parts.append(
            f"GPU-hours of its jobs {cite(wasted)}:\n\n{table(wasted, ('job_id', 'job_name', 'held_hours', 'idle_hours', 'mean_busy_ratio'))}"
        )
    return "\n\n".join(part for part in parts if part)


def queue(asking: Asking, question: Question) -> str:
    """Who waits and why, or who runs."""
    runs = "running" in question.text or "who uses" in question.text or "using" in question.text
    only = {"partition": question.partition} if question.partition else {}
    if runs and "wait" not in question.text and "pending" not in question.text:
        found = asking.ask("queue", show="running", **only)
        return "" if found is None else _running(found)
    why, waiting = asking.ask("queue", show="reasons"), asking.ask("queue", show="waiting", **only)
    if why is None or waiting is None:
        return ""
    if not waiting.rows:
        where = (
            f" of partition {said(waiting, {'partition': question.partition}, 'partition')}"
            if question.partition
            else ""
        )
        return f"**No job{where} waits** {cite(waiting)}."
    parts = [
        _longest(waiting),
        _reasons(why),
        table(waiting, ("job_id", "user", "partition", "gpus", "waited_seconds", "why")),
    ]
    return "\n\n".join(part for part in parts if part)


def _running(found: Evidence) -> str:
    head = f"**{plural(found.total_rows, 'job')} {'runs' if found.total_rows == 1 else 'run'}** {cite(found)}."
    return f"{head}\n\n{table(found, ('job_id', 'user', 'partition', 'gpus', 'nodes', 'ran_seconds'), most=15)}"


def _longest(waiting: Evidence) -> str:
    row = rows_of(waiting)[0]
    return (
        f"**{plural(waiting.total_rows, 'job')} {'waits' if waiting.total_rows == 1 else 'wait'}**, the longest, job "
        f"{said(waiting, row, 'job_id')} of {said(waiting, row, 'user')}, for {said(waiting, row, 'waited_seconds')} {cite(waiting)}."
    )


def _reasons(why: Evidence) -> str:
    lines = []
    for row in rows_of(why)[:5]:
        detail = f": {said(why, row, 'detail')}" if row["detail"] else ""
        head = f"- {plural(int(str(row['jobs'])), 'job')} ({said(why, row, 'reason')}): {said(why, row, 'why')}{detail} {cite(why)}."
        lines.append(f"{head} {said(why, row, 'unblock')}")
    return "\n".join(lines)


def failed(asking: Asking, question: Question) -> str:
    """Jobs that ended, those that did not complete first."""
    only = any(word in question.text for word in ("fail", "crash", "abort", "kill", "oom", "memory", "timed"))
    found = asking.ask("finished_jobs", hours=question.hours or 24, failed=only, user=question.user)
    if found is None:
        return ""
    what = "did not complete" if only else "ended"
    head = f"**{plural(found.total_rows, 'job')} {what}** in the window {cite(found)}."
    return f"{head}\n\n{table(found, ('job_id', 'user', 'state', 'exit_code', 'gpus', 'nodes', 'ran_seconds', 'ended_at'))}".strip()
