"""Faults between a request and its answer: refusals, late answers, answers that never come."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Fault:
    """What befalls the next `times` requests whose method and whole path match.

    `status` 0 means: the connection closes without an answer. `done` says whether the request takes effect all the same.
    """

    method: str
    path: str
    status: int | None = None
    detail: str = "injected"
    retry_after: int | None = None
    delay_s: float = 0.0
    done: bool = False
    times: int = 1

    def matches(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method == method and re.fullmatch(self.path, path) is not None


class Faults:
    """The faults to come, in the order in which they were asked for; `on_request` is called before each request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self.on_request: Callable[[str, str], None] | None = None

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._waiting.append(fault)
        return fault

    def refuse(self, method: str, path: str, status: int, **more) -> Fault:
        """Answer with `status`; the request has no effect unless `done=True`."""
        return self.add(Fault(method, path, status=status, **more))

    def drop(self, method: str, path: str, **more) -> Fault:
        """The request takes effect, but its answer never comes (`done=False`: it is lost on the way there)."""
        return self.add(Fault(method, path, **({"status": 0, "done": True} | more)))

    def delay(self, method: str, path: str, seconds: float, **more) -> Fault:
        """The request takes effect at once, the answer comes late."""
        return self.add(Fault(method, path, delay_s=seconds, done=True, **more))

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets; it counts down."""
        if self.on_request:
            self.on_request(method, path)
        with self._lock:
            for fault in self._waiting:
                if fault.matches(method, path):
                    fault.times -= 1
                    return fault
        return None
