"""What the driver writes down before anything waits: one record a line in an append-only file.

The app reads the file into its own tables; nothing but the driver writes it. Every record has an instant (aware, UTC),
who did it, and the cluster. A new kind of record is a new class here; readers pass over kinds they do not know.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import msgspec


class _Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    at: datetime
    by: str
    cluster: str


class Founded(_Record, frozen=True, kw_only=True, tag="founded"):
    """A cluster got its name and its marker: pods that carry both are ours."""

    owner: str


class Intended(_Record, frozen=True, kw_only=True, tag="intended"):
    """Pods of these names are about to be rented: from here on RunPod may bill, whatever happens to us.

    Attributes:
        run: ties the outcome to the intent.
        hourly_usd: what one pod costs by the catalogue, USD an hour.
        deadline_at: when they are to be returned at the latest.
        max_hourly, max_total: the owner's budget of the cluster, USD an hour and USD in all; None: no limit.
    """

    run: str
    names: list[str]
    gpu_type: str
    gpu_count: int
    hourly_usd: float
    deadline_at: datetime
    max_hourly: float | None = None
    max_total: float | None = None


class Rented(_Record, frozen=True, kw_only=True, tag="rented"):
    """A pod exists. `how` is created, adopted (its answer was lost) or found (by reconcile)."""

    pod_id: str
    name: str
    gpu_type: str
    gpu_count: int
    hourly_usd: float
    how: str


class Priced(_Record, frozen=True, kw_only=True, tag="priced"):
    """What RunPod says a pod costs, USD an hour, where that is not what the catalogue said."""

    pod_id: str
    hourly_usd: float


class Ready(_Record, frozen=True, kw_only=True, tag="ready"):
    """A pod can be reached."""

    pod_id: str


class Settled(_Record, frozen=True, kw_only=True, tag="settled"):
    """What was intended is known: done, or why not. Pods of an intent without this may still turn up."""

    run: str
    outcome: str


class Returning(_Record, frozen=True, kw_only=True, tag="returning"):
    """A pod is about to be returned, and why."""

    pod_id: str
    reason: str


class Returned(_Record, frozen=True, kw_only=True, tag="returned"):
    """RunPod no longer bills the pod. `proof` says how that was seen."""

    pod_id: str
    proof: str


class Extended(_Record, frozen=True, kw_only=True, tag="extended"):
    """The cluster has a new deadline."""

    deadline_at: datetime


class Acted(_Record, frozen=True, kw_only=True, tag="acted"):
    """Anything else that somebody decided, for the audit trail."""

    what: str


Record: TypeAlias = Founded | Intended | Rented | Priced | Ready | Settled | Returning | Returned | Extended | Acted

_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def encoded(record: Record) -> bytes:
    """One line, with its end."""
    return msgspec.json.encode(record) + b"\n"


def decoded(line: bytes) -> Record | None:
    """The record of a line; None for one of a kind that a newer program wrote, or a line that was torn off."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
