"""Which Slurm is read, and how."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from watchdog.base.clock import Clock
from watchdog.base.config import Config
from watchdog.base.errors import ConfigError
from watchdog.model.scheduler import Scheduler
from watchdog.sources.promapi import PromApi
from watchdog.sources.scrape import http_target
from watchdog.sources.slurm_cli import SlurmCli
from watchdog.sources.slurm_rest import SlurmRest
from watchdog.sources.slurm_series import SlurmSeries

# Where our Slurm exporter listens by default: among exporters that are scraped directly it is known by this.
EXPORTER_PORT = 9341
# The same behind the gateway of a rented head.
_BEHIND_GATEWAY = "/metrics/slurm"


@dataclass(frozen=True)
class Chosen:
    """A scheduler; `sure` is False where nobody asked for it, and there may be no Slurm at all."""

    scheduler: Scheduler
    sure: bool = True


def chosen_scheduler(config: Config, gpu_source: str, demo: Scheduler | None, clock: Clock) -> Chosen | None:
    """The scheduler that the settings select; None where there is none to read.

    Args:
        config: the settings.
        gpu_source: what GPUs are read from: prometheus, targets, local or demo.
        demo: the demo cluster's, where that is shown.
        clock: handed on.

    Raises:
        ConfigError: the setting needs another one that is missing.
    """
    if config.slurm == "off":
        return None
    if config.slurm == "auto":
        return _found(config, gpu_source, demo, clock)
    if config.slurm == "cli":
        return Chosen(SlurmCli(clock))
    if config.slurm == "rest":
        if not config.slurm_rest_url:
            raise ConfigError("slurm is 'rest', but slurm_rest_url is not set", hint="Set WATCHDOG_SLURM_REST_URL.")
        return Chosen(_rest(config, clock))
    series = _series(config, gpu_source, clock, every=True)
    if series is None:
        hint = "Set WATCHDOG_PROMETHEUS_URL, or add the Slurm exporter to WATCHDOG_TARGETS."
        raise ConfigError("slurm is 'series', but there is neither a Prometheus nor an exporter to read", hint=hint)
    return Chosen(series)


def _found(config: Config, gpu_source: str, demo: Scheduler | None, clock: Clock) -> Chosen | None:
    if demo is not None:
        return Chosen(demo)
    if config.slurm_rest_url:
        return Chosen(_rest(config, clock))
    if shutil.which("squeue"):
        return Chosen(SlurmCli(clock))
    series = _series(config, gpu_source, clock, every=False)
    return Chosen(series, sure=gpu_source == "targets") if series else None


def _rest(config: Config, clock: Clock) -> SlurmRest:
    return SlurmRest(clock, config.slurm_rest_url, user=config.slurm_rest_user, token=config.slurm_rest_token)


def _series(config: Config, gpu_source: str, clock: Clock, *, every: bool) -> SlurmSeries | None:
    """The series of a Slurm exporter; of `every` target where none listens on its port."""
    if gpu_source == "prometheus":
        return SlurmSeries.asked(PromApi(config, clock), clock)
    names = [name.strip() for name in config.targets.split(",") if name.strip()]
    ours = [name for name in names if _is_slurms(name)] or (names if every else [])
    if not ours:
        return None
    token, ca_file, timeout = config.targets_token, config.targets_ca_file, config.targets_timeout_seconds
    return SlurmSeries.scraped([http_target(name, token, ca_file, timeout) for name in ours], clock)


def _is_slurms(target: str) -> bool:
    return f":{EXPORTER_PORT}" in target or target.endswith(_BEHIND_GATEWAY)
