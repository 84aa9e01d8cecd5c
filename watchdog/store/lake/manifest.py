"""What files there are: read and replaced as a whole, so that every reader sees one state."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec

# Another layout of files or tables gets another number, and everything is written anew.
LAYOUT = 1
_NAME = "manifest.json"


@dataclass(frozen=True)
class Entry:
    """One file, or the knowledge that a span has no rows (`file` is "").

    Attributes:
        since, until: of a piece, ISO 8601; "" for a table that is copied as a whole.
        change: of the piece, when it was written.
        file: relative to the folder.
    """

    table: str
    since: str
    until: str
    change: int
    file: str
    rows: int
    file_bytes: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is the file of."""
        return self.table, self.since, self.until


@dataclass(frozen=True)
class Manifest:
    """The state of the copy.

    Attributes:
        identity: of the store it is a copy of.
        taken_at: when the newest state was read; None before the first.
        entries: what a reader sees.
        ready: pieces that were written ahead, for the next state.
        old: files that readers may still have open, and since when nobody new opens them.
    """

    layout: int
    identity: str
    taken_at: datetime | None = None
    serial: int = 0
    entries: tuple[Entry, ...] = ()
    ready: tuple[Entry, ...] = ()
    old: tuple[tuple[str, datetime], ...] = ()

    def known(self) -> dict[tuple[str, str, str], Entry]:
        """Everything written, by what it is the file of."""
        return {entry.key: entry for entry in (*self.entries, *self.ready)}

    def with_entry(self, entry: Entry, now: datetime) -> Manifest:
        """With a piece written ahead."""
        before = [each.file for each in self.ready if each.key == entry.key and each.file]
        ready = (*(each for each in self.ready if each.key != entry.key), entry)
        return replace(self, ready=ready, old=(*self.old, *((file, now) for file in before)))

    def with_state(self, entries: tuple[Entry, ...], now: datetime) -> Manifest:
        """With a new state; files it does not name become old."""
        kept = {entry.file for entry in entries}
        gone = {entry.file for entry in (*self.entries, *self.ready)} - kept - {""}
        return replace(
            self, entries=entries, ready=(), taken_at=now, old=(*self.old, *((file, now) for file in sorted(gone)))
        )


def load(folder: Path) -> Manifest | None:
    """The manifest of `folder`; None where there is none, or one of another layout or damaged."""
    try:
        found = msgspec.json.decode((folder / _NAME).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None
    return found if found.layout == LAYOUT else None


def save(folder: Path, manifest: Manifest) -> None:
    """Put it in the place of the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{_NAME}.{os.getpid()}.new"
    fresh.write_bytes(msgspec.json.encode(manifest))
    fresh.replace(folder / _NAME)
