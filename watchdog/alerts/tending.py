"""What is due for open incidents at each tick: acknowledgements that run out, silences, messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from watchdog.alerts import messages, silences
from watchdog.alerts.book import Book
from watchdog.alerts.draft import Draft
from watchdog.model.alerts import Alert, AlertState, EventKind, Incident, MessageKind


@dataclass(frozen=True, slots=True)
class Post:
    """To which channels messages go, and where their links lead ('' for nowhere)."""

    channels: tuple[str, ...] = ()
    link_base: str = ""

    def link(self, incident: Incident) -> str:
        """Where the page shows this incident."""
        return f"{self.link_base}/alerts?incident={incident.incident_id}" if self.link_base else ""


def tend(book: Book, draft: Draft, post: Post) -> None:
    """Do what is due for each open incident, and tell of those that are over. Of a gap only ends are told."""
    lost = frozenset(book.lost())
    for incident, alerts in _all(book, draft):
        ack_ended = False
        if incident.state is not AlertState.RESOLVED and not draft.late:
            incident, ack_ended = _ack(draft, incident)  # noqa: PLW2901
            incident = _silence(book, draft, incident, alerts)  # noqa: PLW2901
        explained = bool(lost) and all(alert.subject.node in lost for alert in alerts)
        kind = messages.due(incident, messages.Situation(alerts, draft.at, explained, ack_ended))
        if kind is not None and post.channels and (not draft.late or kind is MessageKind.RESOLVED):
            incident = _tell(draft, post, kind, incident, alerts)  # noqa: PLW2901
        _keep(book, draft, incident)


def silence_again(book: Book, draft: Draft) -> None:
    """Mute and unmute at once, for whoever just changed a silence."""
    for incident in [*book.incidents.values()]:
        _keep(book, draft, _silence(book, draft, incident, book.members(incident.incident_id)))


def summarize(book: Book, draft: Draft, post: Post) -> None:
    """One message for all that began and ended in a gap."""
    if book.missed and post.channels:
        message = messages.summary(draft.new_id(), book.missed, draft.at)
        link = f"{post.link_base}/alerts" if post.link_base else ""
        draft.send(replace(message, link=link), post.channels)
    book.missed.clear()


def _all(book: Book, draft: Draft) -> Iterator[tuple[Incident, list[Alert]]]:
    yield from ((each, []) for each in [*draft.incidents.values()] if each.state is AlertState.RESOLVED)
    yield from ((each, book.members(each.incident_id)) for each in [*book.incidents.values()])


def _ack(draft: Draft, incident: Incident) -> tuple[Incident, bool]:
    ack = incident.ack
    if ack is None or ack.until is None or ack.until > draft.at:
        return incident, False
    draft.of_incident(incident, EventKind.ACK_ENDED, ack.by, f"it was until {ack.until:%Y-%m-%d %H:%M} UTC")
    return replace(incident, ack=None), True


def _silence(book: Book, draft: Draft, incident: Incident, alerts: Sequence[Alert]) -> Incident:
    if not book.silences and not incident.silence_id:
        return incident
    found = silences.muting(book.silences.values(), alerts, draft.at)
    silence_id = found.silence_id if found else ""
    if silence_id == incident.silence_id:
        return incident
    changed = replace(incident, silence_id=silence_id)
    if found:
        draft.of_incident(changed, EventKind.SILENCED, found.by, found.note)
    else:
        draft.of_incident(changed, EventKind.UNSILENCED)
    return changed


def _tell(draft: Draft, post: Post, kind: MessageKind, incident: Incident, alerts: Sequence[Alert]) -> Incident:
    after = messages.told(incident, kind, draft.at)
    message = messages.message(draft.new_id(), kind, after, alerts, draft.recorded_at)
    draft.send(replace(message, link=post.link(incident)), post.channels)
    return after


def _keep(book: Book, draft: Draft, incident: Incident) -> None:
    if incident.state is AlertState.RESOLVED:
        draft.incidents[incident.incident_id] = incident
    elif book.incidents[incident.incident_id] is not incident:
        book.incidents[incident.incident_id] = draft.incidents[incident.incident_id] = incident
