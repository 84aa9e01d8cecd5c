"""Exporters read directly: every target in its own thread, so that a dead one delays no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import pandas as pd

from watchdog.base.clock import Clock, SystemClock
from watchdog.base.errors import ConfigError, SourceError, SourceUnavailableError, WatchdogError
from watchdog.model.arrays import micros
from watchdog.model.frames import SAMPLES
from watchdog.model.telemetry import SourceStatus
from watchdog.sources.derived import with_memory_total
from watchdog.sources.exposition import ExpositionParser, Page, age_seconds
from watchdog.sources.http import (
    Advice,
    Credentials,
    Limits,
    basic_header,
    encoding_for,
    fetch,
    new_session,
    refused,
    user_of,
    without_credentials,
)
from watchdog.sources.registry import Registry

_log = logging.getLogger(__name__)

MOST_BYTES = 64 << 20
# An exporter that has not read its sensors for so long shows the past: its values are dropped.
STALE_AFTER = timedelta(seconds=60)
_MOST_THREADS = 512
_MOST_ENTRIES = 2_000_000


@dataclass(frozen=True)
class Fetched:
    """A page, and when the exporter's machine says it is (None if untold)."""

    body: bytes
    server_time: datetime | None = None


@dataclass(frozen=True)
class Target:
    """Something that gives a page of metrics.

    Attributes:
        name: for people; also the node of series that name none.
        fetch: the page as it is now; may raise SourceError. Called from one thread at a time.
    """

    name: str
    fetch: Callable[[], Fetched | bytes]
    node: str = ""


@dataclass(frozen=True)
class ScrapeResult:
    """One tick: SAMPLES of all targets that answered, and how each target did."""

    frame: pd.DataFrame
    statuses: tuple[SourceStatus, ...]


