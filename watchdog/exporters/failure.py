"""Why a collection failed, in a word a metric can carry."""

from __future__ import annotations

from watchdog.base.errors import SourceUnavailableError


class CollectError(SourceUnavailableError):
    """A collection gave nothing; `reason` is one of a handful of words, the value of a label."""

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
