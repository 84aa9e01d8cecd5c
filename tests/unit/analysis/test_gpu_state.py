from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.unit.analysis.frames import flat, gpus, samples, series
from watchdog.analysis.faults import recent_faults
from watchdog.analysis.gpu_state import gpu_cells
from watchdog.analysis.load import recent_load
from watchdog.model.frames import GPUS, SAMPLES

GIB = 2.0**30
MINUTE = timedelta(minutes=1)


def judged(*readings, past=(), known=(), faults=None) -> pd.Series:
    """State of each GPU by name."""
    load = recent_load(series(*past), NOON, MINUTE) if past else None
    cells = gpu_cells(samples(*readings), gpus(*known), load, faults)
    return cells.set_index("gpu_uuid")["state"]


def readings(gpu: str, busy: float, watts: float = 300.0, memory: float = 0.0):
    return (
        ("gpu_util_ratio", gpu, busy),
        ("power_watts", gpu, watts),
        ("power_limit_watts", gpu, 700.0),
        ("memory_used_bytes", gpu, memory),
    )


def test_busy_and_idle_are_told_by_ten_minutes_and_not_by_one_reading():
    dip, work = readings("dip", 0.0), readings("work", 0.9)
    past = (*flat("dip", 0.9), *flat("work", 0.9))

    assert judged(*dip, *work, past=past).to_dict() == {"dip": "busy", "work": "busy"}
    assert judged(*readings("rest", 0.01), past=flat("rest", 0.01))["rest"] == "idle"


def test_without_history_the_newest_reading_decides():
    assert judged(*readings("a", 0.0), *readings("b", 0.5)).to_dict() == {"a": "idle", "b": "busy"}


def test_memory_held_for_half_an_hour_without_work_is_held_idle():
    held = readings("g", 0.0, memory=40 * GIB)

    assert judged(*held, past=flat("g", 0.0))["g"] == "held idle"
    assert judged(*held, past=flat("g", 0.0, minutes=12))["g"] == "idle"
    assert judged(*held, past=(*flat("g", 0.0), ("gpu_util_ratio", "g", 25.5, 0.5)))["g"] == "idle"


def test_a_process_holds_a_gpu_as_memory_does():
    row = (*readings("g", 0.0), ("compute_processes_count", "g", 1.0))

    assert judged(*row, past=flat("g", 0.0))["g"] == "held idle"


@pytest.mark.parametrize(
    ("busy", "watts", "state"),
    [(1.0, 120.0, "hung"), (0.9, 120.0, "busy"), (1.0, 400.0, "busy"), (1.0, 244.0, "hung"), (1.0, 246.0, "busy")],
)
def test_hung_is_pinned_busy_at_low_steady_power(busy, watts, state):
    assert judged(*readings("g", busy, watts), past=flat("g", busy, watts))["g"] == state


def test_low_power_that_moves_is_work():
    busy = flat("g", 1.0)[:30]
    moving = [*busy, *(("power_watts", "g", minute, 100.0 + 50 * (minute % 2)) for minute in range(30, 0, -1))]

    assert judged(*readings("g", 1.0, 150.0), past=moving)["g"] == "busy"


def test_throttling_by_heat_counts_and_by_the_power_cap_does_not():
    hot = (*readings("hot", 0.9), ("throttle_hw_thermal_flag", "hot", 1.0))
    capped = (*readings("cap", 0.9), ("throttle_power_cap_flag", "cap", 1.0))

    assert judged(*hot, *capped).to_dict() == {"hot": "throttled", "cap": "busy"}


def test_a_failed_row_remap_outranks_everything_a_living_gpu_does():
    row = (*readings("g", 0.9), ("row_remap_failure_flag", "g", 1.0), ("throttle_sw_thermal_flag", "g", 1.0))

    assert judged(*row)["g"] == "faulty"


def test_a_reset_wish_is_no_fault_and_a_reboot_wish_is_one():
    assert judged(*readings("g", 0.9), ("recovery_action_code", "g", 1.0))["g"] == "busy"
    assert judged(*readings("g", 0.9), ("recovery_action_code", "g", 2.0))["g"] == "faulty"


