"""One line a message on stdout, with role and origin; secrets never."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import IO

_LONGEST = 16384


class Log:
    """Writes `role origin | text`.

    Args:
        role: "head" or "worker".
        secrets: values that are struck out, whoever prints them.
        stream: where lines go.
    """

    def __init__(self, role: str, secrets: Sequence[str] = (), stream: IO[str] | None = None) -> None:
        self._role, self._stream = role, stream or sys.stdout
        self._secrets = sorted(set(secrets), key=len, reverse=True)
        self._lock = threading.Lock()

    def line(self, origin: str, text: str) -> None:
        """One line."""
        clean = "".join(c if c.isprintable() or c == "\t" else "?" for c in text[:_LONGEST])
        for secret in self._secrets:
            clean = clean.replace(secret, "[secret]")
        with self._lock:
            self._stream.write(f"{self._role} {origin} | {clean}\n")
            self._stream.flush()

    def pod(self, text: str) -> None:
        """A line of the entrypoint itself."""
        self.line("pod", text)

    def copy(self, origin: str, stream: IO[bytes]) -> None:
        """Copy a daemon's output until it ends."""
        with stream:
            while line := stream.readline(_LONGEST):
                if text := line.decode(errors="replace").rstrip():
                    self.line(origin, text)
