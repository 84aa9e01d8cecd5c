"""Licences and reservations, from `scontrol -o show licenses` and `scontrol -o show reservations`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from watchdog.base.errors import SourceFormatError
from watchdog.model.exposition import family_text, labels_text
from watchdog.model.slurm.instants import instant

_PAIR = re.compile(r"(?:^|\s)([A-Za-z][A-Za-z/]*)=")
_UNSAID = {"(null)", "N/A", "None"}


@dataclass(frozen=True)
class License:
    """Counts of one licence."""

    name: str
    total: int
    used: int
    free: int
    reserved: int


@dataclass(frozen=True)
class Reservation:
    """One reservation."""

    name: str
    state: str
    nodes: str
    node_count: int
    partition: str
    flags: str
    users: str
    accounts: str
    starts_at: datetime | None
    ends_at: datetime | None


def parse_licenses(text: str) -> tuple[License, ...]:
    """Read `LicenseName=ansys Total=2 Used=0 Free=2 …` lines."""
    found = {}
    for pairs in _records(text, "LicenseName"):
        counts = (_count(pairs.get(word, "")) for word in ("Total", "Used", "Free", "Reserved"))
        found[pairs["LicenseName"]] = License(pairs["LicenseName"], *counts)
    return tuple(found.values())


def parse_reservations(text: str, zone: tzinfo) -> tuple[Reservation, ...]:
    """Read `ReservationName=… StartTime=…` lines; their times are local to `zone`."""
    found = {}
    for pairs in _records(text, "ReservationName"):
        said = {name: "" if value in _UNSAID else value for name, value in pairs.items()}
        found[said["ReservationName"]] = Reservation(
            name=said["ReservationName"],
            state=said.get("State", ""),
            nodes=said.get("Nodes", ""),
            node_count=_count(said.get("NodeCnt", "")),
            partition=said.get("PartitionName", ""),
            flags=said.get("Flags", ""),
            users=said.get("Users", ""),
            accounts=said.get("Accounts", ""),
            starts_at=_instant(said.get("StartTime"), zone),
            ends_at=_instant(said.get("EndTime"), zone),
        )
    return tuple(found.values())


def licenses_page(licenses: tuple[License, ...]) -> str:
    """The series of licences."""
    return "".join(
        family_text(
            f"slurm_license_{use}",
            "gauge",
            f"Licences, {use}.",
            [(labels_text({"license": one.name}), float(getattr(one, use))) for one in licenses],
        )
        for use in ("total", "used", "free", "reserved")
    )


def reservations_page(reservations: tuple[Reservation, ...]) -> str:
    """The series of reservations."""
    keys = [(labels_text({"reservation_name": one.name}), one) for one in reservations]
    infos = [
        (
            labels_text(
                {
                    "reservation_name": one.name,
                    **{name: getattr(one, name) for name in ("state", "nodes", "partition", "flags", "users")},
                    "accounts": one.accounts,
                }
            ),
            1.0,
        )
        for one in reservations
    ]
    starts = [(key, one.starts_at.timestamp()) for key, one in keys if one.starts_at]
    ends = [(key, one.ends_at.timestamp()) for key, one in keys if one.ends_at]
    counts = [(key, float(one.node_count)) for key, one in keys]
    return "".join(
        (
            family_text("slurm_reservation_info", "gauge", "A reservation.", infos),
            family_text("slurm_reservation_node_count", "gauge", "Nodes of a reservation.", counts),
            family_text("slurm_reservation_start_time_seconds", "gauge", "When a reservation starts.", starts),
            family_text("slurm_reservation_end_time_seconds", "gauge", "When a reservation ends.", ends),
        )
    )


def _records(text: str, first: str) -> Iterator[dict[str, str]]:
    for line in text.splitlines():
        if line.startswith(f"{first}="):
            parts = _PAIR.split(line)
            yield {name: value.strip() for name, value in zip(parts[1::2], parts[2::2], strict=True)}


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0


def _instant(text: str | None, zone: tzinfo) -> datetime | None:
    try:
        return instant(text, zone)
    except SourceFormatError:
        return None
