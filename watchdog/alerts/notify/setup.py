"""The channels that the settings ask for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from watchdog.alerts.board import Board
from watchdog.alerts.engine import AlertEngine
from watchdog.alerts.notify.addresses import ALERTMANAGER, addresses
from watchdog.alerts.notify.alertmanager import AlertmanagerChannel
from watchdog.alerts.notify.apprise_channel import AppriseChannel
from watchdog.alerts.notify.channel import Channel
from watchdog.alerts.notify.heartbeat import Heartbeat
from watchdog.alerts.notify.notifier import Notifier, Terms
from watchdog.base.clock import Clock
from watchdog.base.config import Config
from watchdog.model.findings import Severity
from watchdog.services.history import History
from watchdog.sources.alertmanager import AlertmanagerApi

_DEMO = "[demo data] "


@dataclass(frozen=True)
class Telling:
    """What tells people.

    Attributes:
        heartbeat: None where none is set up.
        runs: loops, each for a thread of its own, until their event is set.
    """

    notifier: Notifier
    heartbeat: Heartbeat | None
    runs: tuple[Callable[[threading.Event], None], ...]


def telling(
    config: Config,
    clock: Clock,
    engine: AlertEngine,
    history: History,
    problem: Callable[[], str],
    *,
    simulated: bool = False,
) -> Telling:
    """Everything that the settings ask for.

    Args:
        config: the settings.
        clock: time.
        engine: whose messages they are.
        history: where messages wait.
        problem: says why the watch is not to be trusted just now; "" if it is.
        simulated: whether what is watched is a demo, which every title then says.
    """
    found = channels(config, clock, engine.board, _DEMO if simulated else "")
    notifier = Notifier(found, engine, history, clock, terms(config))
    heartbeat = Heartbeat(config.heartbeat_url, clock, problem) if config.heartbeat_url else None
    runs = [notifier.run, *(each.run for each in found if isinstance(each, AlertmanagerChannel))]
    return Telling(notifier, heartbeat, (*runs, heartbeat.run) if heartbeat else (*runs,))


def channel_names(config: Config) -> tuple[str, ...]:
    """Their names; ConfigError where the settings cannot be read."""
    return tuple(each.name for each in addresses(config.notify_urls)) + (ALERTMANAGER,) * bool(config.alertmanager_url)


def channels(config: Config, clock: Clock, board: Callable[[], Board], mark: str = "") -> tuple[Channel, ...]:
    """The channels themselves. `board` is what Alertmanager is kept informed of; `mark` stands before every title."""
    found: tuple[Channel, ...] = tuple(AppriseChannel(each, mark) for each in addresses(config.notify_urls))
    api = alertmanager(config, clock)
    least = Severity(config.notify_min_severity)
    return (*found, AlertmanagerChannel(api, clock, board, least)) if api else found


def alertmanager(config: Config, clock: Clock) -> AlertmanagerApi | None:
    """The Alertmanager that is set up; None where none is."""
    if not config.alertmanager_url:
        return None
    token, ca_file = config.alertmanager_token, config.alertmanager_ca_file
    return AlertmanagerApi(config.alertmanager_url, clock, token=token, ca_file=ca_file)


def terms(config: Config) -> Terms:
    """How people want to be told."""
    base = config.base_url.rstrip("/")
    return Terms(Severity(config.notify_min_severity), config.notify_per_minute, f"{base}/alerts" if base else "")
