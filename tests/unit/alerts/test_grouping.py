"""Alerts with one cause are one incident."""

from __future__ import annotations

import importlib
from datetime import timedelta
from pkgutil import iter_modules

from tests.unit.alerts.stage import CRITICAL, INFO, Stage, finding, gpu, rule
from watchdog.alerts import grouping
from watchdog.analysis import health
from watchdog.model.alerts import Acknowledgement
from watchdog.model.findings import Subject

RULES = (rule("hot"), rule("xid"), rule("node_down"), rule("exporter_lost"), rule("gpu_missing"), rule("hung"))


def _stage():
    return Stage(*RULES)


def _titles(stage):
    return sorted(incident.title for incident in stage.incidents)


def _xids(nodes, gpus=8, first=0):
    return [finding(gpu(g, f"gpu{n:02d}"), "xid", CRITICAL) for n in range(first, first + nodes) for g in range(gpus)]


def test_one_rule_on_one_node_is_one_incident_and_another_rule_another():
    stage = _stage().see(finding(gpu(0)), finding(gpu(1)), finding(gpu(1), "xid"), finding(gpu(0, "gpu02")))
    assert _titles(stage) == ["Hot: 2 GPUs on gpu01", "Hot: GPU 0 on gpu02", "Xid: GPU 1 on gpu01"]


def test_what_is_wrong_with_a_job_is_one_incident_wherever_its_gpus_are():
    found = [finding(gpu(g, node), "hung", job_id="812") for node in ("gpu01", "gpu02") for g in (0, 1)]
    stage = _stage().see(*found, finding(gpu(5), "hung", job_id="813"), finding(Subject(job_id="9"), "hung"))
    assert _titles(stage) == ["Hung: job 812 (4 GPUs)", "Hung: job 813 (1 GPU)", "Hung: job 9"]
    assert {incident.cause for incident in stage.incidents} == {f"hung:job={job}" for job in (812, 813, 9)}


def test_what_a_broken_gpu_shows_is_one_incident_however_late_it_comes():
    fell_off = finding(gpu(3), "xid", CRITICAL)
    stage = _stage().see(fell_off).see(fell_off, finding(gpu(3), "gpu_missing", CRITICAL), seconds=600)
    [incident] = stage.incidents
    assert incident.title.endswith("GPU 3 on gpu01 and 1 more alert")


def test_an_error_of_a_program_is_no_broken_gpu():
    stage = _stage().see(finding(gpu(3), "xid", INFO), finding(gpu(3), "gpu_missing", CRITICAL))
    assert len(stage.incidents) == 2


def test_a_lost_node_is_one_incident_with_all_that_is_silent_because_of_it():
    down = finding(Subject("gpu03"), "node_down", CRITICAL)
    lost = finding(Subject("gpu03"), "exporter_lost", CRITICAL)
    missing = [finding(gpu(g, "gpu03"), "gpu_missing", CRITICAL) for g in range(8)]
    stage = _stage().see(lost).see(lost, down, *missing)
    assert _titles(stage) == ["Exporter lost: gpu03 and 9 more alerts"]
    assert (stage.incidents[0].cause, stage.incidents[0].open_members) == ("node:gpu03", 10)
    assert stage.told == ["firing"]


def test_a_hot_gpu_of_a_lost_node_is_its_own_incident():
    stage = _stage().see(finding(Subject("gpu03"), "node_down", CRITICAL), finding(gpu(0, "gpu03")))
    assert len(stage.incidents) == 2


def test_a_storm_of_xids_on_many_nodes_is_one_incident_and_one_message():
    stage = _stage().see(*_xids(nodes=15, gpus=8))
    assert _titles(stage) == ["Xid: 120 GPUs on 15 nodes"]
    assert stage.told == ["firing"]


