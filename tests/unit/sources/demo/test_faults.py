"""Every fault can be seen in what the exporters say, by its label."""

from datetime import timedelta

import pytest

from tests.unit.sources.demo.support import START, STEP, by_gpu, cluster
from watchdog.base.errors import SourceUnavailableError
from watchdog.sources.demo.catalogue import SPECS
from watchdog.sources.demo.faults import FaultKind
from watchdog.sources.demo.jobs import JobState
from watchdog.sources.demo.scenarios import every_fault, only

K = FaultKind
UTIL, POWER, TEMP = "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_GPU_TEMP"
CLOCK, MASK, USED = "DCGM_FI_DEV_SM_CLOCK", "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "DCGM_FI_DEV_FB_USED"
SM, TOP = "DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_DEV_MAX_SM_CLOCK"
XIDS = "watchdog_gpu_xid_errors_total"
SUCCESS = "watchdog_exporter_last_success_timestamp_seconds"


class Watched:
    """One fault alone on a cluster, looked at while it lasts: `seen[i]` are the values of its first GPU."""

    def __init__(self, kind, seed=3):
        self.cluster = cluster(only(kind, at=-5 * 3600, minutes=40), seed=seed)
        now = START - timedelta(hours=5)
        while not self.cluster.faults():
            self.cluster.advance(now)
            now += STEP
        (self.fault,) = self.cluster.faults()

    def page(self, minutes):
        return self.cluster.page(self.fault.node, self.fault.since + timedelta(minutes=minutes))

    def at(self, instant):
        return by_gpu(self.cluster.page(self.fault.node, instant))

    def series(self, first=4, last=38, every=1):
        """Values of the GPU hit, a dict a minute."""
        gpu = self.fault.gpus[0][1]
        return [by_gpu(self.page(minute))[gpu] for minute in range(first, last, every)]

    def job(self):
        (job,) = [j for j in self.cluster.jobs(self.fault.since) if j.job_id == self.fault.job]
        return job


def values(series, name):
    return [v[name] for v in series]


def test_heat_eases_the_clocks_of_a_hot_gpu():
    series = Watched(K.THERMAL_THROTTLE).series(8)
    hot = [v for v in series if v[TEMP] >= 87]
    assert len(hot) > len(series) / 2
    assert all(int(v[MASK]) & 0x20 for v in hot)
    assert all(v[CLOCK] < v[TOP] for v in hot)


def test_failed_cooling_makes_the_hardware_halve_the_clocks():
    series = Watched(K.COOLING_FAILURE).series(6)
    halved = [v for v in series if int(v[MASK]) & 0x48 == 0x48]
    assert halved
    assert all(v[CLOCK] <= 0.55 * v[TOP] for v in halved)


def test_a_gpu_that_is_held_but_never_used_is_idle_and_belongs_to_a_job():
    watched = Watched(K.NEVER_USED)
    assert set(values(watched.series(), UTIL)) == {0}
    assert max(values(watched.series(36), USED)) < 100
    assert watched.job().state is JobState.RUNNING
    assert watched.job().held == watched.fault.gpus


def test_a_job_gone_idle_keeps_its_memory():
    watched = Watched(K.GONE_IDLE)
    series = watched.series()
    assert max(values(series, UTIL)) == 0
    assert min(values(series, USED)) > 5000
    assert watched.job().state is JobState.RUNNING


def test_a_hung_job_shows_full_utilization_at_low_and_flat_power():
    series = Watched(K.HUNG).series()
    assert set(values(series, UTIL)) == {100}
    power = values(series, POWER)
    assert max(power) < 150
    assert max(power) - min(power) < 3
    assert max(values(series, SM)) < 0.02


def test_a_stall_takes_all_gpus_of_the_job_to_zero():
    watched = Watched(K.JOB_STALL)
    page = by_gpu(watched.page(10))
    here = [index for node, index in watched.fault.gpus if node == watched.fault.node]
    assert len(here) > 1
    assert all(page[index][UTIL] == 0 for index in here)


def test_a_starved_job_uses_about_a_quarter():
    utils = values(Watched(K.INPUT_BOUND).series(), UTIL)
    assert 5 < sum(utils) / len(utils) < 35


