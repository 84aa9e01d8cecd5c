"""Readings that repeat exactly: a frozen exporter, a dead sensor. Idle hardware moves, and is neither."""

from dataclasses import replace

import numpy as np

from tests.unit.analysis.health.build import AT, facts
from watchdog.analysis.health import clock_skew, exporter_frozen, sensor_stuck
from watchdog.model.findings import Subject
from watchdog.model.telemetry import SourceStatus

RNG = np.random.default_rng(5)
ON_TWO_NODES = {"node": ["gpu01", "gpu01", "gpu01", "gpu02", "gpu02"]}


def moving(mean, spread):
    return RNG.normal(mean, spread, (5, 60))


def idle():
    """Five idle GPUs for an hour: power wobbles by milliwatts, energy runs on, all else stands still."""
    power = moving(68.0, 0.2)
    return {
        "power_watts": power,
        "energy_joules": 5e9 + np.cumsum(60 * power, axis=1),
        "gpu_temperature_celsius": np.full((5, 60), 31.0),
        "gpu_util_ratio": np.zeros((5, 60)),
        "sm_clock_hertz": np.full((5, 60), 345e6),
        "memory_used_bytes": np.full((5, 60), 4e6),
    }


def frozen(trace, rows, minutes):
    for values in trace.values():
        values[rows, -minutes:] = values[rows, -minutes][:, None]
    return trace


def fleet(trace, **columns):
    return facts(**{name: values[:, -1] for name, values in trace.items()} | columns, trace=trace)


def test_a_node_whose_readings_all_repeat_is_frozen_since_they_do():
    trace = frozen(idle(), np.array([3, 4]), 8)
    (one,) = exporter_frozen.judge(fleet(trace, **ON_TWO_NODES)).findings
    assert one.subject == Subject("gpu02")
    assert round((AT - one.since).total_seconds() / 60) in {6, 7}


def test_an_idle_node_is_not_frozen():
    assert not exporter_frozen.judge(fleet(idle())).findings


def test_one_gpu_that_moves_keeps_its_node():
    assert not exporter_frozen.judge(fleet(frozen(idle(), np.array([0, 1, 2, 3]), 8))).findings


def test_five_minutes_are_needed():
    assert not exporter_frozen.judge(fleet(frozen(idle(), np.arange(5), 5))).findings
    assert exporter_frozen.judge(fleet(frozen(idle(), np.arange(5), 6))).findings


def test_an_energy_counter_that_runs_on_keeps_boards_of_whole_watts():
    trace = idle()
    trace["power_watts"][:] = 70.0
    trace["energy_joules"] = np.broadcast_to(4e10 + 4200.0 * np.arange(60), (5, 60)).copy()
    assert not exporter_frozen.judge(fleet(trace)).findings


def test_without_energy_power_that_used_to_move_tells():
    trace = idle()
    del trace["energy_joules"]
    assert exporter_frozen.judge(fleet(frozen(trace, np.arange(5), 8))).findings
    trace["power_watts"][:] = 70.0
    assert not exporter_frozen.judge(fleet(trace)).findings


def test_a_silent_node_is_not_judged():
    trace = {name: np.where(np.arange(60) < 50, values, np.nan) for name, values in idle().items()}
    answer = exporter_frozen.judge(fleet(trace, sampled_at=None))
    assert not answer.findings
    assert answer.blind.nodes == {"gpu01"}


def busy():
    return {
        "power_watts": moving(600.0, 5.0),
        "gpu_temperature_celsius": moving(65.0, 1.0).round(),
        "gpu_util_ratio": moving(0.95, 0.01).clip(0, 1),
        "sm_clock_hertz": moving(1.9e9, 1e7),
    }


def stuck(trace, minutes):
    for name in ("power_watts", "gpu_temperature_celsius"):
        trace[name][1, -minutes:] = trace[name][1, -minutes]
    return trace


def test_sensors_that_stand_still_under_a_load_that_moves_are_stuck():
    (one,) = sensor_stuck.judge(fleet(stuck(busy(), 20))).findings
    assert one.subject == Subject("gpu01", "GPU-1")
    assert round((AT - one.since).total_seconds() / 60) in {18, 19}


def test_a_busy_gpu_and_a_short_repetition_are_not_stuck():
    assert not sensor_stuck.judge(fleet(busy())).findings
    assert not sensor_stuck.judge(fleet(stuck(busy(), 15))).findings


def test_sensors_that_stand_still_with_their_load_are_not_called_stuck():
    trace = {name: np.broadcast_to(values[:, :1], values.shape).copy() for name, values in busy().items()}
    assert not sensor_stuck.judge(fleet(trace)).findings


def test_a_gpu_watched_for_too_short_is_blind():
    trace = {name: values[:, -10:] for name, values in busy().items()}
    assert len(sensor_stuck.judge(fleet(trace)).blind.gpus) == 5


def test_clocks_more_than_half_a_minute_off_are_found_on_their_node():
    sources = (
        SourceStatus("exporter gpu01:9400", AT, AT, clock_skew_seconds=-400.0),
        SourceStatus("Prometheus http://prom", AT, AT, clock_skew_seconds=31.0),
        SourceStatus("exporter gpu02:9400", AT, AT, clock_skew_seconds=30.0),
    )
    answer = clock_skew.judge(replace(facts(**ON_TWO_NODES), sources=sources))
    subjects = [one.subject for one in answer.findings]
    assert subjects == [Subject("gpu01"), Subject(part="source=Prometheus http://prom")]
    assert "6 min 40 s behind" in answer.findings[0].explanation.replace("\u00a0", " ")


def test_sources_that_tell_no_time_leave_everybody_unknown():
    assert clock_skew.judge(replace(facts(), sources=(SourceStatus("exporter gpu01"),))).blind.everybody
