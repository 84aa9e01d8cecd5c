"""Exported rules are accepted by promtool, fire on the same data as ours, and quote what people write."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.alerts.rules_of import good_rules, rule
from tests.unit.alerts.watch import MINUTE, START, Live
from tests.unit.analysis.health.build import facts
from watchdog.alerts.export import rule_file
from watchdog.alerts.expression import ExportDialect, InexpressibleError, expression, glob_regex
from watchdog.alerts.rules import default_rules
from watchdog.cli import main
from watchdog.model.metrics import CATALOGUE, MIB
from watchdog.model.rules import Comparison, Reading, Rule, Scope

DCGM = ExportDialect.DCGM
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


def promtool(*words):
    done = subprocess.run([PROMTOOL, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def checked(folder, text):
    (folder / "rules.yml").write_text(text, encoding="utf-8")
    return promtool("check", "rules", folder / "rules.yml")


@needs_promtool
@pytest.mark.parametrize("dialect", ExportDialect)
def test_promtool_accepts_what_ships(dialect, tmp_path):
    text = rule_file(default_rules(), dialect)
    assert f"{text.count('- alert:')} rules found" in checked(tmp_path, text)
    assert text.count("- alert:") >= 12


@needs_promtool
def test_promtool_accepts_any_rules_whatever_they_say(tmp_path):
    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(good_rules(), min_size=1, max_size=20, unique_by=lambda each: each.rule_id),
        st.sampled_from(ExportDialect),
    )
    def holds(rules, dialect):
        checked(tmp_path, rule_file(rules, dialect))

    holds()


@needs_promtool
def test_no_rules_are_a_file_too(tmp_path):
    assert "0 rules found" in checked(tmp_path, rule_file((), DCGM))


# The same readings for both: values a minute by GPU, in an exporter's unit.
def blocks(*parts):
    return [value for value, times in parts for _ in range(times)]


HOT = (
    blocks((70, 5), (85, 9), (78, 6), (70, 20), (82, 3), (70, 17)),
    blocks((82, 4), (70, 10), (90, 20), (76, 10), (70, 16)),
    blocks((70, 60)),
)
USE = (blocks((90, 5), (3, 30), (15, 10), (30, 15)), blocks((4, 10), (15, 10), (90, 40)), blocks((50, 60)))
MEMORY = (
    blocks((20_000, 10), (79_000, 20), (77_000, 10), (20_000, 20)),
    blocks((78_000, 30), (20_000, 30)),
    blocks((100, 60)),
)
MASK = (blocks((0x1, 5), (0x44, 20), (0x4, 35)), blocks((0x24, 30), (0x60, 30)), blocks((0x7FFFFFF0, 60)))
COUNTER = (blocks((5, 20), (30, 15), (31, 25)), blocks((500, 15), (9, 20), (10, 25)), blocks((0, 60)))


def minutely(key, series, factor=1.0):
    """Facts a minute, from one metric's values."""
    known = facts(3)
    for values in zip(*series, strict=True):
        known.cells[key] = [value * factor for value in values]
        yield replace(known, not_exported=frozenset())


def counted(key, series):
    known = facts(3, trace={key: 0})
    longer = np.array([[line[0]] * 60 + line for line in series], dtype=np.float32)
    for i in range(60):
        trace = replace(known.trace, values={key: longer[:, i + 1 : i + 61]})
        yield replace(known, trace=trace)


def flags():
    bits = [[float(mask != 0x7FFFFFF0 and mask & 0x40 > 0) for mask in line] for line in MASK]
    return minutely("throttle_hw_thermal_flag", bits)


CASES = {
    "heat": (
        rule(clear=75, for_seconds=120),
        {"DCGM_FI_DEV_GPU_TEMP": HOT},
        lambda: minutely("gpu_temperature_celsius", HOT),
    ),
    "use": (
        rule("busy_ratio", 0.1, comparison=Comparison.BELOW, clear=0.2, for_seconds=600),
        {"DCGM_FI_DEV_GPU_UTIL": USE},
        lambda: minutely("busy_ratio", USE, 0.01),
    ),
    "memory": (
        rule("memory_ratio", 0.95, comparison=Comparison.AT_LEAST, clear=0.9, for_seconds=180),
        {"DCGM_FI_DEV_FB_USED": MEMORY, "DCGM_FI_DEV_FB_FREE": [[81_920 - used for used in line] for line in MEMORY]},
        lambda: minutely("memory_ratio", MEMORY, 1 / 81_920),
    ),
    "memory in bytes": (
        rule("memory_used_bytes", 78_500 * MIB, for_seconds=60),
        {"DCGM_FI_DEV_FB_USED": MEMORY},
        lambda: minutely("memory_used_bytes", MEMORY, MIB),
    ),
    "a bit": (
        rule("throttle_hw_thermal_flag", 1, comparison=Comparison.AT_LEAST, for_seconds=300),
        {"DCGM_FI_DEV_CLOCKS_EVENT_REASONS": MASK},
        flags,
    ),
    "growth": (
        rule("pcie_replay_count", 8, reading=Reading.INCREASE, over_seconds=600),
        {"DCGM_FI_DEV_PCIE_REPLAY_COUNTER": COUNTER},
        lambda: counted("pcie_replay_count", COUNTER),
    ),
}


