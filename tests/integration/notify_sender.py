"""A watchdog that tells a webhook of what is wrong, for tests that kill it."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path

from watchdog.alerts.engine import AlertEngine, Watched
from watchdog.alerts.notify import setup
from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts
from watchdog.base.clock import SystemClock
from watchdog.base.config import Config
from watchdog.model.findings import Finding, Judged, Severity, Subject
from watchdog.model.rules import Rule
from watchdog.services.history import History

INCIDENTS = 12


def tell(path: Path, url: str) -> None:
    """Find trouble on every node at each start, and tell of it until killed."""
    clock = SystemClock()
    rules = tuple(Rule(f"r{number}", f"R{number}", check=f"r{number}") for number in range(INCIDENTS))
    checks = {rule.check: Check(rule.check, "", "", "", _finds(rule.check)) for rule in rules}
    config = Config(notify_urls=f"hook=json://{url}", notify_per_minute=1000)
    history, names = History(path, clock), setup.channel_names(config)
    engine = AlertEngine(history, clock, channels=lambda: names, watched=Watched(rules, checks)).open()
    engine.tick(replace(Facts(clock.now())))
    setup.telling(config, clock, engine, history, lambda: "").notifier.run(threading.Event())


def _finds(check: str):
    found = Finding(check, Severity.WARNING, Subject(f"n-{check}"), "It is hot.", "Look.", "ours")
    return lambda _: Judged((found,))


if __name__ == "__main__":
    tell(Path(sys.argv[1]), sys.argv[2])
