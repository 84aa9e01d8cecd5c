"""What the idle guard sees and is about to do, and the one click that stops it."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from infra.guard import Action, Phase
from infra.guarding import WORDS
from infra.rental import Rental
from watchdog.base.errors import WatchdogError
from watchdog.model.people import Role
from watchdog.model.units import duration_text
from watchdog.ui import who
from watchdog.ui.audited import Deed, carry_out
from watchdog.ui.cards import problem
from watchdog.ui.escape import escape

_KEEP_HOURS = 4.0


def guard_line(rental: Rental, cluster: str, now: datetime) -> None:
    """One line while all is quiet; a warning with a button once it is not."""
    watch, reading = rental.guard.watches.get(cluster), rental.guard.readings.get(cluster)
    policy = rental.guard.policy
    if watch is None or reading is None or policy.idle_for.total_seconds() <= 0:
        return
    if watch.phase in (Phase.WARNED, Phase.ACTED):
        _warning(rental, cluster, now)
        return
    if watch.kept_until is not None:
        st.caption(f"Idle guard: kept until {watch.kept_until:%H:%M} UTC.")
        return
    since = f"idle for {duration_text(now - watch.idle_since)}" if watch.idle_since else _quiet(reading.idle)
    plan = f"warns after {duration_text(policy.idle_for)} of idling"
    if policy.action is not Action.WARN:
        plan += f", and {duration_text(policy.notice)} later it will {WORDS[policy.action]}"
    st.caption(f"Idle guard: {since} ({escape(reading.why, 200)}); {plan}.")


def _quiet(idle: bool | None) -> str:
    return "not known, so not idle" if idle is None else "in use"


def _warning(rental: Rental, cluster: str, now: datetime) -> None:
    watch, reading = rental.guard.watches[cluster], rental.guard.readings[cluster]
    action = rental.guard.policy.action
    idle = duration_text(now - watch.idle_since) if watch.idle_since else "n/a"
    when = f"At {watch.acts_at:%H:%M} UTC it will" if watch.acts_at else "It will do"
    if watch.phase is Phase.ACTED:
        when = "It has begun to"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(
            f"**Cluster {escape(cluster)} has been idle for {idle}** ({escape(reading.why, 200)}). {when} {WORDS[action]}.",
            icon=":material/bedtime:",
        )
        if watch.phase is Phase.WARNED:
            pressed = who.guarded_button(
                f"Keep it for {_KEEP_HOURS:.0f} hours", Role.OPERATOR, key=f"infra.keep.{cluster}"
            )
            if pressed:
                _keep(rental, cluster, now)


def _keep(rental: Rental, cluster: str, now: datetime) -> None:
    deed = Deed("keep idle cluster", f"cluster {cluster}", Role.OPERATOR, f"for {_KEEP_HOURS:.0f} hours")
    try:
        carry_out(deed, lambda: rental.guard.keep(cluster, now, _KEEP_HOURS))
    except WatchdogError as error:
        problem(str(error), error.hint)
        return
    st.rerun(scope="app")
