"""An alert engine that is killed at any moment: what it sees at an instant depends on that instant alone."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from tests.conftest import NOON
from watchdog.alerts.engine import AlertEngine, Watched
from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts
from watchdog.base.clock import FakeClock
from watchdog.model.alerts import Acknowledgement
from watchdog.model.findings import Blind, Finding, Judged, Severity, Subject
from watchdog.model.rules import Rule
from watchdog.services.history import History

TICK = timedelta(seconds=15)
NOTHING = Facts(NOON)
NODES, GPUS = 5, 4
RULES = (Rule("hot", "Hot", check="hot"), Rule("xid", "XID", check="xid", for_seconds=40))


def _judge(check: str):
    def judge(facts: Facts) -> Judged:
        number = (facts.at - NOON) // TICK
        # Every ninth stretch of three ticks is a storm, every seventh is blind on one node.
        chance = Random(f"{check} {number // 3}")
        share = 0.9 if number // 3 % 9 == 4 else 0.15
        places = [(node, gpu) for node in range(NODES) for gpu in range(GPUS) if chance.random() < share]
        blind = Blind(nodes=frozenset({"gpu01"}), why="silent") if number // 3 % 7 == 5 else Blind()
        return Judged(tuple(_finding(check, chance, *place) for place in places), blind)

    return judge


def _finding(check: str, chance: Random, node: int, gpu: int) -> Finding:
    subject = Subject(f"gpu{node:02d}", f"GPU-{node}-{gpu}")
    return Finding(check, chance.choice([*Severity]), subject, "It is hot.", "Look.", "ours", gpu_index=gpu)


def watch(path: Path, ticks: int | None = None, acknowledged: Path | None = None) -> None:
    """Go on from where the file is, for so many ticks (None = until killed); note each tick once it is through."""
    clock = FakeClock(NOON)
    history = History(path, clock)
    checks = {rule.check: Check(rule.check, "", "", "", _judge(rule.check)) for rule in RULES}
    engine = AlertEngine(history, clock, channels=lambda: ("mail", "chat"), watched=Watched(RULES, checks)).open()
    clock.jump((engine.evaluated_until or NOON) - NOON)
    note = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if acknowledged else None
    while ticks is None or clock.now() < NOON + ticks * TICK:
        clock.sleep(TICK.total_seconds())
        _acknowledge(engine, clock.now())
        engine.tick(replace(NOTHING, at=clock.now()))
        if note is not None:
            os.write(note, b"%d\n" % ((clock.now() - NOON) // TICK))
    history.close()


def _acknowledge(engine: AlertEngine, now: datetime) -> None:
    """Now and then somebody takes the first incident; killed in between, they find it taken."""
    incidents = sorted((each.incident for each in engine.board().incidents), key=lambda incident: incident.cause)
    if incidents and (now - NOON) // TICK % 5 == 0 and incidents[0].ack is None:
        ack = Acknowledgement("Ann", now, until=now + 9 * TICK)
        engine.acknowledge(incidents[0].incident_id, ack, expected=None)
