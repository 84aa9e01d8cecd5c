"""Wait until every pod can be reached, and see which never will."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from infra import notes
from infra.desk import Desk, Timing
from infra.errors import LimitError, UnavailableError
from infra.wire import Pod


@dataclass
class _Watch:
    """One pod that is waited for; instants on the monotonic clock."""

    pod: Pod
    since: float
    stale: datetime | None = None
    running_since: float | None = None
    ready: bool = False
    dead: str = ""

    def look(self, pod: Pod | None, now: float, timing: Timing) -> None:
        """Judge it by what RunPod lists; None: it is not in the list."""
        self.pod = pod or self.pod
        if pod is not None and self.stale is not None and pod.started_at == self.stale:
            # After a start RunPod shows the runtime of before for a while.
            self.dead = self._too_late(now, timing)
            return
        runs = pod is not None and pod.status == "RUNNING" and pod.runtime is not None
        if not runs:
            self.running_since = None
        elif self.running_since is None:
            self.running_since = now
        self.ready = pod is not None and pod.ready
        self.dead = "" if self.ready else self._why_dead(pod, now, timing)

    def _why_dead(self, pod: Pod | None, now: float, timing: Timing) -> str:
        if pod is None or pod.status == "TERMINATED":
            return "RunPod took it away"
        if pod.status in ("ERROR", "EXITED"):
            return f"it went to {pod.status}"
        if self.running_since is not None and now - self.running_since >= timing.network:
            return f"its private network did not come up in {timing.network:.0f} s"
        return self._too_late(now, timing)

    def _too_late(self, now: float, timing: Timing) -> str:
        return f"it was not ready in {timing.start / 60:.0f} min" if now - self.since >= timing.start else ""

    @property
    def waits_for(self) -> str:
        """In words."""
        if self.running_since is not None:
            return f"{self.pod.name}: private network"
        return f"{self.pod.name}: container ({self.pod.status.lower()}, image may be pulled)"


@dataclass
class Outcome:
    """Pods that can be reached, and why the others cannot, by id."""

    ready: list[Pod] = field(default_factory=list)
    dead: dict[str, tuple[Pod, str]] = field(default_factory=dict)


def wait_ready(desk: Desk, cluster: str, pods: Iterable[Pod], restarted: Collection[str] = ()) -> Outcome:
    """Come back when each pod is ready or will never be; a list that fails meanwhile is asked for again.

    Args:
        desk: RunPod and the journal.
        cluster: its name.
        pods: as they were listed last.
        restarted: ids of those that were started again after that.
    """
    start = desk.clock.monotonic()
    watches = {pod.id: _Watch(pod, start, pod.started_at if pod.id in restarted else None) for pod in pods}
    noted = {pod_id for pod_id, entry in notes.book(desk).pods.items() if entry.ready_at}
    while True:
        _look(desk, watches)
        for pod_id in {key for key, watch in watches.items() if watch.ready} - noted:
            notes.ready(desk, cluster, pod_id)
            noted.add(pod_id)
        open_ones = [watch for watch in watches.values() if not (watch.ready or watch.dead)]
        if not open_ones:
            return Outcome(
                [watch.pod for watch in watches.values() if watch.ready],
                {key: (watch.pod, watch.dead) for key, watch in watches.items() if watch.dead},
            )
        done = sum(watch.ready for watch in watches.values())
        what = ", ".join(watch.waits_for for watch in open_ones)
        desk.progress.waiting(done, len(watches), desk.clock.monotonic() - start, what)
        desk.clock.sleep(desk.timing.poll)


def _look(desk: Desk, watches: dict[str, _Watch]) -> None:
    now = desk.clock.monotonic()
    try:
        listed = {pod.id: pod for pod in desk.runpod.pods()}
    except (UnavailableError, LimitError) as error:
        desk.progress.say(f"no list of pods: {error}")
        # Nothing is known, but the time runs: a pod is billed whether its state can be read or not.
        listed = {key: watch.pod for key, watch in watches.items()}
    for pod_id, watch in watches.items():
        watch.look(listed.get(pod_id), now, desk.timing)
