"""One Telemetry over all there is: memory for now, rollups for what is stored, the source for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from watchdog.base.clock import Clock, floor_to
from watchdog.base.errors import SourceError, StoreError
from watchdog.model.frames import SERIES, concat
from watchdog.model.live import Live
from watchdog.model.telemetry import (
    EVERYWHERE,
    Answer,
    By,
    SourceStatus,
    Statistic,
    Telemetry,
    Where,
    Window,
)
from watchdog.services.history import History
from watchdog.store.stats import StoreStats
from watchdog.store.telemetry import StoreTelemetry
from watchdog.store.tiers import MINUTES, TIERS

_MINUTE = timedelta(minutes=1)
_Ask = Callable[[Telemetry], Answer]
_Later = Callable[[], Answer]


class RoutedTelemetry:
    """Answers from the nearest place that has the data; says so where a place did not answer.

    Args:
        source: the server to ask for what is not stored; None where everything read is stored.
        fresh: an instant at most this long ago is "now", and is answered from memory.
    """

    def __init__(self, live: Live, history: History, source: Telemetry | None, clock: Clock, fresh: timedelta) -> None:
        self._live = live
        self._history = history
        self._source = source
        self._clock = clock
        self._fresh = fresh

    def latest(self, metrics: Sequence[str], at: datetime, where: Where = EVERYWHERE) -> Answer:
        """See `Telemetry.latest`."""
        if at > self._clock.now() - self._fresh:
            return self._live.latest(metrics, at, where)
        return self._asked(lambda place: place.latest(metrics, at, where))

    def samples(self, metrics: Sequence[str], window: Window, where: Where = EVERYWHERE) -> Answer:
        """See `Telemetry.samples`."""
        return self._asked(lambda place: place.samples(metrics, window, where))

    def range(
        self,
        metrics: Sequence[str],
        window: Window,
        step: timedelta,
        *,
        statistic: Statistic = Statistic.AVG,
        by: By = By.GPU,
        where: Where = EVERYWHERE,
    ) -> Answer:
        """See `Telemetry.range`; buckets of a minute and more come from rollups as far as they reach."""

        def ask(place: Telemetry, part: Window) -> Answer:
            return place.range(metrics, part, step, statistic=statistic, by=by, where=where)

        if self._source is None:
            return ask(self._stored(), window)
        stored = self._rolled_up(window, step)
        try:
            return _joined([ask(*piece) for piece in self._pieces(window, stored)])
        except SourceError as error:
            return _noted(self._or_raise(lambda: ask(self._stored(), window), error), error)

    def status(self) -> tuple[SourceStatus, ...]:
        """The stored state of every source."""
        return self._stored().status()

    def _asked(self, ask: _Ask) -> Answer:
        """The source's answer, else the stored one with a note; without a source, the stored one."""
        if self._source is None:
            return ask(self._stored())
        try:
            return ask(self._source)
        except SourceError as error:
            return _noted(self._or_raise(lambda: ask(self._stored()), error), error)

    def _or_raise(self, answer: _Later, error: SourceError) -> Answer:
        try:
            stored = answer()
        except StoreError:
            raise error from None
        if stored.frame.empty:
            raise error
        return stored

    def _stored(self) -> StoreTelemetry:
        return StoreTelemetry(self._history.store())

    def _rolled_up(self, window: Window, step: timedelta) -> Window | None:
        """The part of `window`, in whole steps, that rollups answer; None if there is none."""
        if step % _MINUTE:
            return None
        covered = self._history.attempt(lambda store: _coverage(store.stats(), step))
        if covered is None:
            return None
        since = window.since
        if covered.since > since:
            since = floor_to(covered.since + step - timedelta(microseconds=1), step)
        until = min(window.until, floor_to(covered.until, step))
        return Window(since, until) if since < until else None

    def _pieces(self, window: Window, stored: Window | None) -> list[tuple[Telemetry, Window]]:
        assert self._source is not None
        if stored is None:
            return [(self._source, window)]
        pieces: list[tuple[Telemetry, Window]] = [(self._stored(), stored)]
        if window.since < stored.since:
            pieces.insert(0, (self._source, Window(window.since, stored.since)))
        if stored.until < window.until:
            pieces.append((self._source, Window(stored.until, window.until)))
        return pieces


def _coverage(stats: StoreStats, step: timedelta) -> Window | None:
    """From the oldest bucket of any tier that divides `step` to where minutes are complete."""
    tiers = [(tier, table) for tier in TIERS for table in stats.tables if table.name == tier.name]
    oldest = [table.oldest_at for tier, table in tiers if table.oldest_at and not step % tier.span]
    until = next((table.complete_until for tier, table in tiers if tier is MINUTES), None)
    return Window(min(oldest), until) if oldest and until and min(oldest) <= until else None


def _joined(answers: list[Answer]) -> Answer:
    notes = dict.fromkeys(note for answer in answers for note in answer.incomplete)
    missing = frozenset.intersection(*(answer.not_exported for answer in answers))
    return Answer(concat(SERIES, [answer.frame for answer in answers]), tuple(notes), missing)


def _noted(answer: Answer, error: SourceError) -> Answer:
    note = f"{error}; this is the stored history"
    return Answer(answer.frame, (*answer.incomplete, note), answer.not_exported)