def test_a_straggler_runs_slowly_without_a_reason_and_the_others_wait():
    watched = Watched(K.STRAGGLER)
    page = by_gpu(watched.page(20))
    slow = page[watched.fault.gpu]
    assert slow[CLOCK] < 0.65 * slow[TOP]
    assert int(slow[MASK]) & ~0x1 == 0
    peers = [i for n, i in watched.job().held if n == watched.fault.node and i != watched.fault.gpu]
    assert all(page[i][CLOCK] > 0.9 * page[i][TOP] for i in peers)


def test_leaking_memory_grows_until_the_job_dies_of_it():
    watched = Watched(K.MEMORY_LEAK)
    used = values(watched.series(2, 38, 4), USED)
    assert used == sorted(used)
    assert used[-1] > 0.97 * 81000
    watched.cluster.advance(watched.fault.until + STEP)
    assert watched.job().state is JobState.OUT_OF_MEMORY


def test_zombie_memory_lies_on_a_gpu_without_a_job():
    watched = Watched(K.ZOMBIE_MEMORY)
    assert min(values(watched.series(), USED)) > 15000
    assert max(values(watched.series(36), UTIL)) == 0
    held = {place for job in watched.cluster.jobs(watched.fault.since) if job.ended_at is None for place in job.held}
    assert watched.fault.gpus[0] not in held


def test_a_lost_gpu_counts_xid_79_and_then_shows_no_sensor():
    watched = Watched(K.GPU_LOST)
    gpu = watched.fault.gpu
    first = by_gpu(watched.page(0.25))[gpu]
    assert first[f"{XIDS}/79"] == 1
    assert UTIL in first
    later = by_gpu(watched.page(10))[gpu]
    assert later == {f"{XIDS}/79": 1, "DCGM_FI_DEV_XID_ERRORS": 79, "watchdog_gpu_lost": 1}
    assert watched.job().state is JobState.FAILED
    (node,) = [n for n in watched.cluster.nodes(watched.fault.since) if n.name == watched.fault.node]
    assert node.state in {"drained", "draining"}
    assert "Xid 79" in node.reason


def test_corrected_errors_grow():
    counts = values(Watched(K.ECC_CORRECTED).series(), "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL_total")
    assert counts[-1] > counts[0] > 0


def test_an_uncorrected_error_waits_for_a_reset_and_is_remapped_by_it():
    watched = Watched(K.ECC_UNCORRECTED)
    v = watched.series(10, 11)[0]
    assert v["DCGM_FI_DEV_ECC_DBE_VOL_TOTAL_total"] == 1
    assert v["DCGM_FI_DEV_ROW_REMAP_PENDING"] == 1
    assert {f"{XIDS}/48", f"{XIDS}/63"} <= v.keys()
    after = watched.series(42, 43)[0]
    assert after["DCGM_FI_DEV_ECC_DBE_VOL_TOTAL_total"] == 0
    assert after["DCGM_FI_DEV_ROW_REMAP_PENDING"] == 0
    assert after["DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS_total"] == 1


def test_a_failed_remap_is_flagged():
    v = Watched(K.ROW_REMAP_FAILURE).series(10, 11)[0]
    assert v["DCGM_FI_DEV_ROW_REMAP_FAILURE"] == 1
    assert f"{XIDS}/64" in v


@pytest.mark.parametrize(("kind", "code"), [(K.XID_13, 13), (K.XID_31, 31), (K.XID_94, 94)])
def test_an_xid_is_counted_stays_as_the_last_one_and_fails_the_job(kind, code):
    watched = Watched(kind)
    v = watched.series(3, 4)[0]
    assert v[f"{XIDS}/{code}"] == 1
    assert v["DCGM_FI_DEV_XID_ERRORS"] == code
    assert watched.job().state is JobState.FAILED


def test_no_xid_gauge_before_the_first_xid():
    demo = cluster()
    assert b"XID" not in demo.page("gpu01", START)


def test_a_firmware_timeout_hangs_the_gpu_and_asks_for_a_reset():
    v = Watched(K.XID_119).series(10, 11)[0]
    assert f"{XIDS}/119" in v
    assert v[UTIL] == 100
    assert v[POWER] < 150
    assert v["DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION"] == 1


def test_nvlink_errors_grow():
    watched = Watched(K.NVLINK_ERRORS)
    flits = values(watched.series(), "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL_total")
    assert flits[-1] > flits[0] + 1000
    assert f"{XIDS}/74" in watched.series(36)[0]


