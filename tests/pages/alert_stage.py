"""A runtime with a real alert engine on a real store, and incidents of a test's choosing."""

from __future__ import annotations

from types import SimpleNamespace

from tests.fakes import fake_runtime
from tests.unit.alerts.stage import Stage
from watchdog.alert_loop import AlertLoopState


def staged_runtime(stage: Stage, cluster=None, **config) -> SimpleNamespace:
    """The runtime of pages, on the stage's engine, store and clock."""
    runtime = fake_runtime(cluster, **config)
    runtime.clock, runtime.history = stage.clock, stage.history
    runtime.engine = stage.engine
    runtime.alert_state = lambda: AlertLoopState(alive=True)
    return runtime
