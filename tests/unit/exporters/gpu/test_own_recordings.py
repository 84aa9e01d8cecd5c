"""What our exporter read on real H100 and H200 machines (`tests/lab/record_gpu.py`): idle, busy, holding, spinning."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from tests.unit.analysis.health.build import facts
from tests.unit.exporters.support import samples
from watchdog.analysis.gpu_state import HELD_BYTES, IDLE_BELOW
from watchdog.analysis.health.hung import judge
from watchdog.exporters.gpu.page import Extras, page_text
from watchdog.exporters.gpu.smi_xml import parse_xml
from watchdog.model.metrics import CATALOGUE, is_blank

DATA = Path(__file__).parents[3] / "data" / "gpu"
MACHINES = ("h100", "h200")
PHASES = ("idle", "busy", "held", "spinning")
# Moves between two reads.
MOVING = ("PCIE", "POWER_USAGE", "TEMP", "CLOCK", "ENERGY", "FB_", "UTIL")


def page(machine, phase):
    """The exporter's page over NVML."""
    return samples((DATA / machine / f"{phase}.prom").read_text())


def value(found, name):
    return found[name][0][1]


def course(machine, phase, name):
    """A series as it was read every five seconds of a phase."""
    text = gzip.decompress((DATA / machine / "series.prom.gz").read_bytes()).decode()
    parts = re.split(r"^# at [\d.]+ in (\w+)\n", text, flags=re.M)[1:]
    return [value(samples(body), name) for seen, body in zip(parts[::2], parts[1::2], strict=True) if seen == phase]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("machine", MACHINES)
def test_nvml_and_nvidia_smi_tell_the_same(machine, phase):
    ours = page(machine, phase)
    theirs = samples(page_text(parse_xml((DATA / machine / f"{phase}.xml").read_text()), "gpu-node", Extras()))
    shared = {name for name in ours if name in theirs and name.startswith("DCGM")}
    assert len(shared) >= 30
    for name in shared:
        if not any(part in name for part in MOVING):
            assert value(ours, name) == value(theirs, name), name
    assert value(ours, "DCGM_FI_DEV_GPU_TEMP") == pytest.approx(value(theirs, "DCGM_FI_DEV_GPU_TEMP"), abs=3)
    assert value(ours, "DCGM_FI_DEV_POWER_USAGE") == pytest.approx(value(theirs, "DCGM_FI_DEV_POWER_USAGE"), rel=0.1)
    assert value(ours, "DCGM_FI_DEV_FB_USED") == pytest.approx(value(theirs, "DCGM_FI_DEV_FB_USED"), abs=2)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_value_lies_in_the_catalogues_range(machine):
    ranges = {e.name: (m, e) for m in CATALOGUE.values() for e in m.names if not e.bit}
    for phase in PHASES:
        for name, rows in page(machine, phase).items():
            for _, read in rows:
                assert not is_blank(read)
                if name in ranges:
                    metric, exported = ranges[name]
                    assert metric.low <= read * exported.factor <= metric.high, (phase, name, read)


@pytest.mark.parametrize("machine", MACHINES)
def test_matrix_products_run_into_the_power_cap_and_no_other_brake(machine):
    found = page(machine, "busy")
    assert value(found, "DCGM_FI_DEV_GPU_UTIL") == 100
    assert value(found, "DCGM_FI_DEV_POWER_USAGE") > 650
    assert value(found, "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS") == 4


@pytest.mark.parametrize("machine", MACHINES)
def test_memory_held_by_a_process_that_rests_shows_as_held_and_idle(machine):
    found = page(machine, "held")
    assert value(found, "DCGM_FI_DEV_FB_USED") * 2**20 > HELD_BYTES
    assert max(course(machine, "held", "DCGM_FI_DEV_GPU_UTIL")[3:]) < IDLE_BELOW * 100
    assert value(found, "watchdog_gpu_compute_processes") == 1


def minutes(machine, phase, name):
    """The readings of a phase, one a minute."""
    return np.resize(course(machine, phase, name)[3:], (1, 30))


def judged(machine, phase):
    power = minutes(machine, phase, "DCGM_FI_DEV_POWER_USAGE")
    busy = minutes(machine, phase, "DCGM_FI_DEV_GPU_UTIL") / 100
    limit = value(page(machine, phase), "DCGM_FI_DEV_ENFORCED_POWER_LIMIT")
    now = {"busy_ratio": busy[0, -1], "gpu_util_ratio": busy[0, -1], "power_watts": power[0, -1]}
    return judge(facts(1, trace={"gpu_util_ratio": busy, "power_watts": power}, power_limit_watts=limit, **now))


@pytest.mark.parametrize("machine", MACHINES)
def test_a_real_spinning_kernel_is_found_to_hang_and_real_work_is_not(machine):
    assert len(judged(machine, "spinning").findings) == 1
    assert not judged(machine, "busy").findings
    assert not judged(machine, "held").findings


@pytest.mark.parametrize("machine", MACHINES)
def test_energy_counts_what_power_says(machine):
    joules = course(machine, "spinning", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION_total")
    watts = np.mean(course(machine, "spinning", "DCGM_FI_DEV_POWER_USAGE"))
    assert (joules[-1] - joules[0]) / 1000 == pytest.approx(watts * 5.2 * (len(joules) - 1), rel=0.15)
