"""What the running app has of its rented cluster: the newest sight, acts in the background, the guard, the cost."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from infra import acts
from infra.deeds import Deeds
from infra.guard import Action, Policy
from infra.guarding import GUARD, Guard, Told
from infra.idleness import Asked
from infra.keeping import keep
from infra.lookout import Lookout
from infra.office import Office
from infra.progress import Progress
from infra.settings import Settings
from infra.sight import Sight
from watchdog.base.clock import Clock
from watchdog.base.config import Config
from watchdog.services.history import History

_log = logging.getLogger(__name__)


class _Silent:
    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


@dataclass(frozen=True)
class Around:
    """What the rest of the app lends: the work on the cluster, the store, the audit log."""

    work: Asked
    history: History
    told: Told


class Rental:
    """One a process; `run` in a thread of its own, everything else from any."""

    def __init__(
        self, settings: Settings, clock: Clock, config: Config, around: Around, office: Office | None = None
    ) -> None:
        """Prepare; nothing is asked of RunPod yet. `office` is for tests."""
        self._clock, self._history = clock, around.history
        if config.infra_record:
            settings = replace(settings, record=Path(config.infra_record))
        self.office = office or Office(settings, clock, Progress(_Silent()), lambda _: False)  # type: ignore[arg-type]
        self.lookout = Lookout(self.office)
        self.deeds = Deeds(self.office, self._done)
        self.guard = Guard(self._policy(config), config.guard_gpu_ratio, around.work, self.deeds, around.told)
        self._told, self._over_budget = around.told, frozenset[str]()

    @property
    def connected(self) -> bool:
        """Whether there is a key."""
        return bool(self.office.settings.key)

    @property
    def elsewhere(self) -> bool:
        """Whether the driver works elsewhere: all is shown, nothing is done."""
        return self.office.elsewhere

    @property
    def sight(self) -> Sight:
        """What was seen last."""
        return self.lookout.sight

    def run(self, stop: threading.Event) -> None:
        """Look every minute until `stop` is set."""
        while not stop.is_set():
            self.tick()
            self.lookout.wait(stop)

    def tick(self) -> None:
        """Look once, keep what was seen, hold it against the budget, and let the guard judge."""
        sight = self.lookout.look()
        self._history.attempt(lambda store: keep(store, sight))
        now = self._clock.now()
        self._watch_budget(sight, now)
        self.guard.tick(sight, now)

    def teardown(self, cluster: str, by: str) -> None:
        """Begin to return a cluster; BusyError where something else goes on; ElsewhereError where the driver works elsewhere."""
        self.office.refuse_elsewhere()
        self.deeds.start(f"tear down {cluster}", by, acts.teardown(cluster))

    def return_pod(self, cluster: str, pod_id: str, by: str) -> None:
        """Begin to return one pod of ours."""
        self.office.refuse_elsewhere()
        self.deeds.start(f"return {pod_id} of {cluster}", by, acts.return_pod(cluster, pod_id))

    def extend(self, cluster: str, until: datetime, by: str) -> None:
        """Begin to move the deadline of a cluster."""
        self.office.refuse_elsewhere()
        self.deeds.start(f"extend {cluster}", by, acts.extend(cluster, until))

    def _policy(self, config: Config) -> Policy:
        """The owner's wishes; an app that may do nothing warns, whatever they say."""
        policy = policy_of(config)
        if not self.elsewhere or policy.action is Action.WARN:
            return policy
        _log.warning("the idle guard only warns: this app reads the record of what is rented and does nothing")
        return replace(policy, action=Action.WARN)

    def _watch_budget(self, sight: Sight, now: datetime) -> None:
        """Tell once of each cluster that has come to cost more than its owner allowed."""
        over = {entry.name: words for entry in sight.clusters() if (words := sight.overrun(entry, now))}
        for name in over.keys() - self._over_budget:
            _log.warning("cluster %s is over its budget: %s", name, over[name])
            self._told("warn: over budget", name, over[name])
        self._over_budget = frozenset(over)

    def _done(self) -> None:
        deed = self.deeds.newest
        if deed is not None and deed.by == GUARD and deed.error:
            self.guard.begin_anew(deed.what.rpartition(" ")[2])
        self.lookout.wake()


def policy_of(config: Config) -> Policy:
    """The owner's wishes."""
    minutes = timedelta(minutes=1)
    return Policy(
        idle_for=config.guard_idle_minutes * minutes,
        notice=config.guard_notice_minutes * minutes,
        action=Action(config.guard_action),
    )
