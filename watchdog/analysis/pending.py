"""Why a job waits, in words, and what would let it start."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from watchdog.analysis.fragmentation import could_start
from watchdog.analysis.pending_words import ADMIN, CODES, Words, limit_words

# For these it helps to look at what is free.
_ROOM = {"Resources", "Priority", "ReqNodeNotAvail", "None", ""}


@dataclass(frozen=True)
class Explanation:
    """Why one job waits.

    Attributes:
        reason: Slurm's word, as it came.
        words, unblock, by: completes "It waits because …"; what would help; who can do it.
        detail: what queue and nodes add; "" for nothing.
        known: False where the code is not one that we know: then `words` repeat it and claim nothing.
    """

    reason: str
    words: str
    unblock: str
    by: str
    detail: str = ""
    known: bool = True


# The reason of a past instant is not kept.
FORGOTTEN = "?"


@lru_cache(maxsize=4096)
def explain_code(reason: str) -> Explanation:
    """What a reason means by itself."""
    if reason == FORGOTTEN:
        return Explanation(reason, "why was not kept, as it has started since", "", "", known=False)
    words = _words(reason)
    if words is None:
        text = f"Slurm says {reason!r}, a reason that is not known here"
        return Explanation(reason, text, "Slurm's manual, Job Reason Codes, may explain it.", ADMIN, known=False)
    return Explanation(reason, words.words, words.unblock, words.by, _named_nodes(reason))


def explain(job: dict[str, Any], jobs: pd.DataFrame, nodes: pd.DataFrame) -> Explanation:
    """What keeps one waiting job (a row of JOBS), with what queue (JOBS) and nodes (NODES) add."""
    found = explain_code(str(job["reason"]))
    details = [found.detail, _ahead(job, jobs), _room(job, nodes), _dependency(job)]
    return Explanation(
        found.reason, found.words, found.unblock, found.by, "; ".join(filter(None, details)), found.known
    )


def _words(reason: str) -> Words | None:
    text = reason.strip().strip("()")
    code = text.partition(",")[0].partition(":")[0].replace(" ", "_") or "None"
    return CODES.get(code) or limit_words(code)


def _named_nodes(reason: str) -> str:
    _, found, nodes = reason.partition("UnavailableNodes:")
    return f"not available: {nodes}" if found and nodes else ""


def _ahead(job: dict[str, Any], jobs: pd.DataFrame) -> str:
    """How many waiting jobs of its partition have a higher priority."""
    priority = job.get("priority")
    if job["reason"] != "Priority" or priority is None or pd.isna(priority):
        return ""
    rivals = jobs[(jobs["state"] == "PENDING") & (jobs["partition"] == job["partition"])]
    count = int((rivals["priority"] > priority).sum())
    return f"{count} waiting job{'s' * (count != 1)} of partition {job['partition']} ahead of it" if count else ""


def _room(job: dict[str, Any], nodes: pd.DataFrame) -> str:
    code = str(job["reason"]).partition(",")[0]
    gpus = job.get("gpus")
    if not len(nodes) or code not in _ROOM or gpus is None or pd.isna(gpus) or gpus < 1:
        return ""
    count = job.get("node_count")
    whole = None if count is None or pd.isna(count) else int(count)
    words = could_start(nodes, int(gpus), whole, str(job["partition"]), str(job["gpu_type"])).words
    # Other partitions may have free GPUs: without the name this would contradict the cluster's sum.
    several = len(set(nodes["partitions"])) > 1
    return f"in partition {job['partition']} it {words}" if several and words.startswith("needs") else words


def _dependency(job: dict[str, Any]) -> str:
    wanted = str(job["reason"]).startswith("Dependency") and job.get("dependency")
    return f"its dependency: {job['dependency']}" if wanted else ""