def http_target(url: str, token: str = "", ca_file: str = "", timeout: float = 10.0) -> Target:
    """An exporter at `url`; `host:port` is `http://host:port/metrics`."""
    address = full_url(url)
    shown = without_credentials(address)
    advice = Advice(
        name=f"exporter {shown}",
        auth="Set WATCHDOG_TARGETS_TOKEN to the exporter's bearer token.",
        address="See WATCHDOG_TARGETS, whether the exporter runs, and whether a firewall is between.",
        certificate="Set WATCHDOG_TARGETS_CA_FILE to the CA bundle of the exporter's certificate.",
    )
    headers = {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": encoding_for(address)}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    elif user := user_of(address):
        headers["Authorization"] = basic_header(*user)
    parts = urlsplit(address)
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    session = new_session(Credentials(headers, ca_file=ca_file), connections=1)
    limits, clock = Limits(timeout, MOST_BYTES), SystemClock()

    def page() -> Fetched:
        answer = fetch(session, address, limits, advice, clock)
        error = refused(answer.status, answer.body, advice)
        if error is not None:
            raise error
        return Fetched(answer.body, answer.server_time)

    return Target(urlsplit(shown).netloc, page, node=urlsplit(shown).netloc)


def full_url(url: str) -> str:
    """`url` with what people leave out: scheme and path."""
    text = url.strip()
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(
            f"target {without_credentials(text)!r} is no address", hint="Write host:port or http://host:port/metrics."
        )
    return urlunsplit(parts._replace(path=parts.path if parts.path not in ("", "/") else "/metrics"))


@dataclass(frozen=True)
class _Scrape:
    """One scrape of one target: a page, or an error."""

    began_at: datetime
    seconds: float
    page: Page | None = None
    skew_seconds: float | None = None
    error: WatchdogError | None = None


class Scraper:
    """Scrapes all targets at each tick."""

    def __init__(
        self, targets: Sequence[Target], clock: Clock, workers: int | None = None, deadline_seconds: float = 10.0
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            targets: what to read.
            clock: tells when each scrape begins.
            workers: threads at most; one a target where left out, so that none waits for another.
            deadline_seconds: how long a tick waits; what comes later is taken by a later tick.
        """
        self._targets = tuple(targets)
        self._clock = clock
        self._deadline = deadline_seconds
        threads = workers or min(_MOST_THREADS, max(1, len(self._targets)))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="scrape")
        self._running: dict[int, tuple[datetime, Future[_Scrape]]] = {}
        self._status = [SourceStatus(f"exporter {target.name}") for target in self._targets]
        self._forget()

    def _forget(self) -> None:
        self._registry = Registry()
        self._parsers = [ExpositionParser(self._registry, t.node or t.name) for t in self._targets]

    def scrape(self) -> ScrapeResult:
        """Read every target once; never raises SourceError, the statuses say what failed."""
        if len(self._registry) > _MOST_ENTRIES and not self._running:
            self._forget()
        for number in range(len(self._targets)):
            if number not in self._running:
                future = self._pool.submit(self._one, number)
                self._running[number] = (self._clock.now(), future)
        wait([future for _, future in self._running.values()], timeout=self._deadline)
        done = {n: _outcome(future, at) for n, (at, future) in self._running.items() if future.done()}
        for number, (began_at, _) in list(self._running.items()):
            if number in done:
                del self._running[number]
            else:
                self._status[number] = _late(self._status[number], began_at, self._deadline)
        return ScrapeResult(self._frame(done), tuple(self._status))

    def close(self) -> None:
        """Let go of the threads; scrapes under way end by their own timeouts."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, number: int) -> _Scrape:
        began_at, began = self._clock.now(), self._clock.monotonic()
        try:
            got = self._targets[number].fetch()
            fetched = got if isinstance(got, Fetched) else Fetched(got)
            answered_at = self._clock.now()
            page = self._parsers[number].parse(fetched.body)
        except WatchdogError as error:
            return _Scrape(began_at, self._clock.monotonic() - began, error=error)
        except OSError as error:
            # A target of this process may fail like any file or pipe.
            told = SourceUnavailableError(f"it cannot be read: {error.strerror or type(error).__name__}")
            return _Scrape(began_at, self._clock.monotonic() - began, error=told)
        skew = (fetched.server_time - answered_at).total_seconds() if fetched.server_time else None
        theirs = (fetched.server_time or answered_at).timestamp()
        return _Scrape(began_at, self._clock.monotonic() - began, page, skew, _stale(age_seconds(page, theirs)))

    def _frame(self, done: dict[int, _Scrape]) -> pd.DataFrame:
        """One frame of all pages; the statuses are brought up to date."""
        good = {n: s for n, s in done.items() if s.error is None and s.page is not None}
        pages = [scrape.page for scrape in good.values() if scrape.page is not None]
        if pages:
            counts = [len(page.entry) for page in pages]
            at = np.repeat(np.array([micros(s.began_at) for s in good.values()], dtype=np.int64), counts)
            owner = np.repeat(np.array(list(good), dtype=np.int64), counts)
            entry = np.concatenate([page.entry for page in pages])
            raw = np.concatenate([page.raw for page in pages])
            kept = np.bincount(owner[self._registry.measured(entry, raw)], minlength=len(self._targets))
            given = np.bincount(owner, minlength=len(self._targets))
            frame = with_memory_total(self._registry.rows(entry, at, raw).frame, SAMPLES)
        else:
            kept = given = np.zeros(len(self._targets), dtype=np.int64)
            frame = SAMPLES.empty()
        for number, scrape in done.items():
            counts_of = (int(kept[number]), int(given[number] - kept[number]))
            self._status[number] = _status(self._status[number], scrape, *counts_of)
        return frame


def _outcome(future: Future[_Scrape], began_at: datetime) -> _Scrape:
    """What a scrape brought; a bug in reading one target is told like any failure, and costs only that one."""
    bug = future.exception()
    if bug is None:
        return future.result()
    _log.error("a scrape failed unexpectedly", exc_info=bug)
    told = SourceError(
        f"it could not be read: {type(bug).__name__}", hint="This is a bug of the watchdog: see its log."
    )
    return _Scrape(began_at, 0.0, error=told)


def _stale(age: float | None) -> SourceError | None:
    if age is None or age <= STALE_AFTER.total_seconds():
        return None
    return SourceUnavailableError(
        f"it answers, but last read its GPUs {age:.0f} s ago",
        hint="nvidia-smi or the driver hangs on that node: look at the exporter's log and at dmesg.",
    )


def _late(before: SourceStatus, began_at: datetime, deadline: float) -> SourceStatus:
    return replace(
        before,
        last_attempt_at=began_at,
        samples=0,
        error=f"it did not answer within {deadline:g} s; still waiting",
        hint="See whether the node is up, and whether the exporter hangs.",
    )


def _status(before: SourceStatus, scrape: _Scrape, samples: int, unmeasured: int) -> SourceStatus:
    common = replace(
        before,
        last_attempt_at=scrape.began_at,
        duration_seconds=scrape.seconds,
        clock_skew_seconds=scrape.skew_seconds if scrape.skew_seconds is not None else before.clock_skew_seconds,
    )
    if scrape.error is not None or scrape.page is None:
        error = scrape.error or SourceUnavailableError("it gave nothing")
        return replace(common, samples=0, error=str(error), hint=error.hint, note="")
    return replace(
        common,
        last_success_at=scrape.began_at,
        samples=samples,
        newest_sample_at=scrape.began_at if samples else before.newest_sample_at,
        error="",
        hint="",
        note=_note(scrape.page, unmeasured),
    )


def _note(page: Page, unmeasured: int) -> str:
    odd = [
        f"{unmeasured} values were no measurement" * bool(unmeasured),
        f"{page.unreadable} lines could not be read" * bool(page.unreadable),
        "no GPU metrics that we know" * (not len(page.entry)),
    ]
    return "; ".join(text for text in odd if text)
