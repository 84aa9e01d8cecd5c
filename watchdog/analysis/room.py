"""Whether a waiting job could start now: GPUs, CPUs and memory of its partition's nodes, and what the partition allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from watchdog.analysis import room_words as say
from watchdog.analysis.fragmentation import free_gpus
from watchdog.analysis.partition_limits import limits_of, refusal
from watchdog.analysis.room_nodes import candidates, room_on
from watchdog.analysis.room_request import Request

_BEST_FIRST = (True, None, False)
_TEXTS = ("partition", "gpu_type", "features", "reservation")


@dataclass(frozen=True)
class Fit:
    """Whether a request could start now.

    Attributes:
        fits: None where what is known neither lets it start nor keeps it.
        words: what it needs, what there is, and what is not known.
        partition: the one that the words are about.
    """

    fits: bool | None
    words: str
    partition: str = ""


def could_start(wanted: Request, nodes: pd.DataFrame, partitions: pd.DataFrame) -> Fit:
    """Whether NODES have room for `wanted` and PARTITIONS allow it; of several partitions the best answer.

    A request is taken to be the same on each of its nodes. What the scheduler plans for other jobs is not looked at.
    """
    names = wanted.partition.split(",")
    found = [_in_partition(wanted, name, nodes, partitions) for name in names]
    return min(found, key=lambda fit: _BEST_FIRST.index(fit.fits))


def request_of(job: Mapping[str, Any]) -> Request:
    """What a waiting job (a row of JOBS) asks for."""
    count = _number(job.get("node_count"))
    partition, kind, features, reservation = (str(job.get(name) or "") for name in _TEXTS)
    return Request(
        gpus=_number(job.get("gpus")),
        cpus=_number(job.get("cpus")),
        # --mem=0 asks for all the memory of a node, however much that is.
        memory_bytes=_number(job.get("memory_bytes")) or None,
        node_count=None if count is None else int(count),
        time_limit_seconds=_number(job.get("time_limit_seconds")),
        partition=partition,
        gpu_type=kind,
        features=features,
        reservation=reservation,
    )


def _in_partition(wanted: Request, name: str, nodes: pd.DataFrame, partitions: pd.DataFrame) -> Fit:
    limits = limits_of(partitions, name)
    refused = refusal(wanted.time_limit_seconds, wanted.node_count, limits)
    if refused:
        return Fit(False, refused, name)
    here = candidates(nodes, wanted, name)
    if not len(here):
        return Fit(None, say.no_such_node(wanted, name), name)
    return _by_room(wanted, here, name, limits.unknown(wanted.time_limit_seconds, wanted.node_count))


def _by_room(wanted: Request, here: pd.DataFrame, name: str, not_told: tuple[str, ...]) -> Fit:
    room, count = room_on(here, wanted), max(wanted.node_count or 1, 1)
    possible = int((room["can"] | room["may"]).sum())
    unknown = (*say.not_known(wanted, room), *not_told)
    too_big = say.too_big(wanted, room)
    if too_big:
        return Fit(False, too_big, name)
    if possible < count if wanted.node_count else not _enough_in_all(wanted, room):
        return Fit(False, say.no_room(wanted, room, free_gpus(here)), name)
    if wanted.node_count and int(room["can"].sum()) >= count and not not_told:
        return Fit(True, say.fits(wanted, room), name)
    return Fit(None, say.undecided(wanted, room, free_gpus(here), unknown), name)


def _enough_in_all(wanted: Request, room: pd.DataFrame) -> bool:
    """Whether all nodes together may have it: what can be said of a job that does not tell on how many nodes."""
    free = room.loc[room["works"], "gpus_free"]
    return wanted.gpus is None or bool(free.isna().any()) or float(free.sum()) >= wanted.gpus


def _number(value: Any) -> float | None:  # noqa: ANN401 (a cell of a frame)
    return None if value is None or pd.isna(value) else float(value)
