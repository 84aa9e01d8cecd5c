"""Which source the settings select, and everything that reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from watchdog.base.clock import Clock
from watchdog.base.config import Config
from watchdog.base.errors import ConfigError
from watchdog.exporters.gpu.exporter import GpuExporter, GpuOptions
from watchdog.exporters.gpu.smi import nvidia_smi_present
from watchdog.model.scheduler import Scheduler
from watchdog.model.telemetry import Telemetry
from watchdog.services.feeds import Feed, PrometheusFeed, ScrapeFeed
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.pages import demo_targets
from watchdog.sources.demo.scheduler_view import DemoScheduler
from watchdog.sources.prometheus import PrometheusTelemetry
from watchdog.sources.scrape import Scraper, Target, http_target

# A large simulated cluster brings a coarser past, so that it starts in seconds.
_LARGE_DEMO_GPUS = 256


@dataclass(frozen=True)
class BuiltSource:
    """A source of GPU readings: who answers for its past, if a server does, and the demo's Slurm."""

    feed: Feed
    server: Telemetry | None
    line: str
    release: Callable[[], None]
    demo: Scheduler | None = None


def chosen_source(config: Config) -> str:
    """The source that the settings select: prometheus, targets, local or demo, in this order."""
    if config.source != "auto":
        needed = {"prometheus": config.prometheus_url, "targets": config.targets}
        if needed.get(config.source) == "":
            name = "WATCHDOG_PROMETHEUS_URL" if config.source == "prometheus" else "WATCHDOG_TARGETS"
            raise ConfigError(f"source is {config.source!r}, but {name} is not set", hint=f"Set {name}.")
        return config.source
    if config.prometheus_url:
        return "prometheus"
    if config.targets:
        return "targets"
    return "local" if nvidia_smi_present() else "demo"


def database_of(config: Config) -> Path:
    """The DuckDB file that these settings mean; simulated history never mixes with real history."""
    simulated = chosen_source(config) == "demo"
    return config.database.with_name("demo.duckdb") if simulated else config.database


def built_source(config: Config, clock: Clock, demo: DemoCluster | None = None) -> BuiltSource:
    """What the settings select, ready to be read; the simulated cluster `demo` in its place where one is given."""
    return _of_demo(config, clock, demo) if demo else _FEEDS[chosen_source(config)](config, clock)


def _prometheus(config: Config, clock: Clock) -> BuiltSource:
    telemetry = PrometheusTelemetry(config, clock)
    return BuiltSource(PrometheusFeed(telemetry, clock), telemetry, telemetry.name, lambda: None)


def _targets(config: Config, clock: Clock) -> BuiltSource:
    names = [name.strip() for name in config.targets.split(",") if name.strip()]
    token, ca_file, timeout = config.targets_token, config.targets_ca_file, config.targets_timeout_seconds
    targets = [http_target(name, token, ca_file, timeout) for name in names]
    line = f"{len(targets)} exporters, scraped directly" if len(targets) > 1 else f"exporter {targets[0].name}"
    scraper = _scraper(config, targets, clock)
    return BuiltSource(ScrapeFeed(scraper), None, line, scraper.close)


def _local(config: Config, clock: Clock) -> BuiltSource:
    exporter = GpuExporter(GpuOptions(interval_seconds=config.interval_seconds))
    exporter.start()
    scraper = _scraper(config, [Target("this machine", exporter.page)], clock)

    def release() -> None:
        scraper.close()
        exporter.stop()

    return BuiltSource(ScrapeFeed(scraper), None, "the GPUs of this machine", release)


def _demo(config: Config, clock: Clock) -> BuiltSource:
    settings = DemoConfig(
        nodes=config.demo_nodes,
        gpus=config.demo_gpus,
        seed=config.demo_seed,
        speed=config.demo_speed,
        history_hours=config.demo_history_hours,
    )
    return _of_demo(config, clock, DemoCluster(settings, start=clock.now()))


def _of_demo(config: Config, clock: Clock, cluster: DemoCluster) -> BuiltSource:
    scraper = _scraper(config, demo_targets(cluster, clock), clock)
    step = timedelta(seconds=15 if config.demo_nodes * config.demo_gpus <= _LARGE_DEMO_GPUS else 60)

    def past(stored_until: datetime | None) -> Iterator[pd.DataFrame]:
        now = clock.now()
        first = now - timedelta(hours=config.demo_history_hours)
        return cluster.history(max(first, stored_until or first), now, step)

    line = f"the demo cluster: {config.demo_nodes} nodes x {config.demo_gpus} GPUs, simulated"
    return BuiltSource(ScrapeFeed(scraper, past), None, line, scraper.close, DemoScheduler(cluster, clock))


def _scraper(config: Config, targets: list[Target], clock: Clock) -> Scraper:
    # The rest of the interval is for writing.
    return Scraper(targets, clock, deadline_seconds=min(config.targets_timeout_seconds, config.interval_seconds * 0.6))


_FEEDS: dict[str, Callable[[Config, Clock], BuiltSource]] = {
    "prometheus": _prometheus,
    "targets": _targets,
    "local": _local,
    "demo": _demo,
}
