"""Collect in the background on a fixed beat; serve the last snapshot as ready-made bytes.

A scrape never waits for a collection. What hangs or fails shows as age: `page()` keeps answering with our own
series, and once the values are older than `stale_after_seconds` it stops serving them, since a number that does
not move must not look alive.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from watchdog import __version__
from watchdog.base.clock import Clock
from watchdog.exporters.failure import CollectError
from watchdog.model.exposition import family_text, labels_text

log = logging.getLogger(__name__)

_STOP_SECONDS = 2.0


@dataclass(frozen=True)
class Snapshot:
    """The last good page: its bytes, when it was taken, and on the monotonic clock."""

    text: bytes
    at: datetime
    at_monotonic: float


@dataclass(frozen=True)
class Attempt:
    """How the last try went; `duration_seconds` counts failures too."""

    success: bool
    duration_seconds: float
    at_monotonic: float
    error: str = ""


class Collector:
    """Calls `collect` on a fixed beat and keeps what it returned.

    Args:
        collect: returns the exposition text of one reading, as bytes where it is large; raises CollectError.
        clock: wall time for stamps, monotonic time for the beat and for ages.
        interval_seconds: the beat; a slow collection skips beats, it never shifts them.
        stale_after_seconds: the age from which a snapshot is no longer served.
        build: labels of `watchdog_exporter_build_info` besides the version.
        extra: exposition text made anew for each page.
    """

    def __init__(
        self,
        collect: Callable[[], str | bytes],
        clock: Clock,
        interval_seconds: float,
        stale_after_seconds: float | None = None,
        *,
        build: Callable[[], dict[str, str]] = dict,
        extra: Callable[[], str] = str,
    ) -> None:
        self._collect = collect
        self._clock = clock
        self._interval = interval_seconds
        self._stale_after = stale_after_seconds or max(60.0, 3 * interval_seconds)
        self._build = build
        self._extra = extra
        self._snapshot: Snapshot | None = None
        self._attempt: Attempt | None = None
        self._failures: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="collector", daemon=True)
        self._started_at = 0.0

    def start(self) -> None:
        """Start the background thread; the first collection begins at once."""
        self._started_at = self._clock.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; one stuck inside the driver is left to die with the process."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def collect_once(self) -> Attempt:
        """One collection now, in this thread."""
        begun = self._clock.monotonic()
        try:
            text = self._collect()
        except CollectError as error:
            attempt = self._failed(error, begun)
        else:
            ended = self._clock.monotonic()
            body = text if isinstance(text, bytes) else text.encode()
            self._snapshot = Snapshot(body, self._clock.now(), ended)
            attempt = Attempt(True, ended - begun, ended)
            if self._attempt is not None and not self._attempt.success:
                log.info("collecting works again")
        self._attempt = attempt
        return attempt

    def page(self) -> bytes:
        """The whole page: the snapshot while it is fresh, then our own series."""
        snapshot = self._snapshot
        fresh = snapshot is not None and self._age(snapshot) <= self._stale_after
        return (snapshot.text if snapshot and fresh else b"") + (self._extra() + self._self_text()).encode()

    def health(self) -> tuple[bool, str]:
        """Whether the loop itself lives, and a sentence; a failing driver is not a dead exporter."""
        if not self._thread.is_alive():
            return False, "the collecting thread is not running"
        last = self._attempt.at_monotonic if self._attempt else self._started_at
        quiet = self._clock.monotonic() - last
        if quiet > self._stale_after + self._interval:
            return False, f"no collection has ended for {quiet:.0f} s"
        if self._attempt and not self._attempt.success:
            return True, f"running; last collection failed: {self._attempt.error}"
        return True, "running"

    def _loop(self) -> None:
        due = self._started_at
        while not self._stop.is_set():
            self.collect_once()
            now = self._clock.monotonic()
            due = next_beat(due, now, self._interval)
            self._stop.wait(due - now)

    def _failed(self, error: CollectError, begun: float) -> Attempt:
        ended = self._clock.monotonic()
        # A new object each time: a page being written keeps the one it started with.
        self._failures = self._failures + Counter([error.reason])
        if self._attempt is None or self._attempt.error != str(error):
            log.warning("collection failed: %s. %s", error, error.hint)
        return Attempt(False, ended - begun, ended, str(error))

    def _age(self, snapshot: Snapshot) -> float:
        return self._clock.monotonic() - snapshot.at_monotonic

    def _self_text(self) -> str:
        build = labels_text({"version": __version__, **self._build()})
        parts = [_gauge("build_info", "Version and backend of this exporter.", 1.0, build)]
        if self._snapshot:
            parts += [
                _gauge(
                    "last_success_timestamp_seconds",
                    "When the last good collection ended, in Unix time.",
                    self._snapshot.at.timestamp(),
                ),
                _gauge("snapshot_age_seconds", "Age of the values on this page.", self._age(self._snapshot)),
            ]
        if self._attempt:
            parts += [
                _gauge("last_attempt_success", "Whether the last collection worked.", float(self._attempt.success)),
                _gauge(
                    "collect_duration_seconds",
                    "How long the last collection took.",
                    self._attempt.duration_seconds,
                ),
            ]
        failures = [(labels_text({"reason": reason}), float(n)) for reason, n in sorted(self._failures.items())]
        parts.append(
            family_text("watchdog_exporter_failures_total", "counter", "Failed collections by reason.", failures)
        )
        return "".join(parts)


def next_beat(due: float, now: float, interval: float) -> float:
    """The first beat after `now` on the grid that `due` lies on, in seconds of the same clock."""
    missed = max(0, int((now - due) // interval))
    beat = due + (missed + 1) * interval
    return beat if beat > now else beat + interval


def _gauge(name: str, text: str, value: float, labels: str = "") -> str:
    return family_text(f"watchdog_exporter_{name}", "gauge", text, [(labels, value)])
