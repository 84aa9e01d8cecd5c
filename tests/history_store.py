"""A store with half a day of a simulated cluster, its jobs, and some alerts: what questions and exports are tried on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd

from tests.conftest import NOON
from tests.unit.samples import samples
from watchdog.base.clock import FakeClock
from watchdog.model.telemetry import Window
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.scheduler_view import DemoScheduler
from watchdog.sources.slurm_frames import job_gpus_frame, jobs_frame, nodes_frame, steps_frame
from watchdog.store.connection import rows
from watchdog.store.database import Store
from watchdog.store.jobs import JobStore
from watchdog.store.node_states import NodeStateStore

SINCE, UNTIL = NOON - timedelta(hours=14), NOON
_STEP = timedelta(minutes=2)
_ALERT = (
    "INSERT INTO alerts SELECT 'a' || i, 'i' || i, 'gpu-hot', CASE WHEN i > 3 THEN 'firing' ELSE 'resolved' END, 'warning', "
    "'gpu01', '', 0, '', '', '', '', t, t, CASE WHEN i > 3 THEN NULL ELSE t + INTERVAL 9 MINUTE END, t, NULL, NULL, "
    "false, 1, NULL, 'gpu-hot', 91, 'hot', 'cool it', 'a rule', '', '[]' "
    "FROM (SELECT i, ?::TIMESTAMPTZ - INTERVAL 1 HOUR * i AS t FROM range(1, 6) AS r(i))"
)
_INCIDENT = (
    "INSERT INTO incidents SELECT incident_id, 'node:gpu01', 'hot', severity, state, since, resolved_at, NULL, NULL, NULL, NULL, "
    "'', 1, 1, NULL, 0, false, NULL, false FROM alerts"
)
_EVENTS = (
    "INSERT INTO alert_events SELECT row_number() OVER (), since + INTERVAL 3 MINUTE, since, 'acknowledged', incident_id, '', "
    "rule_id, severity, node, '', '', '', 'ann', 'on it', false FROM alerts"
)


def _xids() -> pd.DataFrame:
    """XID 79 twice within an hour."""
    return samples(3, start=NOON - timedelta(hours=2), every=60, metric="xid_errors_count", node="gpu01").assign(
        part=pd.Categorical(["xid=79"] * 3)
    )


def fill(path: Path, *, nodes: int = 2, gpus: int = 4) -> Store:
    """The open store, complete up to NOON."""
    clock = FakeClock(NOON)
    cluster = DemoCluster(DemoConfig(nodes=nodes, gpus=gpus, history_hours=14.0), start=NOON)
    store = Store(path, threads=2)
    for frame in cluster.history(SINCE, UNTIL, _STEP):
        first = frame["sampled_at"].min().floor("30min").to_pydatetime()
        store.write_rollups(frame, Window(first, first + timedelta(minutes=30)))
    store.write_rollups(_xids(), Window(NOON - timedelta(hours=2), NOON - timedelta(hours=1)))
    scheduler = DemoScheduler(cluster, clock)
    seen, ended = scheduler.snapshot(), scheduler.finished(Window(SINCE, UNTIL))
    jobs = JobStore(store)
    jobs.take(jobs_frame(seen.jobs), job_gpus_frame(seen.jobs), NOON, whole=True)
    jobs.finish(
        jobs_frame(ended.jobs), job_gpus_frame(ended.jobs), steps_frame(ended.steps), Window(SINCE, UNTIL), now=NOON
    )
    NodeStateStore(store).take(nodes_frame(seen.nodes), NOON - timedelta(hours=10), whole=True)
    drained = nodes_frame(seen.nodes).assign(flags="DRAIN", reason="fan", reason_by="root")
    NodeStateStore(store).take(drained, NOON - timedelta(hours=2), whole=True)
    with store.write() as cursor:
        rows(cursor, _ALERT, [NOON])
        rows(cursor, _INCIDENT)
        rows(cursor, _EVENTS)
    return store