def test_a_gpu_whose_driver_says_it_is_lost_is_lost_and_not_seen_though_its_exporter_speaks_of_it():
    cells = gpu_cells(samples(*readings("a", 0.9), ("gpu_lost_flag", "b", 1.0)), gpus(), None, None)
    lost = cells.set_index("gpu_uuid").loc["b"]
    assert lost["state"] == "lost"
    assert lost["reason"] == "its driver lost it"
    assert pd.isna(lost["sampled_at"])


def test_a_silent_gpu_is_lost_where_its_node_reports_and_unknown_where_not():
    states = judged(*readings("a@n1", 0.9), known=("a@n1", "b@n1", "c@n2"))

    assert states.to_dict() == {"a": "busy", "b": "lost", "c": "unknown"}


def test_no_utilization_is_unknown_and_never_idle():
    assert judged(("power_watts", "g", 300.0))["g"] == "unknown"


def test_mig_instances_are_judged_by_their_mean_activity():
    rows = (("graphics_engine_active_ratio", "g/mig=1", 0.0), ("graphics_engine_active_ratio", "g/mig=2", 0.8))
    cells = gpu_cells(samples(*rows), GPUS.empty(), None, None)

    assert cells["busy_ratio"].tolist() == [0.4]
    assert cells["state"].tolist() == ["busy"]


def test_nothing_known_gives_no_rows_and_no_error():
    assert gpu_cells(SAMPLES.empty(), GPUS.empty(), None, None).empty


def test_where_nobody_reports_the_columns_keep_their_types():
    cells = gpu_cells(SAMPLES.empty(), gpus("a", "b"), None, None)

    assert cells["state"].tolist() == ["unknown", "unknown"]
    assert str(cells["sampled_at"].dtype) == "datetime64[us, UTC]"
    assert cells["power_watts"].dtype == "float64"


def test_reasons_carry_the_numbers():
    cells = gpu_cells(
        samples(*readings("g", 1.0, 120.0)), gpus("g"), recent_load(series(*flat("g", 1.0, 120.0)), NOON, MINUTE), None
    )

    assert cells["reason"].iloc[0] == "100 % busy for 10 min at only 120 W of 700 W"


def test_an_old_sticky_xid_is_no_fault_and_a_new_one_is():
    old = series(("xid_code", "old", 120, 79.0), ("xid_code", "old", 60, 79.0))
    new = series(("xid_code", "new", 120, 0.0), ("xid_code", "new", 60, 79.0))
    none = series()

    assert recent_faults(none, old).empty
    assert recent_faults(none, new).loc["new", "fault"] == "XID 79: GPU has fallen off the bus"
    assert recent_faults(none, new).loc["new", "fault_at"] == NOON - timedelta(minutes=60)


def test_an_xid_that_a_program_caused_is_no_fault():
    assert recent_faults(series(("xid_errors_count", "g/xid=31", 60, 1.0)), series()).empty
    assert len(recent_faults(series(("xid_errors_count", "g/xid=48", 60, 1.0)), series())) == 1


def test_an_xid_counter_that_appears_on_a_gpu_seen_before_is_new():
    there = ("gpu_temperature_celsius", "g", 300, 40.0)
    counter = ("xid_errors_count", "g/xid=79", 60, 1.0)

    assert len(recent_faults(series(), series(there, counter))) == 1
    assert recent_faults(series(), series(counter, ("gpu_temperature_celsius", "g", 60, 40.0))).empty


def test_growing_ecc_errors_are_a_fault_with_their_number():
    grown = series(("ecc_uncorrected_volatile_count", "g", 120, 2.0), ("ecc_uncorrected_volatile_count", "g", 60, 1.0))
    faults = recent_faults(grown, series())

    assert faults.loc["g", "fault"] == "3 uncorrected ECC errors in the last day"
    assert judged(*readings("g", 0.5), faults=faults)["g"] == "faulty"