def test_a_degraded_link_has_fewer_lanes_than_it_could():
    v = Watched(K.PCIE_DEGRADED).series(20, 21)[0]
    assert v["DCGM_FI_DEV_PCIE_LINK_WIDTH"] == 4
    assert v["DCGM_FI_DEV_PCIE_MAX_LINK_WIDTH"] == 16


def test_replays_grow():
    replays = values(Watched(K.PCIE_REPLAYS).series(), "DCGM_FI_DEV_PCIE_REPLAY_COUNTER_total")
    assert replays[-1] - replays[0] > 30 * 60


def test_the_power_brake_halves_the_clocks_of_a_whole_node():
    watched = Watched(K.POWER_BRAKE)
    page = by_gpu(watched.page(20))
    braked = [v for gpu, v in page.items() if gpu >= 0 and int(v[MASK]) & 0x88 == 0x88]
    assert len(braked) >= 3
    assert all(v[CLOCK] <= 0.55 * v[TOP] for v in braked)


@pytest.mark.parametrize("kind", [K.EXPORTER_DEAD, K.NODE_DOWN])
def test_a_dead_exporter_answers_nothing_and_then_again(kind):
    watched = Watched(kind)
    with pytest.raises(SourceUnavailableError) as caught:
        watched.page(10)
    assert caught.value.hint
    assert watched.page(41)


def test_a_dead_exporter_does_not_end_jobs_but_a_dead_node_does():
    alive = Watched(K.EXPORTER_DEAD)
    down = Watched(K.NODE_DOWN)
    for watched, state in ((alive, ""), (down, "down")):
        now = watched.fault.since + timedelta(minutes=3)
        (node,) = [n for n in watched.cluster.nodes(now) if n.name == watched.fault.node]
        assert (node.state == "down") == bool(state)
    assert any(j.state is JobState.NODE_FAIL for j in down.cluster.jobs(down.fault.since))
    assert not any(j.state is JobState.NODE_FAIL for j in alive.cluster.jobs(alive.fault.since))


def test_a_frozen_exporter_serves_the_same_page_with_an_old_success():
    watched = Watched(K.EXPORTER_FROZEN)
    first = watched.page(2)
    assert watched.page(30) == first
    age = (watched.fault.since + timedelta(minutes=30)).timestamp() - by_gpu(first)[-1][SUCCESS]
    assert age > 29 * 60
    assert watched.page(42) != first


def test_a_drained_node_takes_no_new_jobs():
    watched = Watched(K.NODE_DRAINED)
    now = watched.fault.since + timedelta(minutes=30)
    (node,) = [n for n in watched.cluster.nodes(now) if n.name == watched.fault.node]
    assert node.state in {"drained", "draining"}
    started = [j for j in watched.cluster.jobs(now) if j.started_at and j.started_at > watched.fault.since]
    assert not any(watched.fault.node in job.nodes for job in started)


def test_a_stuck_sensor_does_not_move_while_utilization_does():
    series = Watched(K.SENSOR_STUCK).series()
    assert len(set(values(series, POWER))) == 1
    assert len(set(values(series, TEMP))) == 1
    assert len(set(values(series, SM))) > 5


def test_a_skewed_clock_shows_in_the_nodes_own_timestamps():
    watched = Watched(K.CLOCK_SKEW)
    now = watched.fault.since + timedelta(minutes=10)
    theirs = watched.at(now)[-1][SUCCESS]
    assert abs(theirs - now.timestamp()) > 200
    assert abs(watched.cluster.clock_skew(watched.fault.node).total_seconds()) > 200


def test_every_kind_has_a_text_and_happens_in_the_scenario_of_every_fault():
    assert set(SPECS) == set(FaultKind)
    demo = cluster(every_fault())
    demo.advance(START)
    faults = demo.faults()
    assert {fault.kind for fault in faults} == set(FaultKind)
    for fault in faults:
        assert fault.node in fault.text or str(fault.job) in fault.text
        assert "None" not in fault.text, fault
        assert fault.since < fault.until


def test_a_healthy_cluster_has_no_faults():
    demo = cluster()
    demo.advance(START + timedelta(hours=6))
    assert demo.faults() == ()
