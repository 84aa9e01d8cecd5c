"""Progress for people: a bar that says what it waits for on a terminal, a line for each change elsewhere."""

from __future__ import annotations

from typing import TextIO

_WIDTH = 20
_COLUMNS = 110


class Progress:
    """Writes to a stream; on a terminal a waiting line is drawn over itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn = False
        self._last = ""

    def say(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def waiting(self, done: int, total: int, seconds: float, for_what: str) -> None:
        """How far it is, since when, and for what it waits."""
        full = _WIDTH * done // max(total, 1)
        bar = f"[{'#' * full}{'.' * (_WIDTH - full)}] {done} of {total} ready"
        if self._stream.isatty():
            line = f"{bar}, {seconds // 60:.0f}:{seconds % 60:02.0f}, waiting for {for_what}"[:_COLUMNS]
            self._stream.write(f"\r\x1b[K{line}")
            self._stream.flush()
            self._drawn = True
        elif f"{bar} {for_what}" != self._last:
            self._last = f"{bar} {for_what}"
            self.say(f"{bar}, waiting for {for_what}")

    def _clear(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._drawn = False
