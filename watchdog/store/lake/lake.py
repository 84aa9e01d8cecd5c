"""The copy of history, kept fresh: spans that are over are written once, only what changed is written again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from watchdog.base.clock import Clock
from watchdog.model.tables import TABLES
from watchdog.store.changes import identity
from watchdog.store.database import Store
from watchdog.store.lake import manifest as manifests
from watchdog.store.lake.files import write
from watchdog.store.lake.manifest import LAYOUT, Entry, Manifest
from watchdog.store.lake.pieces import SETTLED, TABLE_OF, Piece, pieces
from watchdog.store.lake.samples import read_samples
from watchdog.store.lake.small import SMALL, read_small
from watchdog.store.tiers import TIERS
from watchdog.store.translate import translated

# A state younger than this is new enough; one that took long to write is kept twenty times as long as that took.
_FRESH = timedelta(seconds=15)
_REST = 20
_OLD = timedelta(minutes=10)
# Longer than any question may take (sandbox.limits.LONGEST_SECONDS).
_LINGER = timedelta(minutes=5)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Snapshot:
    """One state of history in files; they stay for five minutes after a newer state is there.

    Attributes:
        taken_at: rows written to the store after this are not in it.
        files: Parquet files of each documented table; none where it has no rows.
        file_bytes, rows: of all files together.
    """

    folder: Path
    taken_at: datetime
    files: Mapping[str, tuple[Path, ...]]
    file_bytes: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)


def lake_folder(database: Path) -> Path:
    """Where the copy of a database lies: `history` beside `watchdog.duckdb`, `demo-history` beside `demo.duckdb`."""
    own = "" if database.stem == "watchdog" else f"{database.stem}-"
    return database.with_name(f"{own}history")


def latest(folder: Path) -> Snapshot | None:
    """The newest state that some process has written; None where there is none."""
    found = manifests.load(folder)
    return _snapshot(folder, found) if found else None


class Lake:
    """The copy of one store in `folder`; safe to use from many threads of the process that owns the store.

    Methods may raise StoreError; what was written before then is used by the next call.
    """

    def __init__(self, folder: Path, clock: Clock, rates: Mapping[str, float] | None = None) -> None:
        """Prepare; `rates`: dollars a GPU-hour by GPU type, as `Config.gpu_rates`."""
        self.folder = folder.resolve()
        self._clock = clock
        self._rates = dict(rates or {})
        self._lock = threading.Lock()
        self._manifest: Manifest | None = None
        self._cost = timedelta()

    def snapshot(self, store: Store, progress: Progress | None = None) -> Snapshot:
        """A state that is at most some seconds old; `progress` is told how many of how many spans are written."""
        with self._lock, translated(self.folder):
            manifest = self._opened(store)
            now = self._clock.now()
            age = now - manifest.taken_at if manifest.taken_at else None
            if age is None or not timedelta() <= age < max(_FRESH, _REST * self._cost):
                manifest = self._renewed(store, now, progress)
            found = _snapshot(self.folder, manifest)
            assert found
            return found

    def tend(self, store: Store, most: int = 1) -> int:
        """Write up to `most` spans that are over and not written yet; returns how many. For a loop in the background.

        With nothing left to write ahead, a state that is old is renewed, for readers that cannot ask: exports beside
        a running server.
        """
        with self._lock, translated(self.folder):
            taken_at = self._opened(store).taken_at
            over = self._clock.now() - SETTLED
            due = [piece for piece in self._plan(store) if piece.until <= over and self._entry(piece) is None][:most]
            for piece in due:
                self._write_ahead(store, piece)
            now = self._clock.now()
            if not due and (taken_at is None or not timedelta() <= now - taken_at < _OLD):
                self._renewed(store, now, None)
            return len(due)

    def _opened(self, store: Store) -> Manifest:
        """The manifest, of this store: another store's files are dropped."""
        with store.read() as (cursor, _):
            who = identity(cursor)
        if self._manifest is None:
            self._manifest = manifests.load(self.folder)
            self._drop_strangers()
        if self._manifest is None or self._manifest.identity != who:
            self._manifest = Manifest(LAYOUT, who)
            self._drop_strangers()
        return self._manifest

    def _renewed(self, store: Store, now: datetime, progress: Progress | None) -> Manifest:
        began = self._clock.monotonic()
        plan = self._plan(store)
        due = [piece for piece in plan if self._entry(piece) is None]
        for done, piece in enumerate(due):
            if progress:
                progress(done, len(due))
            self._write_ahead(store, piece)
        assert self._manifest
        known = self._manifest.known()
        entries = (*(known[piece.key] for piece in plan), *self._small(store))
        self._save(self._without_old(self._manifest.with_state(entries, now), now))
        if len(due) <= len(TIERS):
            self._cost = timedelta(seconds=self._clock.monotonic() - began)
        return self._manifest

    def _plan(self, store: Store) -> list[Piece]:
        with store.read() as (cursor, _):
            return [piece for tier in TIERS for piece in pieces(cursor, tier)]

    def _entry(self, piece: Piece) -> Entry | None:
        """What is written of a piece, unless rows have changed since."""
        assert self._manifest
        entry = self._manifest.known().get(piece.key)
        return entry if entry and entry.change == piece.change else None

    def _write_ahead(self, store: Store, piece: Piece) -> None:
        # The number was read before the rows are: a write in between makes the piece due again.
        table = TABLE_OF[piece.tier]
        with store.read() as (cursor, series):
            parts = read_samples(cursor, series, piece.tier, piece.since, piece.until)
            file, count, size = self._written(table, f"{piece.since:%Y-%m-%dT%H}", parts)
        _, since, until = piece.key
        assert self._manifest
        entry = Entry(table, since, until, piece.change, file, count, size)
        self._save(self._manifest.with_entry(entry, self._clock.now()))

    def _small(self, store: Store) -> Iterator[Entry]:
        with store.read() as (cursor, _):
            for table in SMALL:
                rows = read_small(cursor, table, self._rates)
                file, count, size = self._written(table, "all", [rows])
                yield Entry(table, "", "", 0, file, count, size)

    def _written(self, table: str, name: str, parts: Iterable[pa.Table]) -> tuple[str, int, int]:
        """Write a new file; its name, rows and size. No rows, no file."""
        assert self._manifest
        self._manifest = replace(self._manifest, serial=self._manifest.serial + 1)
        file = f"{table}/{name}.{self._manifest.serial}.parquet"
        count = write(self.folder / file, parts)
        return (file, count, (self.folder / file).stat().st_size) if count else ("", 0, 0)

    def _save(self, manifest: Manifest) -> None:
        manifests.save(self.folder, manifest)
        self._manifest = manifest

    def _without_old(self, manifest: Manifest, now: datetime) -> Manifest:
        """With files deleted that no question can be reading any more."""
        gone = [file for file, since in manifest.old if not timedelta() <= now - since < _LINGER]
        for file in gone:
            (self.folder / file).unlink(missing_ok=True)
        return replace(manifest, old=tuple(each for each in manifest.old if each[0] not in gone))

    def _drop_strangers(self) -> None:
        """Delete files that a killed process left, or that are of another store or layout."""
        manifest = self._manifest
        known = {entry.file for entry in (*manifest.entries, *manifest.ready)} if manifest else set()
        known |= {file for file, _ in manifest.old} if manifest else set()
        for table in TABLES:
            for path in (self.folder / table).glob("*"):
                if f"{table}/{path.name}" not in known:
                    path.unlink(missing_ok=True)


def _snapshot(folder: Path, manifest: Manifest) -> Snapshot | None:
    if manifest.taken_at is None:
        return None
    files: dict[str, list[Path]] = {name: [] for name in TABLES}
    rows = dict.fromkeys(TABLES, 0)
    for entry in manifest.entries:
        rows[entry.table] += entry.rows
        if entry.file:
            files[entry.table].append(folder / entry.file)
    size = sum(entry.file_bytes for entry in manifest.entries)
    return Snapshot(folder, manifest.taken_at, {name: tuple(paths) for name, paths in files.items()}, size, rows)
