"""What people do: acknowledge, note, silence. Whoever comes too late is told by whom and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from watchdog.alerts import silences, texts
from watchdog.alerts.book import Book
from watchdog.alerts.draft import Draft
from watchdog.base.errors import ActionError
from watchdog.model.alerts import Acknowledgement, EventKind, Incident, Silence


def acknowledge(
    book: Book, draft: Draft, incident_id: str, ack: Acknowledgement, expected: Acknowledgement | None
) -> None:
    """Take an incident, if it is still acknowledged as `expected` (None = by nobody).

    Raises:
        ActionError: somebody else was quicker; it just resolved; no name; an end that has passed.
            That it was tried in vain is an event, too.
    """
    ack = replace(ack, by=texts.name(ack.by), note=texts.note(ack.note))
    incident = _open(book, incident_id)
    if incident.ack != expected:
        draft.of_incident(incident, EventKind.NOTED, ack.by, f"wanted to acknowledge: {ack.note}".rstrip(": "))
        raise _too_late(incident)
    if ack.until is not None and ack.until <= draft.at:
        raise ActionError("the acknowledgement would end in the past", hint="Choose a later end, or none.")
    worst = max(incident.told_severity or incident.severity, incident.severity, key=lambda each: each.rank)
    _keep(book, draft, replace(incident, ack=ack, told_severity=worst))
    until = f"until {ack.until:%Y-%m-%d %H:%M} UTC" if ack.until else ""
    draft.of_incident(incident, EventKind.ACKNOWLEDGED, ack.by, "; ".join(filter(None, (ack.note, until))))


def end_acknowledgement(book: Book, draft: Draft, incident_id: str, by: str) -> None:
    """Give an incident back: reminders go on."""
    by, incident = texts.name(by), _open(book, incident_id)
    if incident.ack is None:
        raise ActionError("it is not acknowledged", hint="Somebody was quicker, or its end has passed.")
    _keep(book, draft, replace(incident, ack=None))
    draft.of_incident(incident, EventKind.ACK_ENDED, by, f"it was {incident.ack.by}'s")


def note(book: Book, draft: Draft, incident_id: str, by: str, text: str) -> None:
    """Write something down about an incident, be it open or over."""
    words = texts.note(text)
    if not words:
        raise ActionError("the note is empty", hint="Write something.")
    by = texts.name(by)
    incident = book.incidents.get(incident_id)
    if incident is None:
        draft.aside(EventKind.NOTED, by, words, incident_id=incident_id)
    else:
        draft.of_incident(incident, EventKind.NOTED, by, words)


def silence(book: Book, draft: Draft, wanted: Silence) -> None:
    """Keep a silence."""
    kept = silences.checked(wanted, draft.at)
    book.silences[kept.silence_id] = draft.silences[kept.silence_id] = kept
    draft.aside(EventKind.SILENCED, kept.by, f"{_meant(kept)} until {kept.ends_at:%Y-%m-%d %H:%M} UTC; {kept.note}")


def end_silence(book: Book, draft: Draft, silence_id: str, by: str) -> None:
    """End a silence now; one that has not begun never will."""
    by, known = texts.name(by), book.silences.get(silence_id)
    if known is None:
        raise ActionError("that silence is over already", hint="Nothing is left to do.")
    ended = replace(known, ends_at=draft.at, starts_at=min(known.starts_at, draft.at))
    del book.silences[silence_id]
    draft.silences[silence_id] = ended
    draft.aside(EventKind.UNSILENCED, by, _meant(known))


def _open(book: Book, incident_id: str) -> Incident:
    incident = book.incidents.get(incident_id)
    if incident is None:
        closed = book.closed_at(incident_id)
        when = f"it resolved at {_time(closed)}" if closed else "no such incident is open"
        raise ActionError(when, hint="Nothing is left to acknowledge; it is in the history.")
    return incident


def _too_late(incident: Incident) -> ActionError:
    if incident.ack is None:
        return ActionError("nobody has it any more", hint="The acknowledgement has ended meanwhile: try again.")
    by, at = incident.ack.by, _time(incident.ack.at)
    return ActionError(f"already acknowledged by {by} at {at}", hint="Look at the note, or take it over.")


def _time(at: datetime) -> str:
    return f"{at:%H:%M} UTC"


def _meant(silence: Silence) -> str:
    parts = {"nodes": silence.nodes, "rules": silence.rules, "gpus": silence.gpus, "jobs": silence.jobs}
    return ", ".join(f"{name} {' '.join(patterns)}" for name, patterns in parts.items() if patterns)


def _keep(book: Book, draft: Draft, incident: Incident) -> None:
    book.incidents[incident.incident_id] = draft.incidents[incident.incident_id] = incident
