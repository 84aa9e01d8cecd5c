"""What could not be read, counted and told in words instead of ending the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from watchdog.base.errors import SourceFormatError

_T = TypeVar("_T")
_MOST = 20


class Problems:
    """Collects what was odd about one answer; alike ones are counted, not repeated."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._examples: dict[str, str] = {}

    def add(self, what: str, example: str = "", count: int = 1) -> None:
        """Note `what`; the first example of it is shown."""
        if count:
            self._counts[what] = self._counts.get(what, 0) + count
            self._examples.setdefault(what, example[:60])

    def read(self, reader: Callable[[str], _T], text: str, what: str) -> _T | None:
        """What `reader` makes of `text`, or None and a note if it cannot be read."""
        try:
            return reader(text)
        except SourceFormatError as error:
            self.add(f"{what} could not be read", str(error))
            return None

    def words(self) -> tuple[str, ...]:
        """A sentence for each kind, the most frequent first; the rarest are left out of a very long list."""
        ordered = sorted(self._counts, key=lambda what: -self._counts[what])
        told = [self._sentence(what) for what in ordered[:_MOST]]
        return (*told, f"and {len(ordered) - _MOST} other kinds") if len(ordered) > _MOST else tuple(told)

    def _sentence(self, what: str) -> str:
        count, example = self._counts[what], self._examples[what]
        times = f"{count} times: " if count > 1 else ""
        return f"{times}{what}" + (f" (such as {example!r})" if example else "")
