"""Alerts, incidents, events and the rest as rows: dataclasses to Arrow columns, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import pyarrow as pa

from watchdog.model.alert_changes import KeptRule, Outgoing
from watchdog.model.alerts import Acknowledgement, Alert, AlertEvent, AlertState, Incident, Silence
from watchdog.model.findings import Evidence, Finding, Severity, Subject

T = TypeVar("T")
_TEXT, _AT, _FLAG, _COUNT = pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int64()
_TEXTS = pa.list_(pa.string())
_EVIDENCE = msgspec.json.Decoder(tuple[Evidence, ...])
_Row = dict[str, Any]


class Part(NamedTuple):
    """One column: its type and what it takes from the dataclass."""

    dtype: pa.DataType
    take: Callable[[Any], object]


class Written(Generic[T]):
    """How one kind of thing lies in its table."""

    def __init__(self, table: str, parts: dict[str, Part]) -> None:
        self.table = table
        self._parts = parts

    @property
    def columns(self) -> str:
        """The names of the columns, for SQL."""
        return ", ".join(f'"{name}"' for name in self._parts)

    def arrow(self, things: Sequence[T]) -> pa.Table:
        """Things as rows; halves of characters become '?'."""
        return pa.table({name: _array(part, things) for name, part in self._parts.items()})


class Rows(Written[T]):
    """The same, of what is also read back one by one."""

    def __init__(self, table: str, parts: dict[str, Part], read: Callable[[_Row], T]) -> None:
        super().__init__(table, parts)
        self._read = read

    def read(self, found: Iterable[tuple[object, ...]]) -> tuple[T, ...]:
        """Rows of `columns` as things again."""
        names = [*self._parts]
        return tuple(self._read(dict(zip(names, map(_value, row), strict=True))) for row in found)


def _array(part: Part, things: Sequence[T]) -> pa.Array:
    values = [part.take(thing) for thing in things]
    try:
        return pa.array(values, part.dtype)
    except UnicodeEncodeError:
        return pa.array([value and str(value).encode("utf-8", "replace").decode() for value in values], part.dtype)


def _value(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _own(name: str, dtype: pa.DataType) -> dict[str, Part]:
    return {name: Part(dtype, lambda thing: getattr(thing, name))}


def _all(dtype: pa.DataType, *names: str) -> dict[str, Part]:
    return {name: part for each in names for name, part in _own(each, dtype).items()}


_SUBJECT = {
    "node": Part(_TEXT, lambda thing: thing.subject.node),
    "gpu_uuid": Part(_TEXT, lambda thing: thing.subject.gpu_uuid),
    "job_id": Part(_TEXT, lambda thing: thing.subject.job_id),
    "part": Part(_TEXT, lambda thing: thing.subject.part),
}


def _subject(row: _Row) -> Subject:
    return Subject(row["node"], row["gpu_uuid"], row["job_id"], row["part"])


def _alert(row: _Row) -> Alert:
    severity = Severity(row["severity"])
    finding = Finding(
        check=row["check_key"],
        severity=severity,
        subject=_subject(row),
        explanation=row["explanation"],
        action=row["action"],
        source=row["source"],
        since=row["since"],
        gpu_index=row["gpu_index"],
        job_id=row["affected_job"],
        user=row["user"],
        value=row["value"],
        evidence=_EVIDENCE.decode(row["evidence"]),
        cleared_by=row["cleared_by"],
    )
    own = ("alert_id", "incident_id", "rule_id", *_ALERT_INSTANTS, "seen_late", "flaps")
    state = AlertState(row["state"])
    return Alert(subject=finding.subject, state=state, severity=severity, finding=finding, **{n: row[n] for n in own})


_ALERT_INSTANTS = (
    *("since", "fired_at", "resolved_at", "seen_at"),
    *("clear_since", "unknown_since", "flapping_since"),
)
ALERTS: Rows[Alert] = Rows(
    "alerts",
    {
        **_all(_TEXT, "alert_id", "incident_id", "rule_id", "state", "severity"),
        **_SUBJECT,
        **_all(_AT, *_ALERT_INSTANTS),
        **_own("seen_late", _FLAG),
        **_own("flaps", _COUNT),
        "gpu_index": Part(pa.int16(), lambda alert: alert.finding.gpu_index),
        "affected_job": Part(_TEXT, lambda alert: alert.finding.job_id),
        "user": Part(_TEXT, lambda alert: alert.finding.user),
        "check_key": Part(_TEXT, lambda alert: alert.finding.check),
        "value": Part(pa.float64(), lambda alert: alert.finding.value),
        "explanation": Part(_TEXT, lambda alert: alert.finding.explanation),
        "action": Part(_TEXT, lambda alert: alert.finding.action),
        "source": Part(_TEXT, lambda alert: alert.finding.source),
        "cleared_by": Part(_TEXT, lambda alert: alert.finding.cleared_by),
        "evidence": Part(_TEXT, lambda alert: msgspec.json.encode(alert.finding.evidence).decode()),
    },
    _alert,
)


def _of_ack(name: str) -> Callable[[Any], object]:
    return lambda incident: incident.ack and getattr(incident.ack, name)


def _incident(row: _Row) -> Incident:
    ack = row["ack_by"] and Acknowledgement(row["ack_by"], row["ack_at"], row["ack_note"], row["ack_until"])
    told = row["told_severity"]
    rest = {name: value for name, value in row.items() if not name.startswith("ack_")} | {
        "severity": Severity(row["severity"]),
        "state": AlertState(row["state"]),
        "told_severity": told and Severity(told),
    }
    return Incident(ack=ack, **rest)


INCIDENTS: Rows[Incident] = Rows(
    "incidents",
    {
        **_all(_TEXT, "incident_id", "cause", "title", "severity", "state"),
        **_all(_AT, "opened_at", "closed_at"),
        "ack_by": Part(_TEXT, _of_ack("by")),
        "ack_at": Part(_AT, _of_ack("at")),
        "ack_note": Part(_TEXT, _of_ack("note")),
        "ack_until": Part(_AT, _of_ack("until")),
        **_own("silence_id", _TEXT),
        **_all(_COUNT, "members", "open_members", "notifications"),
        **_own("notified_at", _AT),
        **_own("told_severity", _TEXT),
        **_all(_FLAG, "seen_late", "unknown_told"),
    },
    _incident,
)


def _tuples(row: _Row) -> _Row:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


# Read as frames alone.
EVENTS: Written[AlertEvent] = Written(
    "alert_events",
    {
        **_all(_AT, "at", "recorded_at"),
        **_all(_TEXT, "kind", "incident_id", "alert_id", "rule_id", "severity"),
        **_SUBJECT,
        **_all(_TEXT, "by", "note"),
        **_own("seen_late", _FLAG),
    },
)
SILENCES: Rows[Silence] = Rows(
    "silences",
    {
        **_all(_TEXT, "silence_id", "by", "note"),
        **_all(_AT, "starts_at", "ends_at"),
        **_all(_TEXTS, "nodes", "rules", "gpus", "jobs"),
    },
    lambda row: Silence(**_tuples(row)),
)
OUTBOX: Rows[Outgoing] = Rows(
    "outbox",
    {
        **_all(_TEXT, "message_id", "channel", "kind", "incident_id", "body"),
        **_own("created_at", _AT),
        **_own("attempts", _COUNT),
        **_all(_AT, "next_attempt_at", "delivered_at", "failed_at"),
        **_own("error", _TEXT),
    },
    lambda row: Outgoing(**row),
)
RULES: Rows[KeptRule] = Rows(
    "alert_rules",
    {
        **_all(_TEXT, "rule_id", "body"),
        **_own("changed_at", _AT),
        **_own("changed_by", _TEXT),
        **_own("deleted", _FLAG),
    },
    lambda row: KeptRule(**row),
)
