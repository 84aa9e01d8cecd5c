"""What a channel still has to deliver, from the outbox and from the engine's memory, and how it went.

The store may refuse (a full disk) at any moment. Then messages come straight from the engine, outcomes are remembered
here, and both are brought together once it takes writes again: nobody is told twice, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.alerts.notify.outbox import Outbox
from watchdog.alerts.notify.patience import is_due
from watchdog.model.alert_changes import Outgoing
from watchdog.model.alerts import Message
from watchdog.store.outbox import message_of


@dataclass(frozen=True)
class Due:
    """A message to send now."""

    outgoing: Outgoing
    message: Message


class Ledger:
    """One channel's; used by its worker's thread."""

    def __init__(
        self,
        channel: str,
        outbox: Outbox,
        unsaved: Callable[[], Sequence[Outgoing]],
        wanted: Callable[[Message], bool] = lambda _: True,
    ) -> None:
        """Prepare.

        Args:
            channel: its name.
            outbox: what is stored.
            unsaved: messages of all channels that the store does not have yet.
            wanted: whether people are to be told of this at all.
        """
        self._channel, self._outbox, self._unsaved, self._wanted = channel, outbox, unsaved, wanted
        # Outcomes that the store does not have yet, by message.
        self._after: dict[str, Outgoing] = {}

    @property
    def unwritten(self) -> bool:
        """Whether outcomes wait for the store."""
        return bool(self._after)

    def due(self, now: datetime) -> tuple[Due, ...]:
        """What to send now, oldest first: of each incident only the oldest message, so that its end comes last."""
        # In this order: what is saved in between is seen twice rather than not at all.
        unsaved = [each for each in self._unsaved() if each.channel == self._channel]
        kept = self._kept()
        known = {each.message_id: each for each in (*unsaved, *kept)} | self._after
        self._catch_up(kept)
        here = {each.message_id for each in (*unsaved, *kept)}
        open_ = [known[key] for key in here if not (known[key].delivered_at or known[key].failed_at)]
        heads: dict[str, Outgoing] = {}
        for each in self._welcome(sorted(open_, key=lambda each: (each.created_at, each.message_id)), kept):
            heads.setdefault(each.incident_id or each.message_id, each)
        return tuple(Due(each, message_of(each)) for each in heads.values() if is_due(each.next_attempt_at, now))

    def record(self, changed: Iterable[Outgoing]) -> None:
        """Keep how deliveries went: in the store where it has the message, in memory until it does."""
        self._after |= {each.message_id: each for each in changed}
        self._catch_up(self._kept())

    def _kept(self) -> tuple[Outgoing, ...]:
        return self._outbox.ask(lambda store: store.waiting(self._channel)) or ()

    def _catch_up(self, kept: Sequence[Outgoing]) -> None:
        late = [self._after[each.message_id] for each in kept if each.message_id in self._after]
        if late and self._outbox.done(lambda store: store.settle(late)):
            for each in late:
                del self._after[each.message_id]

    def _welcome(self, messages: Sequence[Outgoing], kept: Sequence[Outgoing]) -> list[Outgoing]:
        unwanted = {each.message_id for each in messages if not self._wanted(message_of(each))}
        rows = [each for each in kept if each.message_id in unwanted]
        if rows:
            self._outbox.done(lambda store: store.drop(rows))
        return [each for each in messages if each.message_id not in unwanted]
