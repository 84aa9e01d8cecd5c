"""A store that opens only after alerts were watched in memory for a while: what it knows and what was seen, as one."""

from __future__ import annotations

from watchdog.alerts import machine, stepping
from watchdog.alerts.book import Book
from watchdog.alerts.draft import Draft
from watchdog.model.alert_changes import Saved


def adopt(book: Book, draft: Draft, saved: Saved) -> None:
    """Add what `saved` knows to `book`. An alert in both goes on as the one in memory; the stored one ends."""
    old = Book(saved)
    for alert in [*old.open_alerts(), *old.pending()]:
        present = book.alerts[alert.rule_id].get(alert.subject)
        if present is None:
            continue
        why = f"goes on as {present.alert_id}: the store could not be read for a while"
        after, steps = machine.end(alert, draft.at, why)
        old.put(after)
        draft.alerts[after.alert_id] = after
        for step in steps:
            draft.of_alert(after, step.kind, step.note)
    for incident_id in [*old.incidents]:
        stepping.refresh(old, draft, incident_id)
    _merge(book, old)


def _merge(book: Book, old: Book) -> None:
    book.incidents |= old.incidents
    book.by_cause = old.by_cause | book.by_cause
    book.silences = old.silences | book.silences
    book.marks = old.marks | book.marks
    book.missed += old.missed
    for alert in [*old.open_alerts(), *old.pending()]:
        book.put(alert)
    book.remember_all(old)