def ours(one, recorded):
    """Minutes in which each GPU's alert fires; one minute less than it is held against a single look."""
    watch = Live(one)
    for i, known in enumerate(recorded):
        watch.tick(START + MINUTE * i, known)
    firing = {minute: set() for minute in range(60)}
    for gpu, _, fired, over in watch.answer():
        for minute in range(fired, 60 if over is None else over - 1):
            firing[minute].add(gpu)
    return firing


def theirs(folder, one, exported, firing):
    """Promtool's own test that the exported rule fires in those minutes."""
    (folder / "rules.yml").write_text(rule_file([one], DCGM))
    series = [
        {
            "series": f'{name}{{gpu="{gpu}", UUID="GPU-{gpu}", Hostname="gpu01", instance="gpu01:9400"}}',
            "values": " ".join(map(str, values)),
        }
        for name, lines in exported.items()
        for gpu, values in enumerate(lines)
    ]
    expected = [
        {
            "expr": f'max by (gpu) (ALERTS{{alertname="{one.rule_id}", alertstate="firing"}})',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": f'{{gpu="{gpu}"}}', "value": 1} for gpu in sorted(gpus)],
        }
        for minute, gpus in firing.items()
    ]
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": expected}],
    }
    (folder / "test.yml").write_text(json.dumps(test))
    return promtool("test", "rules", folder / "test.yml")


@needs_promtool
@pytest.mark.parametrize("name", CASES)
def test_an_exported_rule_fires_in_the_same_minutes_as_ours(name, tmp_path):
    one, exported, recorded = CASES[name]
    firing = ours(one, recorded())
    assert {0, 1} & set().union(*firing.values())
    assert 2 not in set().union(*firing.values())
    theirs(tmp_path, one, exported, firing)


@needs_promtool
def test_promtool_would_notice_a_minute_more(tmp_path):
    one, exported, recorded = CASES["heat"]
    firing = ours(one, recorded())
    last = max(minute for minute, gpus in firing.items() if 0 in gpus)
    firing[last + 1].add(0)
    with pytest.raises(AssertionError, match="FAILED"):
        theirs(tmp_path, one, exported, firing)


SCRIPTS = [
    '"><script>alert(1)</script>',
    "{{ $labels.instance }}",
    "{{ query `up` }}{{",
    "a: b # c\n- d",
    "'; \\ \" \u2028 \x85",
    "{",
]


@needs_promtool
@pytest.mark.parametrize("text", SCRIPTS)
def test_a_script_in_a_rule_is_text_to_yaml_and_to_templates(text, tmp_path):
    one = rule(title=f"x{text}", action=f"y{text}", scope=Scope(nodes=(text.strip(), "gpu*")))
    (tmp_path / "rules.yml").write_text(rule_file([one], DCGM))
    labels = {"gpu": "0", "Hostname": "gpu01"}
    alert = {
        "exp_labels": labels | {"severity": "warning"},
        "exp_annotations": {
            "summary": f"x{text}",
            "action": f"y{text}",
            "description": "GPU 0 on gpu01: 95 °C, threshold 80\u00a0°C.",
        },
    }
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": 'DCGM_FI_DEV_GPU_TEMP{gpu="0", Hostname="gpu01"}', "values": "95 95"}],
                "alert_rule_test": [{"eval_time": "1m", "alertname": "hot", "exp_alerts": [alert]}],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(json.dumps(test))
    promtool("test", "rules", tmp_path / "test.yml")


@needs_promtool
@pytest.mark.parametrize(
    ("labels", "fires"),
    [
        ('Hostname="gpu01"', True),
        ('Hostname="gpu01.cluster.example"', True),
        ('hostname="gpu01"', True),
        ('instance="gpu01:9400"', True),
        ('Hostname="gpu011"', False),
        ('Hostname="cpu01", instance="gpu01:9400"', False),
        ('Hostname="gpu01", modelName="NVIDIA A100"', False),
    ],
)
def test_a_scope_finds_the_node_under_any_of_its_labels(labels, fires, tmp_path):
    one = rule(scope=Scope(nodes=("gpu01", "gpu9?"), gpu_models=("*H100*",)))
    labels += "" if "modelName" in labels else ', modelName="NVIDIA H100 80GB"'
    (tmp_path / "rules.yml").write_text(rule_file([one], DCGM))
    expected = [{"labels": "{}", "value": 1}] if fires else []
    expr = {"expr": 'count(ALERTS{alertstate="firing"})', "eval_time": "1m", "exp_samples": expected}
    series = [{"series": f"DCGM_FI_DEV_GPU_TEMP{{{labels}}}", "values": "95 95"}]
    tests = [{"interval": "1m", "input_series": series, "promql_expr_test": [expr]}]
    (tmp_path / "test.yml").write_text(
        json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests})
    )
    promtool("test", "rules", tmp_path / "test.yml")


