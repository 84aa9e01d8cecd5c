"""Many pieces of a question at once: threads, splitting, and labels into entries."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec
import numpy as np

from watchdog.base.clock import Clock
from watchdog.base.errors import SourceFormatError, SourceUnavailableError
from watchdog.model.arrays import Floats, Ints
from watchdog.sources.decode import Series
from watchdog.sources.identity import Inventory
from watchdog.sources.promapi import PromApi, QueryTooLargeError
from watchdog.sources.registry import Registry
from watchdog.sources.windows import Piece

_THREADS = 4
_MOST_ENTRIES = 1_000_000
# Raw samples over so long are worth two queries, microseconds.
_LONG_RAW = 1_800_000_000
_LABELS = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True)
class Read:
    """Samples under one exported name.

    Attributes:
        entries: for each series what it stands for.
        series: the samples.
    """

    entries: list[tuple[int, ...]]
    series: Series


def gathered(reads: Sequence[Read], wanted: Collection[int], place: Ints) -> tuple[Ints, Ints, Floats]:
    """Entry, instant and raw value of all samples of `wanted` entries, ordered by `place`, then as read.

    A bit mask's samples are there once for each of its entries.
    """
    if not reads:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)
    entry: list[int] = []
    block: list[int] = []
    first = 0
    for read in reads:
        for number, entries in enumerate(read.entries):
            chosen = [one for one in entries if one in wanted]
            entry += chosen
            block += [first + number] * len(chosen)
        first += len(read.entries)
    at = np.concatenate([read.series.at_micros for read in reads]) if len(reads) > 1 else reads[0].series.at_micros
    raw = np.concatenate([read.series.value for read in reads]) if len(reads) > 1 else reads[0].series.value
    counts = np.concatenate([read.series.counts for read in reads])
    of, which = np.array(entry, dtype=np.int64), np.array(block, dtype=np.int64)
    order = np.argsort(place[of], kind="stable")
    of, which = of[order], which[order]
    rows = np.repeat(of, counts[which])
    if np.array_equal(which, np.arange(first)):
        return rows, at, raw
    starts, length = (np.cumsum(counts) - counts)[which], counts[which]
    row = np.repeat(starts - (np.cumsum(length) - length), length) + np.arange(len(rows))
    return rows, at[row], raw[row]


class Resolver:
    """Labels of a server's series into entries, remembered."""

    def __init__(self) -> None:
        self.registry = Registry()
        self._inventory = Inventory()
        self._known: dict[tuple[str, bytes], tuple[int, ...]] = {}
        self._lock = threading.Lock()

    @property
    def is_full(self) -> bool:
        """Whether so many series came and went that it is time for a new one."""
        return len(self._known) > _MOST_ENTRIES

    def entries(self, name: str, labels: bytes) -> tuple[int, ...]:
        """What a series stands for."""
        found = self._known.get((name, labels))
        if found is None:
            found = self.registry.resolve(name, decoded_labels(labels), self._inventory)
            self._known[name, labels] = found
        return found

    def learn(self, name: str, labels: Iterable[bytes]) -> None:
        """Take in series that describe GPUs."""
        with self._lock:
            new = [self._inventory.learn(name, decoded_labels(text)) for text in labels]
            if any(new):
                self._known = {}


def decoded_labels(text: bytes) -> dict[str, str]:
    """Labels as the API writes them."""
    try:
        return _LABELS.decode(text)
    except msgspec.MsgspecError:
        raise SourceFormatError("the server's labels are not text") from None


class Reader:
    """Asks a server for pieces, several at a time."""

    def __init__(self, api: PromApi, clock: Clock, deadline_seconds: float) -> None:
        self._api = api
        self._clock = clock
        self._deadline = deadline_seconds
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="prometheus")

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def read(self, pieces: Sequence[Piece], resolver: Resolver) -> list[tuple[Piece, list[Read]]]:
        """All pieces, or finer ones, each with what was read for it; the first error ends them all."""
        until = self._clock.monotonic() + self._deadline
        if len(pieces) == 1 and not pieces[0].step and pieces[0].until - pieces[0].since >= _LONG_RAW:
            # The server works on one query with one core: two halves are there sooner than the whole.
            pieces = pieces[0].halved() or pieces
        futures = [self._pool.submit(self._piece, piece, resolver, until) for piece in pieces]
        try:
            return [(piece, future.result()) for piece, future in zip(pieces, futures, strict=True)]
        finally:
            for future in futures:
                future.cancel()

    def _piece(self, piece: Piece, resolver: Resolver, until: float) -> list[Read]:
        if self._clock.monotonic() > until:
            raise SourceUnavailableError(
                f"{self._api.name} did not answer all queries within {self._deadline:g} s",
                hint="Ask for a shorter window or fewer metrics.",
            )
        name = piece.selector.name
        order = _Order(name, resolver)
        try:
            series = self._api.query(piece.query(), order)
        except QueryTooLargeError as error:
            halves = piece.halved(series_first="timeseries" in str(error))
            if not halves:
                raise
            return [read for half in halves for read in self._piece(half, resolver, until)]
        return [Read([resolver.entries(name, labels) for labels in series.labels], series)]


class _Order:
    """Puts the series of an answer into the order of frames, without those that mean nothing to us."""

    def __init__(self, name: str, resolver: Resolver) -> None:
        self._name = name
        self._resolver = resolver

    def __call__(self, labels: list[bytes]) -> list[int]:
        entries = [self._resolver.entries(self._name, text) for text in labels]
        place = self._resolver.registry.order()
        known = [n for n, numbers in enumerate(entries) if numbers]
        return sorted(known, key=lambda n: int(place[entries[n][0]]))
