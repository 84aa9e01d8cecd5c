"""Frames of the history of alerts."""

from __future__ import annotations

from watchdog.model.frames import UTC_DTYPE, Column, Frame

_SUBJECT = {
    "node": Column("string", doc="'' where it is about no node."),
    "gpu_uuid": Column("string", doc="'' where it is about no single GPU."),
    "job_id": Column("string", doc="Set where it is about a job as a whole."),
    "part": Column("string", doc="What else tells two subjects apart: `xid=79`, a partition."),
}

# Every step there was, in the order it was written.
ALERT_EVENTS = Frame(
    name="alert_events",
    key=("seq",),
    columns={
        "seq": Column("int64", low=1, doc="Order of writing, whatever the clock did."),
        "at": Column(UTC_DTYPE, doc="When it happened."),
        "recorded_at": Column(UTC_DTYPE, doc="When it was written: later, for what was seen late."),
        "kind": Column("string", doc="`EventKind`."),
        "incident_id": Column("string", doc="'' before an alert fires, and for what is about no incident."),
        "alert_id": Column("string", doc="'' for steps of an incident as a whole."),
        "rule_id": Column("string"),
        "severity": Column("string"),
        **_SUBJECT,
        "by": Column("string", doc="A person or a channel; '' for the watchdog itself. Quotes people."),
        "note": Column("string", doc="Quotes people and the cluster."),
        "seen_late": Column("bool", doc="Nobody watched then; it was found out afterwards."),
    },
)

# Alerts that fired, and those that are pending.
ALERTS = Frame(
    name="alerts",
    key=("alert_id",),
    columns={
        "alert_id": Column("string"),
        "incident_id": Column("string"),
        "rule_id": Column("string"),
        "state": Column("string", doc="`AlertState`."),
        "severity": Column("string"),
        **_SUBJECT,
        "gpu_index": Column("Int16", nullable=True, low=0),
        "affected_job": Column("string", doc="The job that suffers from it; '' for none."),
        "user": Column("string"),
        "since": Column(UTC_DTYPE, doc="When the condition began."),
        "fired_at": Column(UTC_DTYPE, nullable=True),
        "resolved_at": Column(UTC_DTYPE, nullable=True),
        "flaps": Column("int64", low=0),
        "value": Column("float64", nullable=True, doc="In the base unit of what was judged."),
        "explanation": Column("string", doc="As it was seen last. Quotes the cluster."),
        "action": Column("string"),
        "source": Column("string", doc="Whose threshold or table it is."),
        "seen_late": Column("bool"),
    },
)

INCIDENTS = Frame(
    name="incidents",
    key=("incident_id",),
    columns={
        "incident_id": Column("string"),
        "cause": Column("string"),
        "title": Column("string", doc="Quotes the cluster."),
        "severity": Column("string", doc="The worst of its open members; when it is over, of its last ones."),
        "state": Column("string"),
        "opened_at": Column(UTC_DTYPE),
        "closed_at": Column(UTC_DTYPE, nullable=True),
        "ack_by": Column("string", doc="Who had it last, '' for nobody."),
        "ack_at": Column(UTC_DTYPE, nullable=True),
        "ack_note": Column("string"),
        "acked_at": Column(UTC_DTYPE, nullable=True, doc="When it was acknowledged for the first time."),
        "members": Column("int64", low=0),
        "open_members": Column("int64", low=0),
        "notifications": Column("int64", low=0),
        "seen_late": Column("bool"),
    },
)
