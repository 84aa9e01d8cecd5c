"""Batches that the store has not taken yet: kept in order, written later, bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from watchdog.model.alert_changes import Changes, Outgoing

# About 300 MB.
MOST_EVENTS = 500_000


class Unsaved:
    """A queue of batches; beyond `most` events the oldest events are given up, never the state they led to."""

    def __init__(self, most: int = MOST_EVENTS) -> None:
        self._most = most
        self._batches: deque[Changes] = deque()
        self._events = 0
        self.lost = 0

    def add(self, batch: Changes) -> None:
        """Queue a batch."""
        self._batches.append(batch)
        self._events += len(batch.events)
        if self._events > self._most:
            self._give_up()

    def batches(self) -> Sequence[Changes]:
        """What is to be written, oldest first."""
        return tuple(self._batches)

    def written(self, number: int) -> None:
        """The store has everything up to this batch."""
        while self._batches and self._batches[0].number <= number:
            self._events -= len(self._batches.popleft().events)

    def number_from(self, first: int) -> int:
        """Number the batches anew, for a store that was opened late; returns the number of the last one."""
        self._batches = deque(replace(batch, number=first + place) for place, batch in enumerate(self._batches))
        return first + len(self._batches) - 1

    def messages(self) -> tuple[Outgoing, ...]:
        """Messages that the store does not have yet."""
        return tuple(outgoing for batch in self._batches for outgoing in batch.outbox)

    def __len__(self) -> int:
        """How many events wait."""
        return self._events

    def _give_up(self) -> None:
        for place, batch in enumerate(self._batches):
            if self._events <= self._most:
                return
            self._batches[place] = replace(batch, events=())
            self._events -= len(batch.events)
            self.lost += len(batch.events)
