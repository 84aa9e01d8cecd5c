"""The alert machine and `judge_rule`, fed by the minute as the engine feeds them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from watchdog.alerts.evaluate import judge_rule
from watchdog.alerts.machine import Seen, Verdict, step
from watchdog.model.alerts import OPEN, AlertState, EventKind

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Live:
    """One rule over a small fleet."""

    def __init__(self, one):
        self.rule, self.alerts, self.fires, self.ids = one, {}, {}, count()
        self.fired = []

    def tick(self, now, known):
        active = {a.subject for a in self.alerts.values() if a.state in OPEN and a.clear_since is None}
        judged = judge_rule(self.rule, known, active)
        findings = {f.subject.gpu_uuid: f for f in judged.findings}
        for gpu in known.cells["gpu_uuid"]:
            blind = judged.blind.everybody or gpu in judged.blind.gpus
            verdict = Verdict.HOLDS if gpu in findings else Verdict.BLIND if blind else Verdict.CLEAR
            seen = Seen(verdict, now, findings.get(gpu), fires=tuple(self.fires.get(gpu, ())))
            self._keep(gpu, *step(self.alerts.get(gpu), self.rule, seen, lambda: str(next(self.ids))))

    def _keep(self, gpu, alert, steps):
        if any(each.kind is EventKind.FIRED for each in steps):
            self.fires.setdefault(gpu, []).append(alert.fired_at)
        if alert is None:
            return
        self.alerts[gpu] = alert
        if alert.state is AlertState.RESOLVED:
            del self.alerts[gpu]
            self._done(gpu, alert)

    def _done(self, gpu, alert):
        if alert.fired_at:
            ends = [alert.since, alert.fired_at, alert.resolved_at]
            minutes = [None if at is None else int((at - START) / MINUTE) for at in ends]
            self.fired.append((int(gpu.split("-")[1]), *minutes))

    def answer(self):
        """(GPU, began, fired, over) in minutes since START, by when they fired."""
        for gpu, alert in self.alerts.items():
            self._done(gpu, alert)
        return sorted(self.fired, key=lambda each: (each[2], each[0]))
