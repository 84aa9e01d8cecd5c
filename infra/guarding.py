"""The guard at work: reads each cluster at every look, warns, and acts for owners who opted in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from infra.acts import return_workers, teardown
from infra.deeds import Deeds
from infra.errors import BusyError
from infra.guard import Action, Effect, Phase, Policy, Watch, step
from infra.idleness import Asked, Idleness, Work, idleness
from infra.sight import Sight

_log = logging.getLogger(__name__)
# Whose name the guard's acts carry in the journal and the audit log.
GUARD = "idle guard"
WORDS: Mapping[Action, str] = {
    Action.WARN: "nothing: it only warns",
    Action.WORKERS: "return the workers, with all that is on their disks; the head goes on",
    Action.TEARDOWN: "return the whole cluster, with all that is on its disks",
}
Told = Callable[[str, str, str], None]


class Guard:
    """One a process. `told` keeps an act, its subject and its details in the audit log."""

    def __init__(self, policy: Policy, threshold: float, work: Asked, deeds: Deeds, told: Told) -> None:
        """Prepare; every cluster begins anew, so a restart delays an act and never hastens it."""
        self.policy = policy
        self._threshold, self._work, self._deeds, self._told = threshold, work, deeds, told
        self._lock = threading.Lock()
        self.watches: dict[str, Watch] = {}
        self.readings: dict[str, Idleness] = {}

    def tick(self, sight: Sight, now: datetime) -> None:
        """Read every cluster that was listed at this look."""
        clusters = {entry.name: entry for entry in sight.clusters()}
        fresh = sight.whole
        work = self._work() if fresh and clusters else Work()
        with self._lock:
            for name in set(self.watches) - set(clusters):
                del self.watches[name], self.readings[name]
            for name, entry in clusters.items():
                stale = Idleness(None, "RunPod's list could not be read")
                reading = idleness(sight.mine(entry), work, self._threshold, now) if fresh else stale
                self._take(name, reading, now)

    def keep(self, cluster: str, now: datetime, hours: float) -> datetime:
        """Leave the cluster alone for so long; gives until when."""
        until = now + timedelta(hours=hours)
        with self._lock:
            self.watches[cluster] = self.watches.get(cluster, Watch()).kept(until)
        return until

    def begin_anew(self, cluster: str) -> None:
        """What it did has failed: warn again in time."""
        with self._lock:
            if self.watches.get(cluster, Watch()).phase is Phase.ACTED:
                self.watches[cluster] = Watch()

    def _take(self, name: str, reading: Idleness, now: datetime) -> None:
        before = self.watches.get(name, Watch())
        watch, effect = step(before, now, reading.idle, self.policy)
        self.readings[name] = reading
        if effect is Effect.ACT and not self._act(name, reading):
            watch = before  # somebody else is at it; next time
        self.watches[name] = watch
        if effect is Effect.WARN:
            when = f" at {watch.acts_at:%H:%M} UTC" if watch.acts_at else ""
            self._tell("warn: cluster idle", name, f"{reading.why}; will do{when}: {WORDS[self.policy.action]}")
        if effect is Effect.CALL_OFF:
            self._tell("call off: cluster idle", name, reading.why)

    def _act(self, name: str, reading: Idleness) -> bool:
        action = {Action.WORKERS: return_workers, Action.TEARDOWN: teardown}[self.policy.action](name)
        try:
            self._deeds.start(f"{self.policy.action} {name}", GUARD, action)
        except BusyError:
            return False
        self._tell(f"idle: {self.policy.action}", name, f"{reading.why}; {WORDS[self.policy.action]}")
        return True

    def _tell(self, act: str, name: str, details: str) -> None:
        _log.warning("%s %s: %s", act, name, details)
        self._told(act, name, details)
