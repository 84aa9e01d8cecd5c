"""Cached reads: the only module with caches, and the only one that touches the runtime.

Keys are instants (rounded by the caller), names and numbers; never frames, which Streamlit only samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa
import streamlit as st

from watchdog.alerts import past as alert_pasts
from watchdog.alerts.board import Board, OpenIncident
from watchdog.alerts.cost import Prices
from watchdog.alerts.notify.notifier import Notifier
from watchdog.alerts.preview import SPAN, Past, Preview, preview
from watchdog.alerts.rules import from_json
from watchdog.analysis.holders import with_holders
from watchdog.analysis.occupancy import Occupancy
from watchdog.base.clock import floor_to
from watchdog.charts.cell_chart import Drawn, cell_chart, time_covered
from watchdog.charts.cell_overlay import Earlier
from watchdog.charts.palette import Palette
from watchdog.model.alerts import Silence
from watchdog.model.notebook import Chart
from watchdog.model.telemetry import Where, Window
from watchdog.runtime import Runtime, current
from watchdog.services import data_health as health
from watchdog.services import ended_jobs as ended
from watchdog.services import fleet as fleets
from watchdog.services import gpu_detail as details
from watchdog.services import gpu_history as histories
from watchdog.services import job_waste as held_wastes
from watchdog.services import jobs as job_answers
from watchdog.services import pod_costs
from watchdog.services import queue as queues
from watchdog.services import slurm_nodes as node_answers
from watchdog.services import slurm_past as pasts
from watchdog.services import timeline as timelines
from watchdog.services import waste as wastes
from watchdog.services.notebook.comparing import compared
from watchdog.services.notebook.marks import marks
from watchdog.services.notebook.outcome import Outcome
from watchdog.services.slurm_view import SlurmView
from watchdog.store.alert_past import AlertPast
from watchdog.ui.address import View

_MINUTE = timedelta(minutes=1)
WASTE_GROUPS = ("user", "account", "partition")


def runtime() -> Runtime:
    """The watchdog of this process."""
    return current()


def interval() -> timedelta:
    """Between two samples of the source."""
    return timedelta(seconds=runtime().config.interval_seconds)


@st.cache_data(ttl="30s", max_entries=16, show_spinner=False)
def inventory(at: datetime) -> pd.DataFrame:
    """GPUs that may be expected at `at` (a full minute)."""
    return runtime().gpus(at - fleets.EXPECTED_FOR)


@st.cache_data(ttl="5m", max_entries=16, show_spinner=False)
def _recent(at: datetime, count: int) -> fleets.Recent:
    return fleets.recent(runtime().telemetry, at, count)


@st.cache_data(ttl="1m", max_entries=16, show_spinner=False)
def fleet(at: datetime) -> fleets.Fleet:
    """`services.fleet.fleet` with since when."""
    minute = floor_to(at, _MINUTE)
    known = inventory(minute)
    answer = fleets.fleet(runtime().telemetry, known, at, _recent(minute, len(known)))
    return fleets.with_since(runtime().telemetry, answer, known)


def part_of_fleet(at: datetime, where: Where) -> fleets.Fleet:
    """`fleet` about some of the GPUs; costs no further question."""
    return fleets.narrowed(fleet(at), where)


@st.cache_data(ttl="2m", max_entries=32, show_spinner=False)
def idle_hours(since: datetime, until: datetime, where: Where = Where()) -> wastes.IdleHours:  # noqa: B008 (frozen)
    """`services.waste.idle_hours` at the configured price."""
    known = inventory(floor_to(until, _MINUTE))
    price = runtime().config.gpu_hour_usd
    return wastes.idle_hours(runtime().telemetry, known, Window(since, until), price, where)


@st.cache_data(ttl="2m", max_entries=128, show_spinner=False)
def gpu_history(
    metric: str, since: datetime, until: datetime, where: Where, names: tuple[tuple[str, str], ...] = ()
) -> histories.History:
    """`services.gpu_history.gpu_history`."""
    window = Window(since, until)
    return histories.gpu_history(runtime().telemetry, metric, window, interval(), where, names)


@st.cache_data(ttl="2m", max_entries=32, show_spinner=False)
def heat_map(
    metric: str, since: datetime, until: datetime, where: Where, names: tuple[tuple[str, str], ...] = ()
) -> histories.HeatMap:
    """`services.gpu_history.heat_map`."""
    return histories.heat_map(runtime().telemetry, metric, Window(since, until), interval(), where, names)


@st.cache_data(ttl="1m", max_entries=64, show_spinner=False)
def gpu_detail(gpu_uuid: str, at: datetime) -> details.GpuDetail:
    """`services.gpu_detail.gpu_detail`."""
    return details.gpu_detail(runtime().telemetry, gpu_uuid, at)


@st.cache_data(ttl="1m", max_entries=4, show_spinner=False)
def not_exported(at: datetime) -> pd.DataFrame:
    """`services.data_health.not_exported` at a full minute."""
    return health.not_exported(runtime().telemetry, at)


def sources(now: datetime) -> pd.DataFrame:
    """`services.data_health.sources_table`, fresh: it is what the freshness of the rest is judged by."""
    return health.sources_table(runtime().statuses(), now, interval())


def slurm() -> SlurmView | None:
    """Slurm as it was read last; None where none is read."""
    return runtime().slurm


def _newest() -> SlurmView:
    return slurm() or SlurmView()


def queue(at: datetime | None) -> queues.Queue:
    """The queue as it was read last, or of a past instant."""
    return _queue_at(at) if at is not None else _queue(_newest().taken_at)


@st.cache_data(ttl="2m", max_entries=4, show_spinner=False)
def _queue(taken_at: datetime | None) -> queues.Queue:
    view = _newest()
    return queues.queue(view, view.taken_at or taken_at or runtime().clock.now())


@st.cache_data(ttl="2m", max_entries=8, show_spinner=False)
def _queue_at(at: datetime) -> queues.Queue:
    return pasts.past_queue(slurm_past(at))


@st.cache_data(ttl="2m", max_entries=8, show_spinner=False)
def slurm_past(at: datetime) -> pasts.SlurmPast:
    """`services.slurm_past.slurm_past`."""
    return pasts.slurm_past(runtime().known_jobs(), at)


def slurm_nodes(at: datetime | None) -> node_answers.SlurmNodes:
    """Nodes and partitions as they were read last, or of a past instant, with their 30 days before."""
    return _slurm_nodes_at(at) if at is not None else _slurm_nodes(_newest().taken_at)


@st.cache_data(ttl="2m", max_entries=4, show_spinner=False)
def _slurm_nodes(taken_at: datetime | None) -> node_answers.SlurmNodes:
    view = _newest()
    at = view.taken_at or taken_at or runtime().clock.now()
    window = node_answers.history_window(at)
    states = runtime().node_states(window)
    return node_answers.slurm_nodes(view.nodes, view.partitions, states, at)


@st.cache_data(ttl="2m", max_entries=8, show_spinner=False)
def _slurm_nodes_at(at: datetime) -> node_answers.SlurmNodes:
    past = slurm_past(at)
    return node_answers.slurm_nodes(past.view.nodes, past.view.partitions, past.states, at)


@st.cache_data(ttl="2m", max_entries=32, show_spinner=False)
def slurm_timeline(since: datetime, until: datetime, nodes: tuple[tuple[str, int], ...]) -> Occupancy:
    """Who ran where on these nodes (name, GPUs) in the window."""
    table = pd.DataFrame(nodes, columns=["node", "gpus"]).astype({"node": "string", "gpus": "Int64"})
    return timelines.timeline(runtime().known_jobs(), table, Window(since, until))


def held_waste(view: View) -> held_wastes.HeldWaste:
    """`services.job_waste.held_waste` of the window, which moves by a hundredth of itself at most, but no more often than once a minute."""
    window, grain = view.window, max(_MINUTE, view.window.length / 100)
    if not view.address.is_live:
        return _held_waste(window.since, window.until)
    until = floor_to(window.until, grain)
    return _held_waste(until - window.length, until)


@st.cache_data(ttl="10m", max_entries=16, show_spinner=False)
def _held_waste(since: datetime, until: datetime) -> held_wastes.HeldWaste:
    window, known = Window(since, until), inventory(floor_to(until, _MINUTE))
    held = timelines.held_in(runtime().known_jobs(), window)
    rates = runtime().config.gpu_rates
    return held_wastes.held_waste(runtime().telemetry, held, known, window, rates, until, WASTE_GROUPS)


@st.cache_data(ttl="2m", max_entries=8, show_spinner=False)
def ended_jobs(since: datetime, until: datetime) -> pd.DataFrame:
    """`services.ended_jobs.ended_jobs`."""
    return ended.ended_jobs(runtime().known_jobs(), Window(since, until))


@st.cache_data(ttl="1m", max_entries=64, show_spinner=False)
def job_detail(job_id: str, at: datetime) -> job_answers.JobDetail | None:
    """`services.jobs.job_detail`; None for a job that nobody has seen."""
    places, rates = inventory(floor_to(at, _MINUTE)), runtime().config.gpu_rates
    return job_answers.job_detail(job_id, runtime().known_jobs(), runtime().telemetry, places, rates, at)


def held(cells: pd.DataFrame) -> pd.DataFrame:
    """GPUs with the job and user that hold them now, where Slurm says so."""
    view = slurm()
    return cells if view is None else with_holders(cells, view.jobs, view.job_gpus)


def board(at: datetime | None) -> Board:
    """The alerts as they stand, or as they stood at a past instant."""
    return runtime().engine.board() if at is None else _board_at(at)


@st.cache_data(ttl="1m", max_entries=8, show_spinner=False)
def _board_at(at: datetime) -> Board:
    return alert_pasts.board_at(runtime().history.store(), at)


def alert_past(view: View) -> alert_pasts.Past:
    """Incidents of the window; new as soon as something changed."""
    return _alert_past(view.window.since, view.window.until, _version())


@st.cache_data(ttl="1m", max_entries=16, show_spinner=False)
def _alert_past(since: datetime, until: datetime, version: int) -> alert_pasts.Past:
    return alert_pasts.past(runtime().history.store(), Window(since, until))


def alerts_between(since: datetime, until: datetime) -> alert_pasts.Past:
    """Incidents that were open at some time in between."""
    return _alert_past(since, until, _version())


def prices() -> Prices:
    """What prices the GPUs of an incident."""
    return _prices(floor_to(runtime().clock.now(), _MINUTE))


@st.cache_data(ttl="2m", max_entries=2, show_spinner=False)
def _prices(minute: datetime) -> Prices:
    rates, view = runtime().config.gpu_rates, _newest()
    if not rates:
        return Prices()
    counts = inventory(minute)["node"].astype(str).value_counts()
    types = dict(zip(view.nodes["node"].astype(str), view.nodes["gpu_type"].fillna("").astype(str), strict=True))
    held = view.job_gpus.groupby("job_id", observed=True)["node"]
    return Prices(rates, {str(n): int(c) for n, c in counts.items()}, types, {str(j): [*n] for j, n in held})


def _version() -> int:
    return runtime().engine.board().version


def incident(incident_id: str) -> OpenIncident | None:
    """One incident, open or over; None if there is none of this id."""
    return board(None).incident(incident_id) or _incident(incident_id, _version())


@st.cache_data(ttl="1m", max_entries=16, show_spinner=False)
def _incident(incident_id: str, version: int) -> OpenIncident | None:
    return alert_pasts.incident_of(runtime().history.store(), incident_id)


def trail(each: OpenIncident) -> pd.DataFrame:
    """Every step of an incident (ALERT_EVENTS), newest first."""
    return _trail(each.incident.incident_id, each, _version())


@st.cache_data(ttl="1m", max_entries=16, show_spinner=False)
def _trail(incident_id: str, _each: OpenIncident, version: int) -> pd.DataFrame:
    return alert_pasts.trail(runtime().history.store(), _each.incident)


@st.cache_data(ttl="10m", max_entries=8, show_spinner=False)
def rule_preview(body: str, until: datetime) -> Preview:
    """What a rule (as JSON) would have done in the seven days before a full minute."""
    rule, nodes = from_json(body), _newest().nodes
    partitions = {str(n): str(p).split(",") for n, p in zip(nodes["node"], nodes["partitions"], strict=True) if p}
    holders = _holders(Window(until - SPAN, until)) if rule.scope.jobs and slurm() is not None else None
    return preview(rule, Past(runtime().telemetry, inventory(until), partitions, holders), until)


def _holders(window: Window) -> pd.DataFrame:
    jobs, gpus = timelines.held_in(runtime().known_jobs(), window)
    key = ["job_id", "submitted_at"]
    ran = jobs.loc[jobs["started_at"].notna(), [*key, "started_at", "ended_at"]]
    return gpus.merge(ran, on=key).rename(columns={"started_at": "since", "ended_at": "until"})


def kept_silences() -> tuple[Silence, ...]:
    """Silences of the last 30 days, those that hold or are to come included, the latest end first."""
    return _kept_silences(floor_to(runtime().clock.now(), _MINUTE), _version())


@st.cache_data(ttl="1m", max_entries=4, show_spinner=False)
def _kept_silences(now: datetime, version: int) -> tuple[Silence, ...]:
    return AlertPast(runtime().history.store()).silences(now - timedelta(days=30))


def notifier() -> Notifier:
    """Who tells people."""
    return runtime().notifier


@st.cache_data(ttl="30s", max_entries=2, show_spinner=False)
def foreign_alerts(at: datetime) -> pd.DataFrame | None:
    """FOREIGN_ALERTS of the Alertmanager that is set up, None where none is; SourceError where it does not answer."""
    return runtime().foreign_alerts()


@dataclass(frozen=True)
class Beside:
    """What is drawn with a cell's answer: events, and the answer about an earlier window."""

    marks: pd.DataFrame | None = None
    earlier: Earlier | None = None


