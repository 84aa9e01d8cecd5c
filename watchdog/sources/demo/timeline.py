"""What happens when: actions in the order of their instants."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Action = Callable[[float], None]


class Timeline:
    """A queue of actions in story seconds; those of one instant run in the order they were put in."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Action]] = []
        self._count = 0

    def at(self, instant: float, action: Action) -> None:
        """Let `action(instant)` happen then."""
        self._count += 1
        heapq.heappush(self._heap, (instant, self._count, action))

    def run_until(self, instant: float) -> None:
        """Do everything due up to and including the instant."""
        while self._heap and self._heap[0][0] <= instant:
            due, _, action = heapq.heappop(self._heap)
            action(due)
