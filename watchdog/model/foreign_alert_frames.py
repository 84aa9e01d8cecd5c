"""Frame of alerts that are not ours."""

from __future__ import annotations

from watchdog.model.frames import UTC_DTYPE, Column, Frame

# Alerts that are open in an Alertmanager and come from others.
FOREIGN_ALERTS = Frame(
    name="foreign_alerts",
    key=("fingerprint",),
    columns={
        "fingerprint": Column("string", doc="Alertmanager's own id of the alert."),
        "alertname": Column("string", doc="Quotes others, as all texts here."),
        "severity": Column("string", doc="As its sender writes it; '' where there is none."),
        "state": Column("string", doc="active, suppressed (silenced or inhibited) or unprocessed."),
        "node": Column("string", doc="From the labels that usually name one, short; '' where there is none."),
        "started_at": Column(UTC_DTYPE, nullable=True),
        "updated_at": Column(UTC_DTYPE, nullable=True),
        "summary": Column("string"),
        "description": Column("string"),
        "labels": Column("string", doc='All others, as `name="value", …`.'),
        "receivers": Column("string", doc="Who is told, by Alertmanager's names."),
    },
)
