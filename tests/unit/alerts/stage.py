"""A watched cluster whose checks say what a test tells them to, and a store in memory that can refuse."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

from tests.conftest import NOON
from watchdog.alerts.engine import AlertEngine, Watched
from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts
from watchdog.base.clock import FakeClock
from watchdog.base.errors import StoreFullError
from watchdog.model.alert_changes import Saved
from watchdog.model.alerts import AlertState
from watchdog.model.findings import Blind, Finding, Judged, Severity, Subject
from watchdog.model.rules import Rule

# Its empty frames cost more than a tick.
NOTHING = Facts(NOON)
CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


def gpu(number: int = 0, node: str = "gpu01") -> Subject:
    return Subject(node=node, gpu_uuid=f"GPU-{node}-{number}")


def finding(subject: Subject, check: str = "hot", severity: Severity = WARNING, **changes) -> Finding:
    index = int(subject.gpu_uuid.rsplit("-", 1)[-1]) if subject.gpu_uuid else None
    base = Finding(check, severity, subject, f"{check} on {subject.node}", "Look.", "ours", gpu_index=index)
    return replace(base, **changes)


def rule(check: str = "hot", **changes) -> Rule:
    return replace(Rule(check.replace("_", "-"), check.replace("_", " ").capitalize(), check=check), **changes)


@dataclass
class Shelf:
    """What AlertStore does, in memory; `refuses` makes it fail, `fails_after` after it has written."""

    refuses: bool = False
    fails_after: bool = False
    number: int = 0
    alerts: dict = field(default_factory=dict)
    incidents: dict = field(default_factory=dict)
    events: list = field(default_factory=list)
    outbox: list = field(default_factory=list)
    silences: dict = field(default_factory=dict)
    rules: dict = field(default_factory=dict)
    marks: dict = field(default_factory=dict)

    def save(self, batches) -> int:
        self.check()
        for batch in batches:
            if batch.number > self.number:
                self._take(batch)
        if self.fails_after:
            raise StoreFullError("the disk is full, but the commit went through")
        return self.number

    def _take(self, batch) -> None:
        self.number = batch.number
        for alert in batch.alerts:
            self.alerts[alert.alert_id] = alert
            if alert.state is AlertState.RESOLVED and alert.fired_at is None:
                del self.alerts[alert.alert_id]
        self.incidents |= {each.incident_id: each for each in batch.incidents}
        self.events += batch.events
        self.outbox += batch.outbox
        self.silences |= {each.silence_id: each for each in batch.silences}
        self.rules |= {each.rule_id: each for each in batch.rules}
        self.marks |= batch.marks
        self.marks = {name: at for name, at in self.marks.items() if at is not None}

    def load(self, fired_since) -> Saved:
        self.check()
        alerts = [*self.alerts.values()]
        fired = [(a.rule_id, a.subject, a.fired_at) for a in alerts if a.fired_at and a.fired_at >= fired_since]
        closed = [i for i in self.incidents.values() if i.closed_at is not None]
        gap = self.marks.get("gap")
        return Saved(
            self.number,
            tuple(a for a in alerts if a.state is not AlertState.RESOLVED),
            tuple(i for i in self.incidents.values() if i.closed_at is None),
            tuple(fired),
            tuple(i for i in closed if gap and i.seen_late and not i.notifications and i.opened_at >= gap),
            tuple(self.silences.values()),
            tuple(self.rules.values()),
            dict(self.marks),
        )

    def expire(self, *ages) -> None:
        self.check()

    def check(self) -> None:
        if self.refuses:
            raise StoreFullError("the disk is full", hint="Free space.")


class ShelfHistory:
    """Stands for History: hands the shelf to whoever asks."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.error = shelf, None

    def attempt(self, action):
        try:
            result = action(self.shelf)
        except StoreFullError as error:
            self.error = error
            return None
        self.error = None
        return result

    def done(self, action) -> bool:
        return bool(self.attempt(lambda store: (action(store),)))


class Stage:
    """An engine on a shelf (or on a real `history`), with checks that find what `see` was told."""

    def __init__(self, *rules: Rule, channels=("mail",), history=None) -> None:
        self.rules = rules or (rule(),)
        self.clock = FakeClock(NOON)
        self.shelf = Shelf()
        self.history = history or ShelfHistory(self.shelf)
        self.channels = channels
        self.found: dict[str, Judged] = {}
        self._ids = count(1)
        self.engine = self.start()

    def start(self) -> AlertEngine:
        """A new engine, as after a restart."""
        checks = {each.check: self._check(each.check) for each in self.rules}
        self.engine = AlertEngine(
            self.history,
            self.clock,
            channels=lambda: self.channels,
            new_id=lambda: f"id-{next(self._ids)}",
            link_base="http://watchdog",
            watched=Watched(self.rules, checks),
        ).open()
        return self.engine

    def _check(self, key: str) -> Check:
        return Check(key, key, "", "", lambda facts: self.found.get(key, Judged()))

    def see(self, *findings: Finding, blind: Blind | None = None, seconds: float = 15, late: bool = False, times=1):
        """Tick `times`, each `seconds` later, while exactly these findings hold."""
        for _ in range(times):
            self.clock.sleep(seconds)
            blindness = blind or Blind()
            keys = {each.check for each in self.rules}
            self.found = {key: Judged(tuple(each for each in findings if each.check == key), blindness) for key in keys}
            self.engine.tick(replace(NOTHING, at=self.clock.now()), seen_late=late)
        return self

    def wait(self, *findings: Finding, minutes: float, blind: Blind | None = None):
        """Tick every minute for so long."""
        return self.see(*findings, blind=blind, seconds=60, times=int(minutes))

    @property
    def incidents(self):
        return [each.incident for each in self.engine.board().incidents]

    @property
    def alerts(self):
        return [alert for each in self.engine.board().incidents for alert in each.alerts]

    @property
    def kinds(self) -> list[str]:
        """The kinds of all events, in order."""
        return [event.kind.value for event in self.shelf.events]

    @property
    def told(self) -> list[str]:
        """The kinds of all messages, in order."""
        return [str(each.kind) for each in self.shelf.outbox]

    def told_of(self, incident_id: str) -> Counter:
        return Counter(str(each.kind) for each in self.shelf.outbox if each.incident_id == incident_id)


HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
