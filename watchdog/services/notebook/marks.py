"""Events that charts of history mark: alerts that fired, jobs that began, nodes that were drained, notes of people."""

from __future__ import annotations

import pandas as pd

from watchdog.charts.marks import MOST_KNOWN
from watchdog.model.alerts import EventKind
from watchdog.model.frames import UTC_DTYPE
from watchdog.model.telemetry import Window
from watchdog.store.alerts import AlertStore, EventFilter
from watchdog.store.database import Store
from watchdog.store.jobs import JobStore
from watchdog.store.node_states import NodeStateStore
from watchdog.store.notes import NoteStore

KINDS = ("alert", "job start", "drain", "note")


def marks(store: Store, window: Window, *, node: str = "", kinds: tuple[str, ...] = KINDS) -> pd.DataFrame:
    """What happened in the window: at, kind, text, oldest first; of one node, if asked. May raise StoreError.

    What it tells quotes the cluster and people: escape it on a page.
    """
    readers = {"alert": _alerts, "job start": _jobs, "drain": _drains, "note": _notes}
    found = [pd.DataFrame({"at": pd.Series(dtype=UTC_DTYPE), "kind": [], "text": []})]
    found += [readers[kind](store, window, node).assign(kind=kind) for kind in kinds]
    joined = pd.concat([frame for frame in found if len(frame)] or found, ignore_index=True)[["at", "kind", "text"]]
    inside = (joined["at"] >= window.since) & (joined["at"] < window.until)
    return joined[inside].sort_values("at", kind="stable", ignore_index=True)


def _alerts(store: Store, window: Window, node: str) -> pd.DataFrame:
    where = EventFilter(kinds=(EventKind.FIRED,), nodes=(node,) if node else ())
    events = AlertStore(store).events(window, where, most=MOST_KNOWN)
    place = events["node"].where(events["node"] != "", "cluster")
    return pd.DataFrame({"at": events["at"], "text": place.astype("str") + ": " + events["rule_id"].astype("str")})


def _jobs(store: Store, window: Window, node: str) -> pd.DataFrame:
    jobs = JobStore(store).jobs(window, most=MOST_KNOWN)
    jobs = jobs[jobs["started_at"].notna()]
    if node:
        gpus = JobStore(store).gpus(window)
        jobs = jobs[jobs["job_id"].isin(gpus.loc[gpus["node"] == node, "job_id"])]
    text = "job " + jobs["job_id"].astype("str") + " of " + jobs["user"].astype("str")
    return pd.DataFrame({"at": jobs["started_at"], "text": text})


def _drains(store: Store, window: Window, node: str) -> pd.DataFrame:
    states = NodeStateStore(store).states(window)
    flags = states["flags"].fillna("").astype("str")
    drained = flags.str.contains("DRAIN")
    # A drain that goes on while its reason is edited is one drain.
    before = drained.groupby(states["node"].astype("str")).shift(fill_value=False)
    new = states[drained & ~before & ((states["node"] == node) | (node == ""))]
    text = new["node"].astype("str") + " drained: " + new["reason"].fillna("no reason").astype("str")
    return pd.DataFrame({"at": new["changed_at"], "text": text})


def _notes(store: Store, window: Window, node: str) -> pd.DataFrame:
    notes = NoteStore(store).notes(window, node=node)
    at = pd.Series([max(note.since, window.since) for note in notes], dtype=UTC_DTYPE)
    return pd.DataFrame({"at": at, "text": [f"{note.by}: {note.text}" for note in notes]})
