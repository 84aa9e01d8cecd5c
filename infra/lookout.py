"""Looks at RunPod every minute in the background, so that no page waits for it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta

from infra.book import Book
from infra.http import Patience
from infra.office import Office, balance
from infra.reconcile import Report, report
from infra.runpod import RunPod
from infra.sight import Sight, Trouble
from infra.wire import Pod
from watchdog.base.errors import InfraError

# The account's limit is 180 requests a minute; a look takes three, with the catalogue five.
LOOK_SECONDS = 60.0
_CATALOGUE_EVERY = timedelta(minutes=5)
_PATIENCE = Patience(connect=5, answer=20, tries=2)
_CLOUDS = ("SECURE", "COMMUNITY")


class Lookout:
    """Keeps the newest `Sight`; it reads only, and holds no lock."""

    def __init__(self, office: Office) -> None:
        """Prepare; nothing is asked yet."""
        self._office = replace(office, patience=_PATIENCE)
        self._runpod: RunPod | None = self._office.runpod() if office.settings.key else None
        self._catalogue_at: datetime | None = None
        self._again = threading.Event()
        self._one = threading.Lock()
        self.sight = Sight(connected=self._runpod is not None)
        self.sight = replace(self._record(), tried_at=None)

    def wake(self) -> None:
        """Look now."""
        self._again.set()

    def wait(self, stop: threading.Event, seconds: float = LOOK_SECONDS) -> None:
        """Until it is time for the next look, somebody wants one, or all is to end."""
        until = self._office.clock.monotonic() + seconds
        while not stop.is_set() and not self._again.wait(0.25) and self._office.clock.monotonic() < until:
            pass
        self._again.clear()

    def look(self) -> Sight:
        """Look once; what goes wrong is in the sight, never raised."""
        with self._one:
            seen = self._record()
            # Without our record nothing can be said of any pod.
            if self._runpod is not None and seen.trouble is None:
                seen = self._catalogue(self._money(self._list(seen, self._runpod), self._runpod), self._runpod)
            self.sight = seen
            return seen

    def _record(self) -> Sight:
        """What we wrote down ourselves; where it cannot be read, what was read before, and why."""
        seen = replace(self.sight, tried_at=self._office.clock.now(), trouble=None)
        try:
            return replace(seen, book=Book(self._office.journal.read()))
        except InfraError as error:
            return replace(seen, trouble=_trouble(error))

    def _list(self, seen: Sight, runpod: RunPod) -> Sight:
        try:
            pods = tuple(runpod.pods())
        except InfraError as error:
            return replace(seen, trouble=_trouble(error))
        at = self._office.clock.now()
        try:
            found: Report | None = self._report(pods, seen.book, at)
            trouble = None
        except InfraError as error:  # a damaged state file hides no pod
            found, trouble = None, _trouble(error)
        return replace(seen, pods=pods, at=at, report=found, trouble=trouble)

    def _report(self, pods: tuple[Pod, ...], book: Book, at: datetime) -> Report:
        held = None if self._office.elsewhere else self._office.held()
        return report(pods, book, book, held, at, self._office.timing.settle)

    def _money(self, seen: Sight, runpod: RunPod) -> Sight:
        try:
            return replace(seen, balance=balance(runpod), money_trouble=None)
        except InfraError as error:
            return replace(seen, money_trouble=_trouble(error))

    def _catalogue(self, seen: Sight, runpod: RunPod) -> Sight:
        now = self._office.clock.now()
        if self._catalogue_at is not None and now - self._catalogue_at < _CATALOGUE_EVERY:
            return seen
        try:
            gpus = {cloud: tuple(runpod.gpus(1, cloud)) for cloud in _CLOUDS}
            networked = frozenset(center.id for center in runpod.data_centers() if center.global_network)
        except InfraError as error:
            return replace(seen, catalogue_trouble=_trouble(error))
        self._catalogue_at = now
        return replace(seen, gpus=gpus, networked=networked, catalogue_trouble=None)


def _trouble(error: InfraError) -> Trouble:
    return Trouble(str(error), error.hint)
