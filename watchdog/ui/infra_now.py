"""What is rented now: the verdict, the money, the pods, and what is out of order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from infra.book import ClusterEntry, PodEntry
from infra.pod_state import Health, gpu_use, state_of
from infra.reconcile import Finding
from infra.rental import Rental
from infra.sight import Sight
from infra.wire import Pod
from watchdog.model.units import duration_text
from watchdog.ui.cards import empty_state, freshness_line, problem, tiles
from watchdog.ui.data import runtime
from watchdog.ui.escape import escape
from watchdog.ui.infra_acts import cluster_buttons, return_button
from watchdog.ui.infra_guard import guard_line
from watchdog.ui.infra_words import ELSEWHERE, deadline_text, gpu_text, hours_left, money, state_text

_COLUMNS: dict[str, Any] = {
    "state": st.column_config.TextColumn("state", width=150),
    "pod": st.column_config.TextColumn("pod", width=140),
    "gpus": st.column_config.TextColumn("GPUs", width=150),
    "use": st.column_config.ProgressColumn("GPU use, %", format="%.0f", min_value=0.0, max_value=100.0, width=110),
    "hourly": st.column_config.NumberColumn("an hour", format="$%.2f", width=80),
    "spent": st.column_config.NumberColumn("so far", format="$%.2f", width=80, help="By our own clock, since it was rented."),
    "age": st.column_config.TextColumn("age", width=100),
    "place": st.column_config.TextColumn("data center", width=100),
    "id": st.column_config.TextColumn("id", width=140),
}  # fmt: skip


def now_block() -> None:
    """All of it."""
    rental, now = runtime().rental, runtime().clock.now()
    sight = rental.sight
    _connection(rental, sight)
    clusters = sight.clusters()
    if clusters:
        st.markdown(verdict(sight, now))
        _money_tiles(sight, clusters, now)
    for entry in clusters:
        _cluster(rental, sight, entry, now)
    if not clusters and sight.at is not None:
        _nothing_rented(sight)
    _out_of_order(sight)
    if sight.at is not None:
        freshness_line(sight.at, now, "RunPod's list")


def _connection(rental: Rental, sight: Sight) -> None:
    if not rental.connected:
        st.info(
            "**Not connected to RunPod.** Put `RUNPOD_API_KEY` into `.env` and start the app again. "
            "Until then prices are of the dated table, and every command is a dry run: `make infra-plan`.",
            icon=":material/key_off:",
        )
    elif sight.trouble is not None:
        problem(f"RunPod's list could not be read: {sight.trouble.error}", sight.trouble.hint)
        if sight.at is not None:
            st.caption("What is shown was seen before. What is rented is billed all the same.")
    elif sight.at is None:
        st.info("RunPod is being asked for the first time.", icon=":material/hourglass_top:")


def _nothing_rented(sight: Sight) -> None:
    others = sight.report.others if sight.report else (0, 0.0)
    elsewhere = f" The account has {others[0]} other pods, {escape(money(others[1]))} an hour." if others[0] else ""
    empty_state(
        f"Nothing is rented here.{elsewhere}",
        "`make infra-plan` says what would be tried and what it costs; `make infra-apply` rents it, after asking.",
    )


def verdict(sight: Sight, now: datetime) -> str:
    """Markdown: how many pods, how they do, what they cost."""
    pods = [pod for entry in sight.clusters() for pod in sight.mine(entry)]
    if not pods:
        recorded = sum(len(sight.book.live(entry.name)) for entry in sight.clusters())
        words = f"By our record {recorded} pods were rented and never seen returned; whether they cost is not known."
        return f":gray[:material/help: **{words}**]"
    states = [state_of(pod, now) for pod in pods]
    ready = sum(state.health is Health.OK for state in states)
    bad = [pod.name for pod, state in zip(pods, states, strict=True) if state.health is Health.BAD]
    odd = {finding.pod.id for finding in sight.report.findings} if sight.report else set()
    total = f"{len(pods)} pod{'s' * (len(pods) != 1)}, {escape(money(sight.usd_per_hour))} an hour"
    if bad:
        return f":red[:material/error: **{total}: look at {escape(', '.join(bad), 200)}.**]"
    if ready < len(pods):
        return f":orange[:material/hourglass_top: **{total}: {ready} of {len(pods)} are ready.**]"
    if odd:
        return f":orange[:material/warning: **{total}, all ready; {len(odd)} of the account are out of order, see below.**]"
    return f":green[:material/check_circle: **{total}, all ready.**]"


def _money_tiles(sight: Sight, clusters: list[ClusterEntry], now: datetime) -> None:
    spent = sum(sight.book.spent_usd(entry.name, now) for entry in clusters)
    left = hours_left(sight)
    deadlines = [entry.deadline_at for entry in clusters if entry.deadline_at is not None]
    until = min(deadlines, default=None)
    lasts = "n/a" if left is None else duration_text(timedelta(hours=left))
    tiles(
        (
            ("An hour", money(sight.usd_per_hour), "What RunPod says our pods cost now; disks are billed apart."),
            ("Spent so far", money(spent), "All pods these clusters ever had, by our own clock; RunPod's bill counts."),
            ("Balance", money(sight.balance.usd if sight.balance else None), "Of the whole account."),
            ("Balance lasts", lasts, "If everything in the account goes on as now."),
            ("Returned in", _left(until, now), "The nearest deadline. Pods stop themselves then."),
        )
    )
    if sight.money_trouble is not None:
        problem(f"The balance could not be read: {sight.money_trouble.error}", sight.money_trouble.hint)
    elif left is not None and until is not None and now < until and timedelta(hours=left) < until - now:
        st.warning(
            f"The balance lasts {lasts}, the deadline is in {duration_text(until - now)}: RunPod stops pods when it is used up.",
            icon=":material/warning:",
        )


def _left(until: datetime | None, now: datetime) -> str:
    if until is None:
        return "n/a"
    return duration_text(until - now) if until > now else f"{duration_text(now - until)} ago"


def _cluster(rental: Rental, sight: Sight, entry: ClusterEntry, now: datetime) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Cluster {escape(entry.name)}** · to be returned {deadline_text(entry, now)}")
        if rental.connected:
            cluster_buttons(entry, sight.mine(entry))
    if rental.elsewhere:
        st.caption(ELSEWHERE)
    if over := sight.overrun(entry, now):
        st.warning(f"**Over budget:** {escape(over, 200)}. Nothing is returned for it.", icon=":material/payments:")
    if rental.connected:
        guard_line(rental, entry.name, now)
    table = pods_table(sight, entry, now)
    st.dataframe(
        table, hide_index=True, placeholder="n/a", column_config=_COLUMNS, alt=f"Table of {len(table)} pods of {entry.name}"
    )  # fmt: skip


def pods_table(sight: Sight, entry: ClusterEntry, now: datetime) -> pd.DataFrame:
    """One row a pod of the list; recorded ones that the list lacks, or that cannot be checked, are said to be so."""
    mine = sorted(sight.mine(entry), key=lambda pod: (len(pod.name), pod.name))
    rows = [_row(pod, sight.book.pods.get(pod.id), now) for pod in mine]
    listed = {pod.id for pod in mine}
    rows += [_unlisted(each, sight, now) for each in sight.book.live(entry.name) if each.pod_id not in listed]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _row(pod: Pod, known: PodEntry | None, now: datetime) -> tuple[object, ...]:
    state, use = state_of(pod, now), gpu_use(pod)
    gpus = f"{pod.gpu.count} x {gpu_text(pod.gpu.id)}" if pod.gpu else "none"
    age = duration_text(now - pod.created_at)
    spent = known.cost_usd(now) if known else (now - pod.created_at).total_seconds() / 3600 * pod.cost
    use_shown = None if use is None else use * 100
    return (
        state_text(state.health, state.words), pod.name, gpus, use_shown, pod.cost, spent, age,
        pod.data_center_id or "n/a", pod.id,
    )  # fmt: skip


def _unlisted(known: PodEntry, sight: Sight, now: datetime) -> tuple[object, ...]:
    words = "not in RunPod's list" if sight.whole else "not checked"
    gpus = f"{known.gpu_count} x {gpu_text(known.gpu_type)}"
    state = state_text(Health.UNKNOWN, words)
    return (
        state, known.name, gpus, None, known.hourly_usd, known.cost_usd(now), duration_text(now - known.rented_at),
        "n/a", known.pod_id,
    )  # fmt: skip


def _out_of_order(sight: Sight) -> None:
    """Every pod that reconcile would name."""
    report = sight.report
    if report is None or report.clean:
        return
    by_pod: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_pod.setdefault(finding.pod.id, []).append(finding)
    alike: dict[str, list[Finding]] = {}
    for findings in by_pod.values():
        what = (
            f"**{', '.join(each.kind for each in findings)}**: {escape('; '.join(each.text for each in findings), 300)}"
        )
        alike.setdefault(what, []).append(findings[0])
    for what, pods in alike.items():
        _finding(what, pods)
    for cluster, (names, until) in report.pending.items():
        st.info(
            f"A run was cut off: {escape(', '.join(names), 200)} of {escape(cluster)} may still turn up until {until:%H:%M:%S} UTC.",
            icon=":material/hourglass_top:",
        )


def _finding(what: str, findings: list[Finding]) -> None:
    """Pods with which the same is out of order."""
    named = [
        f"{escape(each.pod.name)} ({escape(each.pod.id)}, {escape(money(each.pod.cost))} an hour)" for each in findings
    ]
    st.warning(f"{what}. {', '.join(named)}", icon=":material/warning:")
    ours = [each for each in findings if each.ours]
    if ours:
        with st.container(horizontal=True):
            for each in ours:
                return_button(each)