@st.cache_resource(ttl="15m", max_entries=128, show_spinner=False)
def cell_picture(key: str, chart: Chart, palette: Palette, _outcome: Outcome, _beside: Callable[[], Beside]) -> Drawn:
    """The chart of a cell's answer; NotebookError where it cannot be drawn.

    `key` stands for the answer and all that is beside it. What is returned is shared: nobody may change it.
    """
    frame = _outcome.frame()
    assert frame is not None
    beside = _beside()
    return cell_chart(frame, chart, palette, marks=beside.marks, earlier=beside.earlier)


@st.cache_data(ttl="15m", max_entries=256, show_spinner=False)
def cell_span(digest: str, chart: Chart, _outcome: Outcome) -> Window | None:
    """The time that the chart of an answer covers; None where its x is no time."""
    frame = _outcome.frame()
    assert frame is not None
    return time_covered(frame, chart)


@st.cache_data(ttl="1m", max_entries=64, show_spinner=False)
def history_marks(since: datetime, until: datetime, kinds: tuple[str, ...]) -> tuple[pd.DataFrame, str]:
    """`services.notebook.marks.marks` of the window, and what stands for it in a key. May raise StoreError."""
    found = marks(runtime().history.store(), Window(since, until), kinds=kinds)
    return found, f"{len(found)} {pd.util.hash_pandas_object(found, index=False).sum()}"


@st.cache_resource(ttl="15m", max_entries=16, show_spinner=False)
def cell_difference(key: str, shift: timedelta, _this: Outcome, _other: Outcome) -> pa.Table:
    """`services.notebook.comparing.compared`; `key` stands for both answers."""
    return compared(_this, _other, shift)


@st.cache_data(ttl="2m", max_entries=8, show_spinner=False)
def pod_spend(since: datetime, until: datetime) -> pod_costs.Spend:
    """`services.pod_costs.spend` between full minutes; StoreError where the store cannot be read."""
    return pod_costs.spend(runtime().history, Window(since, until))


@st.cache_data(ttl="2m", max_entries=4, show_spinner=False)
def pod_month(now: datetime) -> pod_costs.Month:
    """`services.pod_costs.month` of a full minute, at what RunPod said last."""
    sight = runtime().rental.sight
    deadlines = [entry.deadline_at for entry in sight.clusters() if entry.deadline_at is not None]
    return pod_costs.month(runtime().history, now, sight.usd_per_hour, max(deadlines, default=None))
