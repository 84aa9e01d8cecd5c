"""The one collector, store and telemetry of this process, whoever started it."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from infra.guarding import GUARD
from infra.idleness import Work
from infra.rental import Around, Rental
from infra.settings import load_settings
from infra.watched import watched
from watchdog.alert_loop import AlertLoop, AlertLoopState
from watchdog.alerts.engine import AlertEngine
from watchdog.alerts.notify import setup as notifying
from watchdog.analysis.load import BUSY_METRICS, busiest
from watchdog.assistant.answering import assistant_of
from watchdog.assistant.desk import Desk, Reads
from watchdog.assistant.loop import load_sdk
from watchdog.assistant.runs import Runs
from watchdog.assistant.settings import ModelSettings, model_settings
from watchdog.base.clock import Clock, SystemClock
from watchdog.base.config import Config, load_config
from watchdog.base.errors import SourceError, StoreError
from watchdog.collector import Collector, CollectorState
from watchdog.model.frames import GPUS
from watchdog.model.live import Live
from watchdog.model.people import Person, Role
from watchdog.model.scheduler import Scheduler
from watchdog.model.telemetry import SourceStatus, Telemetry, Window
from watchdog.scheduler_loop import SchedulerLoop, SchedulerState
from watchdog.services.audit import Audit
from watchdog.services.exporting import Exports
from watchdog.services.feeds import Reading
from watchdog.services.foreign_alerts import foreign_alerts
from watchdog.services.history import History
from watchdog.services.jobs import Known
from watchdog.services.notebook.shelf import Shelf
from watchdog.services.observation import Observation
from watchdog.services.routed import RoutedTelemetry
from watchdog.services.schedulers import chosen_scheduler
from watchdog.services.slurm_view import SlurmView
from watchdog.services.sql import SqlService
from watchdog.services.surroundings import Surroundings
from watchdog.source_setup import built_source, chosen_source, database_of
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.promql_cell import PromQuery
from watchdog.store.node_states import NodeStateStore
from watchdog.store.stats import StoreStats

_log = logging.getLogger(__name__)

_Loop: TypeAlias = Callable[[threading.Event], None]


class Runtime:
    """What pages and routes see of the running watchdog."""

    def __init__(self, config: Config, clock: Clock, demo: DemoCluster | None = None) -> None:
        """Prepare; nothing is read yet. `demo` is the simulated cluster to read, in place of that of the settings."""
        self.config, self.clock = config, clock
        self.live = Live()
        self.kind = chosen_source(config)
        self.database = database_of(config)
        self.history = History(self.database, clock)
        self.audit = Audit(self.history, clock)
        built = built_source(config, clock, demo)
        self.source_line, self._release = built.line, built.release
        fresh = timedelta(seconds=2 * config.interval_seconds)
        self.telemetry: Telemetry = RoutedTelemetry(self.live, self.history, built.server, clock, fresh)
        self._slurm = _scheduler_loop(config, self.kind, built.demo, self.history, clock)
        names = notifying.channel_names(config)
        self.engine = AlertEngine(self.history, clock, channels=lambda: names, link_base=config.base_url)
        self.alertmanager = notifying.alertmanager(config, clock)
        telling = notifying.telling(config, clock, self.engine, self.history, self.problem, simulated=self.is_demo)
        self.notifier, self.heartbeat = telling.notifier, telling.heartbeat
        self._alerts = AlertLoop(
            config,
            clock,
            self.engine,
            Observation(self.telemetry, self.gpus),
            self._surroundings(),
            self._past_is_known,
        )
        self.collector = Collector(config, built.feed, self.live, self.history, clock, self._alerts.wake)
        self._stop = threading.Event()
        self.sql = SqlService(self.history, self.database, clock, config.gpu_rates)
        self._prometheus = PromQuery.of(config, clock) if self.kind == "prometheus" else None
        self.notebooks = Shelf(self.history, self.sql, self._prometheus, clock)
        self.exports = Exports(self.sql.snapshot, self.database.with_name("exports"), clock)
        self.assistant = Runs(assistant_of(config, self.desk, clock), self.history, clock)
        self.rental = self._rented()
        self._threads = {name: self._in_background(run, name) for name, run in self._loops(telling.runs)}

    def _loops(self, telling: Sequence[_Loop]) -> Iterator[tuple[str, _Loop]]:
        yield "collector", self.collector.run
        yield "alerts", self._alerts.run
        if self._slurm:
            yield "slurm", self._slurm.run
        yield "history", self.sql.tend
        yield "chats", self.assistant.tend
        if self.model.configured:
            yield "model", load_sdk
        yield "rental", self.rental.run
        yield from ((f"telling {place}", run) for place, run in enumerate(telling))

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            history=self.history,
            database=self.config.database,
            slurm=lambda: self.slurm,
            sources=lambda: self.collector.statuses,
            scheduler=lambda: self._slurm.status() if self._slurm and self._slurm.there else None,
            rental=lambda at: watched(self.rental, at),
        )

    def _rented(self) -> Rental:
        # The driver keeps its state there too; the app's settings may name another folder than `.env`.
        settings = replace(load_settings(), state=Path(self.config.data_dir) / "infra")
        return Rental(settings, self.clock, self.config, Around(self._work, self.history, self._guard_told))

    def _work(self) -> Work:
        """What the guard of a rented cluster judges by; a source that does not answer leaves the GPUs unknown."""
        try:
            answer = self.telemetry.latest(BUSY_METRICS, self.clock.now())
        except SourceError:
            return Work(self.slurm)
        return Work(self.slurm, busiest(answer.frame))

    def _guard_told(self, act: str, subject: str, details: str) -> None:
        self.audit.record(Person(GUARD, Role.ADMIN, signed_in=False), act, f"cluster {subject}", details)

    def _past_is_known(self) -> bool:
        """Whether history reaches up to now: a simulated past is written, and Slurm has told of its own."""
        slurm = self._slurm.state if self._slurm else None
        return self.collector.past_taken_in and (slurm is None or slurm.ticks > 0)

    def _in_background(self, run: _Loop, name: str) -> threading.Thread:
        return threading.Thread(target=run, args=(self._stop,), name=f"watchdog-{name}", daemon=True)

    @property
    def model(self) -> ModelSettings:
        """The model that the assistant asks; not configured where rules answer alone."""
        return model_settings(self.config)

    @property
    def is_demo(self) -> bool:
        """Whether what is shown is simulated."""
        return self.kind == "demo"

    def start(self) -> None:
        """Start collecting."""
        _log.info("reading %s every %g s", self.source_line, self.config.interval_seconds)
        for thread in self._threads.values():
            thread.start()

    def stop(self) -> None:
        """Finish the tick under way, write it out, and let go of the file."""
        self._stop.set()
        self.rental.lookout.wake()
        self.assistant.close()
        for thread in self._threads.values():
            if thread.is_alive():
                thread.join(timeout=30)
        self.sql.close()
        self._release()
        self.history.close()

    def look_once(self) -> None:
        """Read source and Slurm once, without the loops: for a command that answers and ends. No alert is judged."""
        self.collector.take_in_past()
        self.collector.tick()
        if self._slurm:
            self._slurm.tick()

    def look_again(self) -> None:
        """Read source and Slurm once more and judge alerts, without the loops: for a clock that is moved by hand."""
        self.engine.open()
        if not self._alerts.state.ticks:
            self._alerts.recall()
        self.collector.tick()
        if self._slurm:
            self._slurm.tick()
        self._alerts.tick()

    def read_once(self, *, keep: bool) -> Reading:
        """Read the source once, without the loop."""
        return self.collector.read(keep=keep)

    def gpus(self, seen_since: datetime) -> pd.DataFrame:
        """Every GPU seen since then (GPUS); empty, not an error, while there is no store."""
        known = self.history.attempt(lambda store: store.gpus(seen_since))
        return GPUS.empty() if known is None else known

    def statuses(self) -> tuple[SourceStatus, ...]:
        """The last read of each source."""
        return self.history.store().scrapes()

    def store_stats(self) -> StoreStats:
        """Sizes and ages of what is stored; StoreError where the store is not to be had."""
        return self.history.store().stats()

    def store_error(self) -> StoreError | None:
        """Why history is not kept right now, if so."""
        return self.history.error

    def collector_state(self) -> CollectorState:
        """How the loop is doing."""
        return self.collector.state

    @property
    def slurm(self) -> SlurmView | None:
        """Slurm as it was seen last; None where no Slurm is read. Without `taken_at` it has not answered yet."""
        return self._slurm.view if self._slurm and self._slurm.there else None

    def slurm_state(self) -> SchedulerState | None:
        """How the loop that reads Slurm is doing; None where no Slurm is read."""
        return self._slurm.state if self._slurm else None

    def alert_state(self) -> AlertLoopState:
        """How the loop that judges is doing."""
        return self._alerts.state

    def known_jobs(self) -> Known:
        """Where jobs are looked up: what Slurm shows now, and history."""
        return Known(self.slurm or SlurmView(), self.history)

    def node_states(self, window: Window) -> pd.DataFrame | None:
        """Changes of nodes' states (NODE_STATES); None while there is no store."""
        return self.history.attempt(lambda store: NodeStateStore(store).states(window))

    def problem(self) -> str:
        """Why this process should not be trusted with the watch; '' if it should."""
        state = self.collector.state
        if not self._threads["collector"].is_alive():
            return "the collector is not running"
        if not self._threads["alerts"].is_alive():
            return "alerts are not judged: their loop has ended"
        last, late = (
            state.last_tick_at or state.started_at,
            timedelta(seconds=max(60, 4 * self.config.interval_seconds)),
        )
        if last is not None and self.clock.now() - last > late:
            return f"the collector's last tick began at {last:%H:%M:%S} UTC"
        judged, until = self._alerts.state, self.engine.evaluated_until
        if judged.ticks and until is not None and self.clock.now() - until > late:
            return f"alerts were judged last at {until:%H:%M:%S} UTC{judged.error and ': '}{judged.error}"
        return ""

    def desk(self, at: datetime | None = None) -> Desk:
        """What the assistant's tools read from, as of now or of a past instant; one for each answer."""
        around = self._surroundings()
        reads = Reads(
            telemetry=self.telemetry,
            history=self.history,
            gpus=self.gpus,
            slurm=lambda: self.slurm,
            around=around.then,
            around_now=around.now,
            judged=lambda: self._alerts.facts,
            rates=self.config.gpu_rates,
            interval=timedelta(seconds=self.config.interval_seconds),
            sql=self.sql,
            prometheus=self._prometheus,
        )
        now = self.clock.now()
        return Desk(reads, at=now, now=now).moved(at)

    def foreign_alerts(self) -> pd.DataFrame | None:
        """Open alerts of others in the Alertmanager (FOREIGN_ALERTS); None where none is set up. May raise SourceError."""
        return foreign_alerts(self.alertmanager) if self.alertmanager else None


def _scheduler_loop(
    config: Config, kind: str, demo: Scheduler | None, history: History, clock: Clock
) -> SchedulerLoop | None:
    chosen = chosen_scheduler(config, kind, demo, clock)
    return SchedulerLoop(config, chosen.scheduler, history, clock, sure=chosen.sure) if chosen else None


_lock = threading.Lock()
_running: Runtime | None = None


def start(config: Config, clock: Clock | None = None) -> Runtime:
    """Start this process' runtime, or return the one that runs."""
    global _running  # noqa: PLW0603 (one a process, by design)
    with _lock:
        if _running is None:
            runtime = Runtime(config, clock or SystemClock())
            runtime.start()
            # What is imported by now stays; scanning it at every rerun would cost more than a page.
            gc.freeze()
            _running = runtime
        return _running


def current() -> Runtime:
    """The running one; starts it from the environment under a plain `streamlit run app.py`."""
    return _running or start(load_config())


def stop() -> None:
    """Stop it, if it runs."""
    global _running  # noqa: PLW0603
    with _lock:
        if _running is not None:
            _running.stop()
            _running = None
