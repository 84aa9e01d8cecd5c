"""What people do about a cluster: stay for longer, return it, return one pod. Each asks first and says what will happen.

A dialog stands outside the blocks that draw themselves again, so that what is half typed stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import streamlit as st

from infra.book import ClusterEntry
from infra.budget import overrun
from infra.reconcile import Finding
from infra.wire import Pod
from watchdog.base.errors import WatchdogError
from watchdog.model.people import Role
from watchdog.model.slurm.records import ACTIVE, WAITING
from watchdog.ui import state, who
from watchdog.ui.audited import Deed, carry_out
from watchdog.ui.cards import problem
from watchdog.ui.data import runtime
from watchdog.ui.escape import escape
from watchdog.ui.infra_words import ELSEWHERE, hours_left, money

_EXTEND, _TEARDOWN, _RETURN = "Extend", "Tear down", "Return a pod"
_HOURS = (1, 2, 4, 8, 24)


@dataclass(frozen=True)
class Act:
    """What somebody is about to do."""

    kind: str
    cluster: str
    pod_id: str = ""


def cluster_buttons(entry: ClusterEntry, pods: Sequence[Pod]) -> None:
    """Extend and tear down, for who may."""
    if not pods:
        return
    if who.guarded_button("Extend", Role.ADMIN, key=f"infra.extend.{entry.name}", **_elsewhere()):
        _begin(Act(_EXTEND, entry.name))
    if who.guarded_button("Tear down", Role.ADMIN, key=f"infra.teardown.{entry.name}", **_elsewhere()):
        _begin(Act(_TEARDOWN, entry.name))


def return_button(finding: Finding) -> None:
    """Return one pod of ours that is out of order."""
    if who.guarded_button(
        f"Return {escape(finding.pod.name)}",
        Role.ADMIN,
        key=f"infra.return.{finding.kind}.{finding.pod.id}",
        **_elsewhere(),
    ):
        _begin(Act(_RETURN, finding.cluster, finding.pod.id))


def _elsewhere() -> dict[str, Any]:
    return {"disabled": True, "help": ELSEWHERE} if runtime().rental.elsewhere else {}


def _begin(act: Act) -> None:
    st.session_state[state.INFRA_ACT] = act
    st.rerun(scope="app")


def draw_dialog() -> None:
    """The dialog that is open, if any. Call it outside of live blocks."""
    act: Act | None = st.session_state.get(state.INFRA_ACT)
    if act is not None:
        st.dialog(act.kind, on_dismiss=_forget)(_body)(act)


def _forget() -> None:
    st.session_state.pop(state.INFRA_ACT, None)


def _body(act: Act) -> None:
    sight = runtime().rental.sight
    entry = sight.book.clusters.get(act.cluster)
    pods = sight.mine(entry) if entry else []
    if entry is None or not pods:
        problem("It has been returned meanwhile.", "Nothing is left to do.")
        return
    {_EXTEND: _extend, _TEARDOWN: _teardown, _RETURN: _return}[act.kind](act, entry, pods)


def _extend(act: Act, entry: ClusterEntry, pods: Sequence[Pod]) -> None:
    rental, now = runtime().rental, runtime().clock.now()
    hours = st.selectbox("Stay longer by", _HOURS, index=2, format_func=lambda h: f"{h} h", key="infra.hours")
    before = max(entry.deadline_at or now, now)
    until = before + timedelta(hours=hours)
    usd = sum(pod.cost for pod in pods)
    left = hours_left(rental.sight)
    lasts = "" if left is None else f" The balance lasts {left:.0f} h."
    st.markdown(
        f"{len(pods)} pods stay until **{until:%Y-%m-%d %H:%M} UTC** instead of {before:%Y-%m-%d %H:%M} UTC: "
        f"{escape(money(usd * hours))} more, at {escape(money(usd))} an hour.{lasts}"
    )
    if left is not None and timedelta(hours=left) < until - now:
        st.warning("The balance does not last so long.", icon=":material/warning:")
    spent = rental.sight.book.spent_usd(entry.name, now) + usd * ((until - now) / timedelta(hours=1))
    if over := overrun(None, entry.max_total, usd, spent):
        st.warning(f"Until then it will have passed its budget: {escape(over, 200)}.", icon=":material/payments:")
    if st.button(f"Stay until {until:%H:%M} UTC", type="primary"):
        deed = Deed("extend", f"cluster {act.cluster}", Role.ADMIN, f"until {until:%Y-%m-%d %H:%M} UTC")
        _perform(deed, lambda: rental.extend(act.cluster, until, _me()))


def _teardown(act: Act, entry: ClusterEntry, pods: Sequence[Pod]) -> None:
    rental = runtime().rental
    st.markdown(f"**{len(pods)} pods are returned, with all that is on their disks and volumes:**")
    st.text("\n".join(f"{pod.name}  {pod.id}  {money(pod.cost)} an hour" for pod in pods))
    running = _running_jobs({pod.name for pod in pods})
    if running:
        st.warning(f"{running} jobs run or wait there; they are lost.", icon=":material/warning:")
    st.caption("Nothing brings them back. RunPod's list is read until none of them is in it.")
    typed = st.text_input(f"Type {escape(act.cluster)} to go on", key="infra.confirm")
    label = f"Return {len(pods)} pods"
    if st.button(label, type="primary", disabled=typed.strip() != act.cluster):
        names = ", ".join(pod.name for pod in pods)
        deed = Deed("tear down", f"cluster {act.cluster}", Role.ADMIN, names)
        _perform(deed, lambda: rental.teardown(act.cluster, _me()))


def _running_jobs(nodes: set[str]) -> int:
    view = runtime().slurm
    if view is None or not nodes & set(view.nodes["node"].astype(str)):
        return 0
    return int(view.jobs["state"].isin([str(state) for state in WAITING | ACTIVE]).sum())


def _return(act: Act, entry: ClusterEntry, pods: Sequence[Pod]) -> None:
    pod = next((pod for pod in pods if pod.id == act.pod_id), None)
    if pod is None:
        problem("It has been returned meanwhile.", "Nothing is left to do.")
        return
    st.markdown(
        f"**{escape(pod.name)}** ({escape(pod.id)}) is returned, with all that is on its disk; it costs "
        f"{escape(money(pod.cost))} an hour."
    )
    if st.button(f"Return {pod.id}", type="primary"):
        deed = Deed("return pod", f"pod {pod.id} of {act.cluster}", Role.ADMIN, pod.name)
        _perform(deed, lambda: runtime().rental.return_pod(act.cluster, pod.id, _me()))


def _me() -> str:
    return who.person().name


def _perform(deed: Deed, action: Callable[[], None]) -> None:
    try:
        carry_out(deed, action)
    except WatchdogError as error:
        problem(str(error)[:1].upper() + str(error)[1:], error.hint)
        return
    _forget()
    st.rerun(scope="app")
