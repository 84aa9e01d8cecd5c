"""One tick for all alerts: what the rules say moves each of them on, and new ones find their incident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from watchdog.alerts import grouping, machine, titles
from watchdog.alerts.board import worst_first
from watchdog.alerts.book import Book
from watchdog.alerts.draft import Draft
from watchdog.model.alerts import Alert, AlertState, EventKind, Incident
from watchdog.model.findings import Finding, Judged, Subject
from watchdog.model.rules import Rule

_Moved = tuple[Alert, tuple[machine.Step, ...]]
_NOBODY = Judged()


def take(book: Book, draft: Draft, judged: Mapping[str, Judged], rules: Mapping[str, Rule]) -> None:
    """Move every alert on by one tick, and the incidents with them."""
    moved = [*_ended(book, draft, rules)]
    for rule_id, rule in rules.items():
        if rule_id in judged:
            moved += _stepped(book, draft, rule, judged[rule_id])
    fired = [alert for alert, steps in moved if any(step.kind is EventKind.FIRED for step in steps)]
    touched = {alert.incident_id for alert, steps in moved if steps and alert.incident_id}
    touched |= _place(book, draft, fired, {rule_id: rule.title for rule_id, rule in rules.items()})
    for alert, steps in moved:
        placed = draft.alerts.get(alert.alert_id, alert)
        for step in steps:
            draft.of_alert(placed, step.kind, step.note)
    for incident_id in touched:
        refresh(book, draft, incident_id)


def _ended(book: Book, draft: Draft, rules: Mapping[str, Rule]) -> Iterator[_Moved]:
    gone = [(rule_id, "switched off" if rule_id in rules else "deleted") for rule_id in _unwatched(book, rules)]
    for rule_id, why in gone:
        for alert in [*book.alerts[rule_id].values()]:
            yield _kept(book, draft, alert, *machine.end(alert, draft.at, f"the rule was {why}"))


def _unwatched(book: Book, rules: Mapping[str, Rule]) -> list[str]:
    return [rule_id for rule_id in book.alerts if rule_id not in rules or not rules[rule_id].enabled]


def _stepped(book: Book, draft: Draft, rule: Rule, judged: Judged) -> Iterator[_Moved]:
    """The alerts of one rule that changed in what is kept of them."""
    found = {finding.subject: finding for finding in reversed(judged.findings)}
    known = book.alerts[rule.rule_id]
    for subject in (*found, *(subject for subject in known if subject not in found)):
        alert = known.get(subject)
        seen = _seen(book, draft, (rule.rule_id, subject), judged, found.get(subject))
        after, steps = machine.step(alert, rule, seen, draft.new_id)
        if after is None:
            continue
        if steps or alert is None or _differs(alert, after):
            yield _kept(book, draft, alert, after, steps)
        else:
            known[subject] = after


def _seen(book: Book, draft: Draft, key: tuple[str, Subject], judged: Judged, finding: Finding | None) -> machine.Seen:
    if finding is not None:
        verdict = machine.Verdict.HOLDS
    else:
        verdict = machine.Verdict.BLIND if judged.blind.covers(key[1]) else machine.Verdict.CLEAR
    return machine.Seen(verdict, draft.at, finding, judged.blind.why, book.fires(key), draft.late)


def _differs(before: Alert, after: Alert) -> bool:
    """Whether what must survive a restart changed; the newest reading need not."""
    return (
        before.clear_since != after.clear_since
        or before.unknown_since != after.unknown_since
        or before.since != after.since
        or before.flaps != after.flaps
    )


def _kept(book: Book, draft: Draft, before: Alert | None, after: Alert, steps: tuple[machine.Step, ...]) -> _Moved:
    draft.alerts[after.alert_id] = after
    fires = after.fired_at is not None and (before is None or before.fired_at is None)
    if fires:
        book.fired(after, draft.at)
    else:
        book.put(after)
    return after, steps


def _place(book: Book, draft: Draft, fired: list[Alert], rule_titles: dict[str, str]) -> set[str]:
    """Give each alert that fired its incident; returns the incidents that changed."""
    if not fired:
        return set()
    new = {alert.alert_id for alert in fired}
    recent = [alert for alert in book.recent(draft.at) if alert.alert_id not in new]
    chosen = grouping.causes(fired, recent, book.lost(), book.broken())
    joining, drawn = _by_cause(fired, chosen), _by_cause(recent, chosen)
    touched: set[str] = set()
    for cause, alerts in joining.items():
        target = _target(book, draft, cause, alerts, recent)
        touched |= {target.incident_id, *_join(book, draft, target, alerts, rule_titles)}
        touched |= _merge(book, draft, target, drawn.get(cause, []), rule_titles)
    return touched


def _by_cause(alerts: list[Alert], chosen: Mapping[str, str]) -> dict[str, list[Alert]]:
    """Alerts by the cause that was chosen for them, in their order; the others are left out."""
    found: dict[str, list[Alert]] = {}
    for alert in alerts:
        if alert.alert_id in chosen:
            found.setdefault(chosen[alert.alert_id], []).append(alert)
    return found


def _target(book: Book, draft: Draft, cause: str, alerts: list[Alert], recent: list[Alert]) -> Incident:
    known = book.incidents.get(book.by_cause.get(cause, ""))
    lasting = known is not None and (
        not grouping.is_burst(cause)
        or any(alert.incident_id == known.incident_id for alert in recent)
        or any(alert.finding.check in grouping.SILENT for alert in alerts)
    )
    if known is not None and lasting:
        return known
    first = worst_first(alerts)[0]
    opened = Incident(draft.new_id(), cause, "", first.severity, AlertState.FIRING, draft.at, seen_late=draft.late)
    book.incidents[opened.incident_id] = draft.incidents[opened.incident_id] = opened
    book.by_cause[cause] = opened.incident_id
    return opened


def _join(book: Book, draft: Draft, target: Incident, alerts: list[Alert], rule_titles: dict[str, str]) -> set[str]:
    for alert in alerts:
        draft.alerts[alert.alert_id] = book.move(alert, target.incident_id)
    incident = book.incidents[target.incident_id]
    words = titles.title(incident.cause, worst_first(book.members(target.incident_id)), rule_titles)
    book.incidents[target.incident_id] = replace(incident, members=incident.members + len(alerts), title=words)
    return {target.incident_id}


def _merge(book: Book, draft: Draft, target: Incident, drawn: list[Alert], rule_titles: dict[str, str]) -> set[str]:
    """Incidents that turn out to be the beginning of a burst go on in it, unless somebody has them already."""
    ids = {alert.alert_id for alert in drawn}
    others = [each for each in dict.fromkeys(alert.incident_id for alert in drawn) if each != target.incident_id]
    merged = [each for each in others if _is_whole(book, each, ids)]
    moved = [alert for each in merged for alert in book.members(each)]
    if moved:
        _join(book, draft, target, moved, rule_titles)
    words = book.incidents[target.incident_id].title
    for incident_id in merged:
        incident = book.incidents[incident_id]
        draft.of_incident(incident, EventKind.MERGED, note=f"goes on as {target.incident_id}: {words}")
        book.incidents[incident_id] = replace(incident, title=f"{incident.title} (goes on as: {words})")
    return set(merged)


def _is_whole(book: Book, incident_id: str, ids: set[str]) -> bool:
    """Whether all of an incident is drawn in, and nobody has it."""
    members = book.members(incident_id)
    return book.incidents[incident_id].ack is None and all(alert.alert_id in ids for alert in members)


def refresh(book: Book, draft: Draft, incident_id: str) -> None:
    """Count an incident's members again; it is over with the last of them."""
    incident, members = book.incidents[incident_id], book.members(incident_id)
    if not members:
        _close(book, draft, incident)
        return
    firing = any(alert.state is AlertState.FIRING for alert in members)
    kept = replace(
        incident,
        state=AlertState.FIRING if firing else AlertState.UNKNOWN,
        severity=max((alert.severity for alert in members), key=lambda severity: severity.rank),
        open_members=len(members),
        unknown_told=incident.unknown_told and not firing,
    )
    book.incidents[incident_id] = draft.incidents[incident_id] = kept


def _close(book: Book, draft: Draft, incident: Incident) -> None:
    at = max(draft.at, incident.opened_at)
    closed = replace(incident, state=AlertState.RESOLVED, closed_at=at, open_members=0)
    draft.incidents[incident.incident_id] = closed
    book.close(closed)
    if draft.late and closed.seen_late and not closed.notifications:
        book.missed.append(closed)
