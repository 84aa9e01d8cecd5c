"""When a rented cluster is idle: warn first, then do what its owner opted in to. A state machine without a clock.

What is not known stops nothing: an unknown reading, a gap between readings or a clock that runs backwards calls a
warning off and begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Phase(StrEnum):
    """How far it has come."""

    WATCHING = "watching"
    IDLE = "idle"
    WARNED = "warned"
    ACTED = "acted"


class Effect(StrEnum):
    """What is to be done now, at most one thing a step."""

    WARN = "warn"
    CALL_OFF = "call off"
    ACT = "act"


class Action(StrEnum):
    """What the owner opted in to."""

    WARN = "warn"
    WORKERS = "workers"
    TEARDOWN = "teardown"


@dataclass(frozen=True)
class Policy:
    """The owner's wishes.

    Attributes:
        idle_for: idle for so long, then it warns; zero or less: it never does.
        notice: between the warning and the act.
        action: WARN never acts.
        longest_gap: between two readings; after a longer one it is not known what was in between.
    """

    idle_for: timedelta = timedelta(minutes=30)
    notice: timedelta = timedelta(minutes=15)
    action: Action = Action.WARN
    longest_gap: timedelta = timedelta(minutes=5)


@dataclass(frozen=True)
class Watch:
    """State of the guard of one cluster.

    Attributes:
        idle_since: first of the idle readings that follow each other without a gap.
        warned_at: when it warned; acts_at: when it will act, None where it only warns.
        kept_until: somebody said to keep it until then.
    """

    phase: Phase = Phase.WATCHING
    read_at: datetime | None = None
    idle_since: datetime | None = None
    warned_at: datetime | None = None
    acts_at: datetime | None = None
    kept_until: datetime | None = None

    def kept(self, until: datetime) -> Watch:
        """Keep the cluster until then, whatever it does."""
        return Watch(read_at=self.read_at, kept_until=until)


def step(watch: Watch, now: datetime, idle: bool | None, policy: Policy) -> tuple[Watch, Effect | None]:
    """The next state and what is to be done.

    Args:
        watch: the state so far.
        now: of the reading.
        idle: whether the cluster is idle; None: not known.
        policy: the owner's wishes.
    """
    if watch.kept_until is not None:
        if now < watch.kept_until:
            return replace(watch, read_at=now), None
        watch = Watch()
    follows = watch.read_at is not None and timedelta() <= now - watch.read_at <= policy.longest_gap
    if not idle or policy.idle_for <= timedelta():
        return _begun_anew(watch, now)
    if watch.idle_since is None or not follows:
        fresh, effect = _begun_anew(watch, now)
        return replace(fresh, phase=Phase.IDLE, idle_since=now), effect
    return _idle_on(replace(watch, read_at=now), watch.idle_since, now, policy)


def _idle_on(watch: Watch, since: datetime, now: datetime, policy: Policy) -> tuple[Watch, Effect | None]:
    if watch.phase is Phase.IDLE and now - since >= policy.idle_for:
        acts_at = None if policy.action is Action.WARN else now + policy.notice
        return replace(watch, phase=Phase.WARNED, warned_at=now, acts_at=acts_at), Effect.WARN
    if watch.phase is Phase.WARNED and watch.acts_at is not None and now >= watch.acts_at:
        return replace(watch, phase=Phase.ACTED), Effect.ACT
    return watch, None


def _begun_anew(watch: Watch, now: datetime) -> tuple[Watch, Effect | None]:
    return Watch(read_at=now), Effect.CALL_OFF if watch.phase is Phase.WARNED else None
