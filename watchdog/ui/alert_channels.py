"""How people are told: channels, what did not arrive, and the sign of life."""

from __future__ import annotations

import streamlit as st

from watchdog.alerts.notify.notifier import ChannelStatus, DeadLetter
from watchdog.base.errors import WatchdogError
from watchdog.model.people import Role
from watchdog.model.units import duration_text, instant_text
from watchdog.ui.audited import Deed, carry_out
from watchdog.ui.cards import empty_state, problem, section
from watchdog.ui.data import notifier, runtime
from watchdog.ui.escape import escape
from watchdog.ui.who import guarded_button

_MOST_DEAD = 20


def channels_block() -> None:
    """Each channel with its last success and error; secrets are never shown."""
    found = notifier().channels()
    if not found:
        empty_state(
            "Nobody is told: no channel is set up. Alerts are only on this page.",
            "WATCHDOG_NOTIFY_URLS takes mail, Slack, Teams, ntfy, PagerDuty, webhooks and others; "
            "WATCHDOG_ALERTMANAGER_URL an Alertmanager. docs/notification.md says how they are written.",
        )
    for each in found:
        _channel(each)
    config = runtime().config
    if found:
        st.caption(
            f"Told of: {config.notify_min_severity} and worse, at most {config.notify_per_minute:,} messages a minute "
            "and channel; what is beyond comes as one summary."
        )


def _channel(each: ChannelStatus) -> None:
    now = runtime().clock.now()
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(_state(each), width="content")
        success = f"last success {instant_text(each.success_at, near=now)}"
        counts = f"{_count(each.waiting)} waiting, {_count(each.dead)} given up"
        error = f"\n\n:red[{escape(each.error, 300)}]" if each.error else ""
        st.markdown(
            f"**{escape(each.name, 80)}** :small[:gray[{escape(each.description, 120)}]]\n\n:small[{success}; {counts}]{error}",
            width="stretch",
        )
        if guarded_button("Send a test", Role.ADMIN, key=f"test.{each.name}"):
            _test(each.name)


def _deed(act: str, channel: str, details: str = "") -> Deed:
    return Deed(act, f"channel {channel}", Role.ADMIN, details)


def _state(each: ChannelStatus) -> str:
    if each.error:
        return ":red[:material/error: **failing**]"
    if each.success_at is None:
        return ":gray[:material/help: **not tried**]"
    return ":green[:material/check_circle: **works**]"


def _count(count: int | None) -> str:
    return "an unknown number" if count is None else f"{count:,}"


def _test(name: str) -> None:
    outcomes: list[str] = []
    with st.spinner("Sending, up to a minute…"):
        carry_out(_deed("test channel", name), lambda: outcomes.append(notifier().test(name)))
    (outcome,) = outcomes
    if outcome.startswith("delivered"):
        st.success(f"Test {escape(outcome, 300)}.", icon=":material/check:")
    else:
        problem(f"Test {outcome}", "The settings of the channel stand in WATCHDOG_NOTIFY_URLS.")


def dead_letters_block() -> None:
    """Messages that were given up, newest first, each with a way to try it again."""
    dead = notifier().dead_letters()
    if not dead:
        st.caption("No message was given up.")
        return
    for each in dead[:_MOST_DEAD]:
        _dead(each)
    if len(dead) > _MOST_DEAD:
        st.caption(f"The newest {_MOST_DEAD} of {len(dead):,}.")


def _dead(each: DeadLetter) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        tries = f"{each.attempts} attempt{'s' * (each.attempts != 1)}"
        st.markdown(
            f":red[:material/close: **{escape(each.kind, 30)}**] {escape(each.title, 160)}\n\n"
            f":small[to {escape(each.channel, 80)}, {instant_text(each.created_at)}, given up after {tries}: {escape(each.error, 300)}]",
            width="stretch",
        )
        if guarded_button("Try again", Role.ADMIN, key=f"again.{each.channel}.{each.message_id}"):
            deed = _deed("send message again", each.channel, each.title)
            try:
                carry_out(deed, lambda: notifier().again(each.message_id, each.channel))
            except WatchdogError as error:
                problem(str(error), error.hint)
                return
            st.rerun()


def heartbeat_block() -> None:
    """The sign of life by which others notice that the watchdog itself is silent."""
    beat = runtime().heartbeat
    if beat is None:
        empty_state(
            "No sign of life is sent: nobody notices if this watchdog stops.",
            "WATCHDOG_HEARTBEAT_URL takes the address of a dead man's switch, such as healthchecks.io.",
        )
        return
    now, state = runtime().clock.now(), beat.state
    if state.held_back:
        problem(f"No sign of life is sent: {state.held_back}", "It goes on when the watch is sound again.")
    elif state.error:
        problem(f"The last sign of life did not arrive: {state.error}", "See WATCHDOG_HEARTBEAT_URL.")
    elif state.sent_at is None:
        st.caption("The first sign of life follows within a minute.")
    else:
        age = duration_text(now - state.sent_at)
        st.markdown(f":green[:material/check_circle: **Sent** {age} ago], at {instant_text(state.sent_at, near=now)}.")


def channels_tab() -> None:
    """All of it."""
    with section("Channels", question="Who is told, and does it arrive?"):
        channels_block()
    with section("Dead letters", question="What did not arrive and was given up?"):
        dead_letters_block()
    with section("Sign of life", question="Does somebody notice if this watchdog is silent?"):
        heartbeat_block()
