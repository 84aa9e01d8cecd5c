"""A watched cluster with a real outbox, and channels that do as a test tells them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tests.conftest import NOON
from tests.unit.alerts.stage import Stage, rule
from watchdog.alerts.notify.letter import Letter
from watchdog.alerts.notify.notifier import Notifier, Terms
from watchdog.base.clock import FakeClock
from watchdog.base.errors import NotDeliveredError, StoreFullError
from watchdog.model.telemetry import Window
from watchdog.services.history import History
from watchdog.store.alerts import AlertStore
from watchdog.store.outbox import OutboxStore


@dataclass
class FakeChannel:
    """Keeps what it is sent; fails with `error` while there is one, waits for `gate` if there is one."""

    name: str = "mail"
    description: str = "fake"
    limited: bool = True
    error: str = ""
    refuses: str = ""
    gate: threading.Event | None = None
    sent: list[Letter] = field(default_factory=list)
    tried: int = 0

    def send(self, letter: Letter) -> None:
        self.tried += 1
        if self.gate:
            self.gate.wait(20)
        if self.error or (self.refuses and self.refuses in letter.title):
            raise NotDeliveredError(self.error or "it answered 400")
        self.sent.append(letter)


class FullDisk(History):
    """A history whose store refuses while `full`."""

    full = False

    def store(self):
        if self.full:
            raise StoreFullError("the disk is full", hint="Free space.")
        return super().store()


class Post:
    """An engine, its outbox on disk, and a notifier that is turned by hand."""

    def __init__(self, folder, *channels: FakeChannel, terms: Terms | None = None, rules=()) -> None:
        self.channels = channels or (FakeChannel(),)
        self.history = FullDisk(folder / "watchdog.duckdb", FakeClock(NOON))
        self.stage = Stage(*(rules or (rule(),)), channels=[each.name for each in self.channels], history=self.history)
        self.clock = self.stage.clock
        self.terms = terms or Terms()
        self.start()

    def start(self) -> Notifier:
        """A new notifier, as after a restart."""
        self.notifier = Notifier(self.channels, self.stage.engine, self.history, self.clock, self.terms)
        return self.notifier

    def turn(self, seconds: float = 0, times: int = 1):
        """Let every channel send what is due, `times`, each `seconds` later."""
        for _ in range(times):
            self.clock.sleep(seconds)
            self.notifier.look()
            for worker in self.notifier._workers.values():
                worker.turn(threading.Event())
        return self

    @property
    def outbox(self) -> OutboxStore:
        return OutboxStore(self.history.store())

    @property
    def steps(self) -> list[str]:
        """The kinds of all events in the history, in order."""
        window = Window(NOON.replace(year=2020), NOON.replace(year=2030))
        return [*AlertStore(self.history.store()).events(window)["kind"]][::-1]
