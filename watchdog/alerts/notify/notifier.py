"""Looks into the outbox every second and has each channel's worker deliver what is due."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from watchdog.alerts.engine import AlertEngine
from watchdog.alerts.notify.apprise_channel import AppriseChannel
from watchdog.alerts.notify.channel import DEADLINE_SECONDS, Channel, send_within
from watchdog.alerts.notify.ledger import Ledger
from watchdog.alerts.notify.letter import trial
from watchdog.alerts.notify.outbox import Outbox
from watchdog.alerts.notify.worker import Worker, WorkerState
from watchdog.base.clock import Clock
from watchdog.base.errors import ActionError, NotDeliveredError
from watchdog.model.alert_changes import Outgoing
from watchdog.model.alerts import Message
from watchdog.model.findings import Severity
from watchdog.services.history import History
from watchdog.store.outbox import Backlog, OutboxStore, after_failure, message_of

_STOP_SECONDS = 12.0


@dataclass(frozen=True)
class ChannelStatus:
    """A channel for people; tells no secret.

    Attributes:
        waiting, dead: messages that are not delivered yet, and that were given up; None while the store refuses.
        success_at: when something arrived last, in this process or before; None where that is not known.
        error, error_at: of the last attempt, if it failed.
        delivered, failed, gave_up: since this process began.
    """

    name: str
    description: str
    waiting: int | None = None
    dead: int | None = None
    success_at: datetime | None = None
    error: str = ""
    error_at: datetime | None = None
    delivered: int = 0
    failed: int = 0
    gave_up: int = 0


@dataclass(frozen=True)
class DeadLetter:
    """A message that was given up. `title` quotes the cluster."""

    message_id: str
    channel: str
    kind: str
    incident_id: str
    title: str
    created_at: datetime
    failed_at: datetime | None
    attempts: int
    error: str


@dataclass(frozen=True)
class Terms:
    """How people want to be told.

    Attributes:
        least: the least severity that they are told of.
        per_minute: the most messages a minute and channel.
        link: the page of alerts; '' for none.
        deadline: seconds until an attempt has failed.
    """

    least: Severity = Severity.WARNING
    per_minute: int = 20
    link: str = ""
    deadline: float = DEADLINE_SECONDS


class Notifier:
    """One a process; `run` in a thread of its own, everything else from any."""

    def __init__(
        self,
        channels: Sequence[Channel],
        engine: AlertEngine,
        history: History,
        clock: Clock,
        terms: Terms = Terms(),
    ) -> None:
        """Prepare; nothing is sent yet."""
        self._engine, self._history, self._clock, self._terms = engine, history, clock, terms
        self._outbox = Outbox(history)
        self._workers = {each.name: self._worker(each) for each in channels}

    def _worker(self, channel: Channel) -> Worker:
        ledger = Ledger(channel.name, self._outbox, self._engine.unsaved_messages, self._wanted)
        return Worker(channel, ledger, self._clock, self._terms.per_minute, self._terms.deadline)

    def _wanted(self, message: Message) -> bool:
        # People who were told that something is critical are told that it is over, however it eased before.
        worst = max(message.incident.severity, message.incident.told_severity or Severity.INFO, key=lambda s: s.rank)
        return worst.rank >= self._terms.least.rank

    # The loop

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set; then finish what is under way, if that is quick."""
        threads = [self._thread(worker.run, stop, name) for name, worker in self._workers.items()]
        threads += [self._thread(self._prepare, stop, "prepare")]
        try:
            while not stop.wait(1.0):
                self.look()
        finally:
            until = self._clock.monotonic() + _STOP_SECONDS
            for thread in threads:
                thread.join(max(0.0, until - self._clock.monotonic()))
            self._outbox.close()

    def _thread(self, run: Callable[[threading.Event], None], stop: threading.Event, name: str) -> threading.Thread:
        thread = threading.Thread(target=run, args=(stop,), name=f"watchdog-notify-{name}", daemon=True)
        thread.start()
        return thread

    def _prepare(self, stop: threading.Event) -> None:
        """Read the URLs while all is well: the hour of need is a bad time to find that one is wrong."""
        for worker in self._workers.values():
            if isinstance(worker.channel, AppriseChannel) and not stop.is_set():
                try:
                    worker.channel.prepare()
                except NotDeliveredError as error:
                    worker.note(str(error))

    def look(self) -> None:
        """Wake the workers that have something to do."""
        backlogs = self._backlogs() or {}
        unsaved = {each.channel for each in self._engine.unsaved_messages()}
        for name, worker in self._workers.items():
            if name in unsaved or worker.unwritten or backlogs.get(name, Backlog()).waiting:
                worker.wake()
        self._bury([name for name, each in backlogs.items() if each.waiting and name not in self._workers])

    def _bury(self, names: Sequence[str]) -> None:
        """Messages to channels that are not set up any more are dead letters at once, where people see them."""
        error = "no channel of this name is set up any more"
        for name in names:
            self._outbox.done(partial(_give_up, channel=name, at=self._clock.now(), error=error))

    # What pages ask and do

    def channels(self) -> tuple[ChannelStatus, ...]:
        """Every channel that is set up, in the order of the settings."""
        backlogs = self._backlogs()
        return tuple(_status(each, backlogs) for each in self._workers.values())

    def test(self, channel: str) -> str:
        """Send a test now and wait for it, up to a minute; how it went, in words."""
        worker = self._known(channel)
        started, what = self._clock.monotonic(), trial(uuid.uuid4().hex, self._clock.now(), self._terms.link)
        try:
            send_within(worker.channel, what, self._terms.deadline)
        except NotDeliveredError as error:
            worker.note(str(error))
            return f"not delivered: {error}" + (f" {error.hint}" if error.hint else "")
        worker.note("")
        return f"delivered in {self._clock.monotonic() - started:.1f} s"

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Messages that were given up, newest first; StoreError where the store is not to be had."""
        return tuple(_dead(each) for each in OutboxStore(self._history.store()).dead())

    def again(self, message_id: str, channel: str) -> None:
        """Try a dead letter once more, at once.

        Raises:
            ActionError: its channel is not set up any more.
            StoreError: the store is not to be had.
        """
        worker = self._known(channel)
        OutboxStore(self._history.store()).again(message_id, channel)
        worker.resume()

    def states(self) -> dict[str, WorkerState]:
        """How each channel has done since this process began."""
        return {name: worker.state for name, worker in self._workers.items()}

    def _known(self, channel: str) -> Worker:
        if channel not in self._workers:
            raise ActionError("no channel of this name is set up", hint="See WATCHDOG_NOTIFY_URLS.")
        return self._workers[channel]

    def _backlogs(self) -> dict[str, Backlog] | None:
        return self._outbox.ask(lambda store: store.backlogs())


def _give_up(store: OutboxStore, channel: str, at: datetime, error: str) -> None:
    store.settle([after_failure(each, at, error, None) for each in store.waiting(channel)])


def _status(worker: Worker, backlogs: dict[str, Backlog] | None) -> ChannelStatus:
    known, backlog = backlogs is not None, (backlogs or {}).get(worker.channel.name, Backlog())
    state = worker.state
    return ChannelStatus(
        name=worker.channel.name,
        description=worker.channel.description,
        waiting=backlog.waiting if known else None,
        dead=backlog.dead if known else None,
        success_at=state.success_at or backlog.delivered_at,
        error=state.error,
        error_at=state.failed_at if state.error else None,
        delivered=state.delivered,
        failed=state.failed,
        gave_up=state.gave_up,
    )


def _dead(outgoing: Outgoing) -> DeadLetter:
    return DeadLetter(
        message_id=outgoing.message_id,
        channel=outgoing.channel,
        kind=outgoing.kind,
        incident_id=outgoing.incident_id,
        title=message_of(outgoing).incident.title,
        created_at=outgoing.created_at,
        failed_at=outgoing.failed_at,
        attempts=outgoing.attempts,
        error=outgoing.error,
    )