def test_each_dialect_has_its_own_names_and_factors():
    use = rule("gpu_util_ratio", 0.5)
    assert "DCGM_FI_DEV_GPU_UTIL * 0.01 or DCGM_FI_DEV_GPU_UTIL_RATIO * 0.01" in expression(use, DCGM)
    assert "DCGM_FI_DEV_GPU_UTIL_RATIO" not in expression(use, ExportDialect.WATCHDOG)
    assert "(nvidia_smi_utilization_gpu_ratio)" in expression(use, ExportDialect.NVIDIA_GPU_EXPORTER)
    lost = rule("gpu_lost_flag", 1, comparison=Comparison.AT_LEAST)
    assert "watchdog_gpu_lost" in expression(lost, ExportDialect.WATCHDOG)
    with pytest.raises(InexpressibleError, match="no gpu_lost_flag"):
        expression(lost, DCGM)


def test_every_metric_of_the_catalogue_has_an_expression_where_it_has_a_name():
    for key, metric in CATALOGUE.items():
        reading = Reading.INCREASE if metric.kind == "counter" else Reading.VALUE
        for dialect in ExportDialect:
            try:
                text = expression(rule(key, 1, reading=reading), dialect)
            except InexpressibleError:
                continue
            assert any(name.name in text for name in metric.names), key


def test_what_prometheus_cannot_do_is_told_at_the_top():
    scoped = rule(rule_id="mine", scope=Scope(jobs=("8*",)))
    check, off = Rule("throttle", "T", check="throttle"), rule(rule_id="off", enabled=False)
    text = rule_file([check, scoped, off, rule(rule_id="lost", metric="gpu_lost_flag")], DCGM)
    top, _, rest = text.partition("groups:")
    assert "are not here: throttle." in top
    assert "mine is not here: its scope names partitions or jobs" in top
    assert "lost is not here: the dcgm exporter has no gpu_lost_flag" in top
    assert "off" not in rest
    assert all(line.startswith("# ") for line in top.splitlines())


def test_a_threshold_stands_in_for_a_check_that_is_on():
    check = Rule("hot", "Hot", check="hot")
    stand_in = rule(rule_id="warm", enabled=False, instead_of="hot")
    assert "warm stands in for the health check hot" in rule_file([check, stand_in], DCGM)
    assert 'alert: "warm"' in rule_file([check, stand_in], DCGM)
    assert 'alert: "warm"' not in rule_file([replace(check, enabled=False), stand_in], DCGM)


names = st.text(st.sampled_from("ab0-.*?[]!^\\+$()|é"), max_size=8)


@settings(max_examples=500)
@given(names, names)
@example("[!a]", "b")
@example("[]a]", "]")
@example("[a", "[a")
@example("[^a]", "^")
@example("[a-b-]", "-")
@example("[--0]", ".")
def test_a_shell_pattern_and_its_regular_expression_match_the_same_names(pattern, name):
    try:
        regex = glob_regex(pattern)
    except InexpressibleError:
        return
    assert bool(re.fullmatch(regex, name, re.DOTALL)) == fnmatchcase(name, pattern)


@given(st.text(st.sampled_from("{}ab "), max_size=12))
def test_braces_of_a_title_open_no_action(text):
    line = next(each for each in rule_file([rule(title=f"x{text}")], DCGM).splitlines() if "summary" in each)
    shown = json.loads(line.partition(":")[2])
    assert "{{" not in shown.replace('{{ "{" }}', "")
    assert shown.replace('{{ "{" }}', "{") == f"x{text}"


def test_the_command_prints_or_writes_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["alerts", "export"]) == 0
    printed = capsys.readouterr().out
    assert printed == rule_file(default_rules(), DCGM)
    assert main(["alerts", "export", "--dialect", "watchdog", "--out", "rules.yml"]) == 0
    assert (tmp_path / "rules.yml").read_text("utf-8") == rule_file(default_rules(), ExportDialect.WATCHDOG)
    assert main(["alerts", "export", "--out", str(tmp_path / "nowhere" / "x")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_command_has_the_rules_that_people_changed(tmp_path, monkeypatch, capsys):
    from watchdog.alerts.rulebook import saved
    from watchdog.model.alert_changes import Changes
    from watchdog.store.alerts import AlertStore
    from watchdog.store.database import Store

    monkeypatch.chdir(tmp_path)
    mine = rule(rule_id="mine", threshold=77)
    with Store(tmp_path / "data" / "watchdog.duckdb", threads=1) as store:
        AlertStore(store).save([Changes(number=1, rules=(saved(mine, "ada", START),))])

    assert main(["alerts", "export"]) == 0
    assert 'alert: "mine"' in capsys.readouterr().out
    assert main(["alerts", "export", "--shipped"]) == 0
    assert 'alert: "mine"' not in capsys.readouterr().out
