"""What an incident's GPUs cost while they did nothing: known, or not said."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.unit.alerts.stage import Stage, finding, gpu, rule
from watchdog.alerts.cost import Prices, cost_so_far
from watchdog.model.findings import Subject

HOUR = timedelta(hours=1)
PRICES = Prices({"": 2.0, "h100": 3.0}, {"gpu01": 8}, {"gpu02": "H100"}, {"7": ["gpu01", "gpu02"]})


def cost(*findings, prices=PRICES) -> float | None:
    stage = Stage(*(rule(key) for key in {each.check for each in findings}))
    stage.see(*findings)
    (each,) = stage.engine.board().incidents
    return cost_so_far(each, prices, NOON + HOUR)


def at(subject, check="held_idle", hours=1.0):
    return finding(subject, check, since=NOON - timedelta(hours=hours))


@pytest.mark.parametrize(
    ("findings", "dollars"),
    [
        ([at(gpu(1))], 2 * 2.0),
        ([at(gpu(1, "gpu02"))], 2 * 3.0),
        ([at(gpu(1)), at(gpu(2))], 2 * 2 * 2.0),
        ([at(Subject(job_id="7"), "hung")], 2 * (2.0 + 3.0)),
        ([at(Subject(node="gpu01"), "node_down")], 8 * 2 * 2.0),
        ([at(gpu(1), "hot")], None),
        ([at(Subject(job_id="8"), "hung")], None),
    ],
)
def test_idle_gpus_are_priced_by_their_type_since_they_idle(findings, dollars):
    assert cost(*findings) == (dollars if dollars is None else pytest.approx(dollars))


def test_a_gpu_with_two_alerts_counts_once():
    lost = at(Subject(node="gpu02"), "node_down", hours=0)
    assert cost(lost, at(gpu(1, "gpu02"), "gpu_missing", hours=2)) == pytest.approx(3 * 3.0)


def test_without_a_price_there_is_no_cost():
    assert cost(at(gpu(1)), prices=Prices()) is None
    assert cost(at(gpu(1)), prices=Prices({"h100": 3.0})) is None
