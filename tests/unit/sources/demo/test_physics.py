"""The machines obey physics."""

import numpy as np
import pytest

from tests.unit.sources.demo.support import ZERO, by_gpu, cluster
from watchdog.sources.demo.activity import Workload
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.effects import Effects
from watchdog.sources.demo.engine import Engine
from watchdog.sources.demo.hardware import Fleet
from watchdog.sources.demo.jobs import Job, JobState, Profile, Request, Work
from watchdog.sources.demo.physics import Physics
from watchdog.sources.demo.scenarios import every_fault
from watchdog.sources.demo.sensors import NAMES

FLEET = Fleet(4, 8, seed=1)
BUSY = Profile(work=Work.TRAINING, util=1.0, intensity=1.1, sm=0.9, dram=0.5, memory=0.8)
QUIET = np.zeros(FLEET.count)


def job(gpus, profile=BUSY):
    request = Request("u", "a", "h100", "n", len(gpus), 1e6, 1e6, profile=profile)
    return Job(1, request, 0.0, JobState.RUNNING, started=0.0, ends=1e6, gpus=gpus)


def run(physics, jobs, effects, steps=80):
    load = Workload(FLEET, jobs)
    for i in range(steps):
        demand = load.demand(1000.0 + 15 * i, QUIET)
        effects.reshape(demand, 1000.0 + 15 * i)
        demand.wait(physics.pace(load))
        physics.step(demand, effects, 15.0, QUIET)
    return physics


def row(engine, name):
    return engine.readings.values[NAMES.index(name)]


def test_an_idle_gpu_cools_down_to_its_own_air_and_draws_60_to_75_watts():
    physics = Physics(FLEET)
    physics.temperature += 60
    run(physics, [], Effects(FLEET))
    warmer = physics.temperature - FLEET.inlet
    assert warmer == pytest.approx(FLEET.kelvin_per_watt * FLEET.idle_watts, abs=0.1)
    assert ((physics.power > 55) & (physics.power < 75)).all()


def test_a_gpu_under_full_load_meets_its_power_limit_with_lower_clocks():
    physics = run(Physics(FLEET), [job((0, 1))], Effects(FLEET))
    assert physics.capped[[0, 1]].all()
    assert physics.power[[0, 1]] == pytest.approx(700, rel=0.02)
    assert (physics.clock_ratio[[0, 1]] < 1).all()
    assert not physics.capped[2:].any()


def test_heat_comes_and_goes_slowly():
    physics = Physics(FLEET)
    before = physics.temperature[0]
    after_15_s = run(physics, [job((0,))], Effects(FLEET), steps=1).temperature[0]
    settled = run(physics, [job((0,))], Effects(FLEET)).temperature[0]
    assert before < after_15_s < before + 0.5 * (settled - before)


def test_a_badly_cooled_gpu_settles_between_both_thermal_limits_and_eases_its_clock():
    effects = Effects(FLEET)
    effects.hottest[0] = 100.0
    physics = run(Physics(FLEET), [job((0,))], effects)
    assert 87 <= physics.temperature[0] < 92
    assert physics.eased[0]
    assert not physics.overheated[0]
    assert physics.clock_ratio[0] < 0.96


def test_a_gpu_whose_cooling_failed_is_halved_by_the_hardware_before_it_burns():
    effects = Effects(FLEET)
    effects.hottest[0] = 150.0
    physics, hottest, halved = Physics(FLEET), 0.0, False
    for _ in range(80):
        run(physics, [job((0,))], effects, steps=1)
        hottest, halved = max(hottest, physics.temperature[0]), halved or bool(physics.overheated[0])
    assert halved
    assert hottest < 105


def test_the_rest_of_a_job_waits_for_its_slowest_gpu():
    effects = Effects(FLEET)
    effects.clock_cap[3] = 0.5
    physics = run(Physics(FLEET), [job((0, 1, 2, 3))], effects)
    alone = run(Physics(FLEET), [job((0, 1, 2, 3))], Effects(FLEET))
    assert (physics.power[[0, 1, 2]] < 0.75 * alone.power[[0, 1, 2]]).all()
    assert physics.clock_ratio[3] == pytest.approx(0.5)