def test_a_storm_that_begins_small_takes_its_beginning_in():
    first = _xids(nodes=2, gpus=1)
    stage = _stage().see(*first)
    assert len(stage.incidents) == 2
    stage.see(*first, *_xids(nodes=12, gpus=8, first=2))
    assert _titles(stage) == ["Xid: 98 GPUs on 14 nodes"]
    assert stage.kinds.count("merged") == 2
    assert stage.told.count("resolved") == 2
    assert {alert.incident_id for alert in stage.alerts} == {stage.incidents[0].incident_id}


def test_a_storm_takes_in_what_joins_within_half_a_minute_but_not_later():
    stage = _stage().see(*_xids(5)).see(*_xids(7)).see(*_xids(7), seconds=60, times=2)
    assert _titles(stage) == ["Xid: 56 GPUs on 7 nodes"]
    stage.see(*_xids(8))
    assert _titles(stage) == ["Xid: 56 GPUs on 7 nodes", "Xid: 8 GPUs on gpu07"]


def test_a_second_storm_is_a_second_incident():
    stage = _stage().see(*_xids(5)).see(*_xids(5), seconds=600, times=2).see(*_xids(10))
    assert len(stage.incidents) == 2
    assert [incident.open_members for incident in stage.incidents] == [40, 40]


def test_what_began_at_different_times_is_no_storm_though_it_is_found_at_once():
    stage = _stage()
    found = [finding(gpu(0, f"gpu{n:02d}"), since=stage.clock.now() - timedelta(minutes=10 * n)) for n in range(10)]
    assert len(stage.see(*found).incidents) == 10


def test_somebodys_incident_is_not_drawn_into_a_storm():
    stage = _stage().see(*_xids(1, gpus=1))
    stage.engine.acknowledge(stage.incidents[0].incident_id, Acknowledgement("Ann", stage.clock.now()), expected=None)
    stage.see(*_xids(nodes=12))
    assert len(stage.incidents) == 2
    assert [incident.ack is not None for incident in stage.incidents].count(True) == 1


def test_an_incident_with_an_older_member_is_not_drawn_into_a_storm():
    old = finding(gpu(7, "gpu00"), "xid", CRITICAL)
    stage = _stage().see(old).see(old, seconds=900).see(old, *_xids(1, gpus=1))
    stage.see(old, *_xids(nodes=12, gpus=1))
    assert _titles(stage) == ["Xid: 11 GPUs on 11 nodes", "Xid: 2 GPUs on gpu00"]
    assert "merged" not in stage.kinds


def test_many_jobs_at_once_are_a_storm_two_are_not():
    jobs = [finding(gpu(g, f"gpu{j:02d}"), "hung", job_id=str(j)) for j in range(8) for g in range(8)]
    assert len(_stage().see(*jobs[:16]).incidents) == 2
    assert _titles(_stage().see(*jobs)) == ["Hung: 64 GPUs on 8 nodes"]


def test_many_nodes_lost_at_once_are_one_incident_with_their_gpus():
    nodes = [f"gpu{n:02d}" for n in range(6)]
    lost = [finding(Subject(node), "exporter_lost", CRITICAL) for node in nodes]
    missing = [finding(gpu(g, node), "gpu_missing", CRITICAL) for node in nodes for g in range(8)]
    stage = _stage().see(*lost).see(*lost, *missing)
    assert _titles(stage) == ["Exporter lost: 6 nodes and 48 more alerts"]


def test_an_incident_is_as_grave_as_its_worst_open_member():
    stage = _stage().see(finding(gpu(0), severity=INFO), finding(gpu(1), severity=CRITICAL))
    assert stage.incidents[0].severity is CRITICAL
    stage.see(finding(gpu(0), severity=INFO), times=3)
    assert (stage.incidents[0].severity, stage.incidents[0].open_members, stage.incidents[0].members) == (INFO, 1, 2)


def test_the_checks_that_grouping_knows_by_name_exist():
    modules = [importlib.import_module(f"{health.__name__}.{each.name}") for each in iter_modules(health.__path__)]
    keys = {module.KEY for module in modules if hasattr(module, "KEY")}
    assert keys >= grouping.LOST | grouping.SILENT | grouping.OF_JOBS | set(grouping.OF_BOARDS)
