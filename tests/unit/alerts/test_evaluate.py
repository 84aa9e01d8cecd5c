"""Thresholds are held against the GPUs in scope; without data nobody is fine."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.alerts.rules_of import rule
from tests.unit.analysis.health.build import AT, facts
from watchdog.alerts.evaluate import judge_rule
from watchdog.analysis.health.facts import Slurm
from watchdog.model.findings import Subject
from watchdog.model.rules import Comparison, Reading, Scope
from watchdog.model.scheduler import NODES

NODE = {name: "" if column.dtype == "string" else None for name, column in NODES.columns.items()}


def found(judged):
    return {each.subject.gpu_uuid for each in judged.findings}


def open_on(*gpus):
    return {Subject("gpu01", gpu) for gpu in gpus}


@pytest.mark.parametrize(
    ("comparison", "bad"),
    [
        (Comparison.ABOVE, {"GPU-2"}),
        (Comparison.AT_LEAST, {"GPU-1", "GPU-2"}),
        (Comparison.BELOW, {"GPU-0"}),
        (Comparison.AT_MOST, {"GPU-0", "GPU-1"}),
    ],
)
def test_a_value_is_compared_as_the_rule_says(comparison, bad):
    judged = judge_rule(rule(comparison=comparison), facts(3, gpu_temperature_celsius=[79.0, 80.0, 81.0]))
    assert found(judged) == bad
    assert not judged.blind.gpus


def test_a_finding_tells_the_value_the_holder_and_when_it_was_read():
    one = rule(message="{gpu} on {node}: {value} > {threshold} ({job})", action="Look.", source="NVIDIA")
    fleet = facts(2, gpu_temperature_celsius=[70.0, 91.0], job_id=["", "812"], job_user=["", "ada"])
    (finding,) = judge_rule(one, fleet).findings
    assert finding.explanation.replace("\xa0", " ") == "GPU 1 on gpu01: 91 °C > 80 °C (812)"
    assert finding.subject == Subject("gpu01", "GPU-1")
    assert (finding.value, finding.job_id, finding.user, finding.gpu_index) == (91.0, "812", "ada", 1)
    assert (finding.action, finding.source, finding.check) == ("Look.", "NVIDIA", "hot")
    assert finding.evidence[0].at == AT


def test_an_open_alert_ends_at_the_clear_level_and_others_begin_at_the_threshold():
    fleet = facts(4, gpu_temperature_celsius=[77.0, 77.0, 75.0, 81.0])
    assert found(judge_rule(rule(clear=75), fleet, open_on("GPU-0", "GPU-2"))) == {"GPU-0", "GPU-3"}


def test_a_gpu_without_a_reading_is_blind_and_not_fine():
    judged = judge_rule(rule(), facts(3, gpu_temperature_celsius=[90.0, None, 20.0]))
    assert found(judged) == {"GPU-0"}
    assert judged.blind.gpus == {"GPU-1"}
    assert judged.blind.why == "no reading of gpu_temperature_celsius from 1 GPUs"


def test_an_open_alert_of_a_gpu_that_is_in_no_row_is_blind():
    judged = judge_rule(rule(), facts(1, gpu_temperature_celsius=20.0), {Subject("gpu09", "GPU-X")})
    assert judged.blind.gpus == {"GPU-X"}


def test_a_metric_nobody_exports_blinds_everybody_with_the_reason():
    judged = judge_rule(rule(), facts(3))
    assert judged.blind.everybody
    assert judged.blind.why == "no exporter publishes gpu_temperature_celsius"


def test_a_metric_that_was_not_read_blinds_everybody():
    assert judge_rule(rule("fan_ratio", 0.9), facts(3)).blind.why == "fan_ratio was not read"
    growing = rule("xid_errors_count", 0, reading=Reading.INCREASE)
    assert judge_rule(growing, facts(3)).blind.why == "xid_errors_count was not read"


def test_a_metric_outside_the_usual_cells_works_once_it_is_there():
    fleet = facts(2)
    fleet = replace(fleet, cells=fleet.cells.assign(fan_ratio=[0.2, 0.99]))
    assert found(judge_rule(rule("fan_ratio", 0.9), fleet)) == {"GPU-1"}


def test_the_filled_memory_is_a_quantity():
    fleet = facts(2, memory_ratio=[0.2, 0.99], memory_used_bytes=1.0, memory_total_bytes=2.0)
    assert found(judge_rule(rule("memory_ratio", 0.9), fleet)) == {"GPU-1"}


def growing(**changes):
    return rule("pcie_replay_count", 5, reading=Reading.INCREASE, over_seconds=600, **changes)


def count(last, ago=None, minutes=60):
    """A counter at 0, then at `last` for the last `ago` minutes."""
    values = np.zeros(minutes)
    values[minutes - (ago or 1) :] = last
    return values


def test_a_counter_is_judged_by_its_growth_in_the_window():
    trace = {"pcie_replay_count": np.array([count(6, 9), count(6, 11), count(5, 3), count(900, 60)])}
    assert found(judge_rule(growing(), facts(4, trace=trace))) == {"GPU-0"}


def test_a_counter_that_began_anew_grew_by_what_it_shows():
    values = np.full(60, 1000.0)
    values[-3:] = 7
    assert found(judge_rule(growing(), facts(1, trace={"pcie_replay_count": values[None]}))) == {"GPU-0"}


def test_a_counter_that_stopped_being_read_is_blind():
    values = count(100, 8)
    values[-5:] = np.nan
    judged = judge_rule(growing(), facts(1, trace={"pcie_replay_count": values[None]}))
    assert not judged.findings
    assert judged.blind.gpus == {"GPU-0"}


def test_growth_seen_in_a_part_of_the_window_is_told_but_no_growth_is_not_believed():
    seen = np.array([[0.0, 9.0], [0.0, 0.0]])
    judged = judge_rule(growing(), facts(2, trace={"pcie_replay_count": seen}))
    assert found(judged) == {"GPU-0"}
    assert judged.blind.gpus == {"GPU-1"}


def nodes(**partitions):
    rows = [NODE | {"node": node, "partitions": names, "takes_work": True} for node, names in partitions.items()]
    return Slurm(AT, nodes=NODES.conform(pd.DataFrame(rows)))


def hot(count=3, **columns):
    return facts(count, gpu_temperature_celsius=90.0, **columns)


def scoped(**patterns):
    return rule(scope=Scope(**patterns))


def test_a_scope_of_nodes_and_models_takes_shell_patterns():
    fleet = hot(3, node=["gpu01", "gpu02", "cpu01"], gpu_model=["NVIDIA H100", "NVIDIA A100", "NVIDIA H100"])
    assert found(judge_rule(scoped(nodes=("gpu*",)), fleet)) == {"GPU-0", "GPU-1"}
    assert found(judge_rule(scoped(nodes=("gpu0[2-9]", "cpu01")), fleet)) == {"GPU-1", "GPU-2"}
    assert found(judge_rule(scoped(nodes=("gpu*",), gpu_models=("*H100*",)), fleet)) == {"GPU-0"}


def test_gpus_outside_the_scope_are_not_blind():
    fleet = facts(2, node=["gpu01", "gpu02"], gpu_temperature_celsius=[20.0, None])
    assert not judge_rule(scoped(nodes=("gpu01",)), fleet).blind.gpus


def test_a_scope_of_jobs_leaves_out_free_gpus_and_cannot_judge_where_the_holder_is_not_known():
    judged = judge_rule(scoped(jobs=("*",)), hot(3, job_id=["812_3", "", None]))
    assert found(judged) == {"GPU-0"}
    assert judged.blind.gpus == {"GPU-2"}
    assert "not known without Slurm" in judged.blind.why
    assert found(judge_rule(scoped(jobs=("812_*",)), hot(3, job_id=["812_3", "812", "813"]))) == {"GPU-0"}


def test_a_partition_reaches_its_nodes_also_while_they_are_free():
    fleet = replace(hot(3, node=["a", "b", "c"]), slurm=nodes(a="batch,debug", b="batch", c="long"))
    assert found(judge_rule(scoped(partitions=("debug",)), fleet)) == {"GPU-0"}
    assert found(judge_rule(scoped(partitions=("b*",)), fleet)) == {"GPU-0", "GPU-1"}


def test_without_slurm_a_rule_for_a_partition_judges_nobody():
    judged = judge_rule(scoped(partitions=("debug",)), hot(3, job_partition=None))
    assert not judged.findings
    assert len(judged.blind.gpus) == 3


def test_what_the_cluster_says_is_never_read_as_a_blank():
    one = rule(message="{node} {value}")
    (finding,) = judge_rule(one, hot(1, node="{value}{job}")).findings
    assert finding.explanation.startswith("{value}{job} 90")


@given(st.lists(st.floats(0, 200) | st.none(), min_size=1, max_size=6), st.data())
def test_every_gpu_is_found_blind_or_fine_and_only_one_of_them(values, data):
    held = data.draw(st.sets(st.sampled_from([f"GPU-{i}" for i in range(len(values))])))
    judged = judge_rule(rule(clear=75), facts(len(values), gpu_temperature_celsius=values), open_on(*held))
    for i, value in enumerate(values):
        gpu = f"GPU-{i}"
        assert (gpu in judged.blind.gpus) == (value is None)
        assert (gpu in found(judged)) == (value is not None and value > (75 if gpu in held else 80))
