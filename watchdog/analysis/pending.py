"""Why a job waits, in words, and what would let it start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from watchdog.analysis.partition_limits import limits_of, refusal
from watchdog.analysis.pending_words import ADMIN, CODES, Words, limit_words
from watchdog.analysis.room import could_start, request_of
from watchdog.model.scheduler import PARTITIONS

# For these it helps to look at what is free; for those at what the partition allows.
_ROOM = {"Resources", "Priority", "ReqNodeNotAvail", "None", ""}
_LIMITS = {"PartitionTimeLimit", "PartitionNodeLimit"}
# What it means that there is room.
_SO = {"Resources": "so it lacks something that is not seen here"}


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


def explain(
    job: Mapping[str, Any], jobs: pd.DataFrame, nodes: pd.DataFrame, partitions: pd.DataFrame | None = None
) -> Explanation:
    """What keeps one waiting job (a row of JOBS), with what queue (JOBS), nodes (NODES) and PARTITIONS add."""
    found = explain_code(str(job["reason"]))
    table = PARTITIONS.empty() if partitions is None else partitions
    details = [found.detail, _ahead(job, jobs), _room(job, nodes, table), _limit(job, table), _dependency(job)]
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


def _ahead(job: Mapping[str, Any], jobs: pd.DataFrame) -> str:
    """How many waiting jobs of its partition have a higher priority."""
    priority = job.get("priority")
    if job["reason"] != "Priority" or priority is None or pd.isna(priority):
        return ""
    rivals = jobs[(jobs["state"] == "PENDING") & (jobs["partition"] == job["partition"])]
    count = int((rivals["priority"] > priority).sum())
    return f"{count} waiting job{'s' * (count != 1)} of partition {job['partition']} ahead of it" if count else ""


def _room(job: Mapping[str, Any], nodes: pd.DataFrame, partitions: pd.DataFrame) -> str:
    wanted = request_of(job)
    if not len(nodes) or _code(job) not in _ROOM or not wanted.gpus:
        return ""
    fit = could_start(wanted, nodes, partitions)
    so = f", {_SO.get(_code(job), 'so room is not what it waits for')}" if fit.fits else ""
    # Other partitions may have free GPUs: without the name this would contradict the cluster's sum.
    several = len(set(nodes["partitions"])) > 1
    where = f"in partition {fit.partition} it " if several and fit.words.startswith("needs") else ""
    return f"{where}{fit.words}{so}"


def _limit(job: Mapping[str, Any], partitions: pd.DataFrame) -> str:
    if _code(job) not in _LIMITS:
        return ""
    wanted = request_of(job)
    names = wanted.partition.split(",")
    found = (refusal(wanted.time_limit_seconds, wanted.node_count, limits_of(partitions, name)) for name in names)
    return "; ".join(filter(None, found))


def _code(job: Mapping[str, Any]) -> str:
    return str(job["reason"]).partition(",")[0]


def _dependency(job: Mapping[str, Any]) -> str:
    wanted = str(job["reason"]).startswith("Dependency") and job.get("dependency")
    return f"its dependency: {job['dependency']}" if wanted else ""
