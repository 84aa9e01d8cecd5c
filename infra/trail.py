"""The driver's journal as sentences: who did what, when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import singledispatch

from infra import records as r


@dataclass(frozen=True)
class Step:
    """One record in words."""

    at: datetime
    by: str
    cluster: str
    what: str


def steps(records: Iterable[r.Record], most: int = 200) -> list[Step]:
    """The newest records in words, newest first."""
    newest = list(records)[-most:]
    return [Step(each.at, each.by, each.cluster, words(each)) for each in reversed(newest)]


@singledispatch
def words(record: r.Record) -> str:
    """One record in words; a kind without words of its own by its name."""
    return type(record).__name__.lower()


@words.register
def _(record: r.Founded) -> str:
    return f"named the cluster {record.cluster}"


@words.register
def _(record: r.Intended) -> str:
    gpu = record.gpu_type.removeprefix("NVIDIA ")
    until = f"{record.deadline_at:%Y-%m-%d %H:%M} UTC"
    return f"asks for {', '.join(record.names)}: {record.gpu_count} x {gpu}, ${record.hourly_usd:.2f}/h each, until {until}"


@words.register
def _(record: r.Rented) -> str:
    return f"{record.how} {record.name} ({record.pod_id}), ${record.hourly_usd:.2f}/h"


@words.register
def _(record: r.Priced) -> str:
    return f"{record.pod_id} costs ${record.hourly_usd:.2f}/h"


@words.register
def _(record: r.Ready) -> str:
    return f"{record.pod_id} is ready"


@words.register
def _(record: r.Settled) -> str:
    return f"outcome: {record.outcome}"


@words.register
def _(record: r.Returning) -> str:
    return f"returns {record.pod_id}: {record.reason}"


@words.register
def _(record: r.Returned) -> str:
    return f"{record.pod_id} is off the bill: {record.proof}"


@words.register
def _(record: r.Extended) -> str:
    return f"stays until {record.deadline_at:%Y-%m-%d %H:%M} UTC"


@words.register
def _(record: r.Acted) -> str:
    return record.what