def test_power_stays_under_the_limit_through_every_fault():
    engine = Engine(DemoConfig(scenario=every_fault()), ZERO)
    while engine.tick < 0:
        engine.step()
        over = row(engine, "DCGM_FI_DEV_POWER_USAGE") / row(engine, "DCGM_FI_DEV_ENFORCED_POWER_LIMIT")
        assert np.nanmax(over) <= 1.05


def test_the_energy_counter_is_the_integral_of_power():
    engine = Engine(DemoConfig(nodes=2), ZERO)
    first, joules = row(engine, "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION").copy(), np.zeros(16)
    for _ in range(240):
        engine.step()
        joules += row(engine, "DCGM_FI_DEV_POWER_USAGE") * 15
    counted = (row(engine, "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION") - first) / 1000
    assert counted == pytest.approx(joules, rel=0.01)


def test_memory_adds_up_and_is_whole_mebibytes():
    engine = Engine(DemoConfig(), ZERO)
    for _ in range(50):
        engine.step()
        parts = sum(row(engine, f"DCGM_FI_DEV_FB_{name}") for name in ("USED", "FREE", "RESERVED"))
        assert (parts == row(engine, "DCGM_FI_DEV_FB_TOTAL")).all()
        assert (row(engine, "DCGM_FI_DEV_FB_FREE") >= 0).all()


def test_energy_and_replays_fall_only_where_a_fault_ends_with_a_reset():
    engine = Engine(DemoConfig(scenario=every_fault()), ZERO)
    reset_ends, before = 0, {}
    while engine.tick < 0:
        engine.step()
        now = engine.time.story(engine.now)
        ended = [hit for hit in engine.injector.history if hit.spec.resets and now - 15 <= hit.until <= now]
        allowed = {g for hit in ended for g in engine.fleet.of_node(hit.node)}
        for name in ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_DEV_PCIE_REPLAY_COUNTER"):
            fell = set(np.flatnonzero(row(engine, name) < before.get(name, 0)).tolist())
            assert fell <= allowed
            reset_ends += len(fell)
            before[name] = np.fmax(row(engine, name), -1).copy()
    assert reset_ends > 0


def test_sensors_round_as_real_exporters_do():
    values = by_gpu(cluster().page("gpu01", ZERO))[0]
    for name in ("GPU_UTIL", "SM_CLOCK", "GPU_TEMP", "MEMORY_TEMP", "FB_USED", "NVLINK_BANDWIDTH_TOTAL"):
        assert values[f"DCGM_FI_DEV_{name}"] == int(values[f"DCGM_FI_DEV_{name}"]), name
    assert round(values["DCGM_FI_DEV_POWER_USAGE"], 3) == values["DCGM_FI_DEV_POWER_USAGE"]
    assert 0 <= values["DCGM_FI_PROF_SM_ACTIVE"] <= 1


def test_power_of_busy_and_idle_a100s_is_like_that_of_real_ones(traces):
    pd = pytest.importorskip("pandas")
    path = traces / "dev/llview_juwels_booster/9438058/GPU_9438058_node.parquet"
    real = pd.read_parquet(path)
    idle = real[real["gpu_usage"] == 0]["gpu_pu"].quantile([0.1, 0.9])
    fleet = [g for g, model in enumerate(FLEET.models) if "A100" in model.name]
    physics = run(Physics(FLEET), [], Effects(FLEET))
    assert idle.iloc[0] - 12 < physics.power[fleet].mean() < idle.iloc[1] + 12
    half = Profile(work=Work.TRAINING, util=0.7, intensity=0.45, sm=0.4, memory=0.1)
    physics = run(Physics(FLEET), [job(tuple(fleet), half)], Effects(FLEET))
    busy = real[(real["gpu_usage"] > 60) & (real["gpu_usage"] < 75)]["gpu_pu"]
    assert busy.quantile(0.05) < physics.power[fleet].mean() < busy.quantile(0.95)
