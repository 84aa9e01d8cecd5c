"""Rules that ship are sensible, a rule survives being kept, and an impossible one is refused with what to do."""

import json
from pathlib import Path

import pytest
from hypothesis import given

from tests.unit.alerts.rules_of import any_rules, good_rules, rule
from watchdog.alerts.quantities import QUANTITIES, cell_metrics, lacking, trace_metrics
from watchdog.alerts.rules import RuleError, default_rules, from_json, problems, to_json, validate
from watchdog.analysis.health.registry import CHECKS
from watchdog.base.errors import ConfigError
from watchdog.model.findings import Severity
from watchdog.model.rules import Comparison, Reading, Rule, Scope


def test_every_check_has_one_rule_that_leaves_its_severity():
    of_checks = [each for each in default_rules() if each.check]
    assert sorted(each.check for each in of_checks) == sorted(CHECKS)
    assert all(each.enabled or each.note for each in of_checks)


def test_shipped_rules_are_valid_and_have_ids_of_their_own():
    rules = default_rules()
    assert len({each.rule_id for each in rules}) == len(rules)
    for each in rules:
        assert validate(each) is each


def test_a_threshold_that_ships_off_says_why_and_all_say_where_they_come_from():
    thresholds = [each for each in default_rules() if each.metric]
    assert len(thresholds) >= 14
    for each in thresholds:
        assert each.source
        assert each.message
        assert each.action
        assert each.enabled != bool(each.note), each.rule_id


def test_some_thresholds_ship_on_and_none_of_them_doubles_a_check():
    on = [each for each in default_rules() if each.metric and each.enabled]
    assert on
    assert not any(each.instead_of for each in on)
    assert all(each.instead_of in CHECKS for each in default_rules() if each.metric and not each.enabled)


@given(any_rules())
def test_a_rule_is_read_back_as_it_was_written(one):
    assert from_json(to_json(one)) == one


def test_an_older_body_gets_defaults_and_a_newer_one_loses_what_is_not_known():
    body = json.dumps({"rule_id": "a", "title": "A", "metric": "power_watts", "threshold": 3, "colour": "red"})
    assert from_json(body) == Rule("a", "A", metric="power_watts", threshold=3.0)


def test_fields_of_a_wrong_type_fall_back_to_their_defaults():
    body = {
        "rule_id": "a",
        "severity": "awful",
        "comparison": "~",
        "threshold": "x",
        "enabled": 1,
        "scope": {"nodes": 3},
    }
    assert from_json(json.dumps(body)) == Rule("a", "a")
    assert from_json('{"rule_id": "a", "threshold": true, "for_seconds": 1' + "0" * 400 + "}") == Rule("a", "a")


@pytest.mark.parametrize("body", ["", "[]", "{", '{"rule_id": 7}', "null", "[" * 100_000])
def test_what_is_no_rule_is_an_error_with_a_hint(body):
    with pytest.raises(RuleError) as caught:
        from_json(body)
    assert caught.value.hint


@given(good_rules())
def test_valid_rules_pass(one):
    assert list(problems(one)) == []


@given(any_rules())
def test_any_rule_passes_or_names_fields_and_what_to_do(one):
    for problem in problems(one):
        assert problem.field
        assert problem.message.strip()
        assert problem.hint.strip()


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("bad", "field", "words"),
    [
        (rule("gpu_temprature_celsius"), "metric", "Did you mean gpu_temperature_celsius?"),
        (rule("qqq"), "metric", "Known: "),
        (rule(check="throttle"), "metric", "one of them"),
        (rule(metric=""), "metric", "one of them"),
        (Rule("a", "A", check="throtle"), "check", "Did you mean throttle?"),
        (rule(instead_of="throtle"), "instead_of", "Did you mean throttle?"),
        (rule(severity=None), "severity", "critical"),
        (rule(rule_id=""), "rule_id", "gpu-hot"),
        (rule(rule_id="GPU hot"), "rule_id", "gpu-hot"),
        (rule(rule_id="a--b"), "rule_id", "single hyphens"),
        (rule(rule_id="a" * 65), "rule_id", "64"),
        (rule(rule_id="a\n"), "rule_id", "gpu-hot"),
        (rule(title="  "), "title", "few words"),
        (rule("gpu_util_ratio", 90), "threshold", "90 % is written 0.9"),
        (rule("gpu_util_ratio", 1.0), "threshold", "between 0 and 1"),
        (rule("gpu_util_ratio", 0.0, comparison=Comparison.AT_LEAST), "threshold", "some do not"),
        (rule("gpu_util_ratio", 0.0, comparison=Comparison.BELOW), "threshold", "some do not"),
        (rule("gpu_util_ratio", 1.0, comparison=Comparison.AT_MOST), "threshold", "some do not"),
        (rule(threshold=200), "threshold", "between 1 and 150"),
        (rule(threshold=NAN), "threshold", "between"),
        (rule(threshold=INF), "threshold", "between"),
        (rule(clear=85), "clear", "at or below 80"),
        (rule(comparison=Comparison.BELOW, clear=75), "clear", "at or above 80"),
        (rule(clear=NAN), "clear", "between"),
        (rule("gpu_lost_flag", 1, comparison=Comparison.AT_LEAST, clear=0), "clear", "some do not"),
        (rule(for_seconds=-1), "for_seconds", "0 to 86400"),
        (rule(for_seconds=NAN), "for_seconds", "0 to 86400"),
        (rule(for_seconds=1e6), "for_seconds", "a day"),
        (rule("pcie_replay_count", 1), "reading", "increase"),
        (rule(reading=Reading.INCREASE), "reading", "value"),
        (rule("xid_code", 1), "metric", "xid_errors_count"),
        (rule("pcie_replay_count", 1, reading=Reading.INCREASE, over_seconds=5), "over_seconds", "60 to 3540"),
        (rule("pcie_replay_count", 1, reading=Reading.INCREASE, over_seconds=NAN), "over_seconds", "60 to 3540"),
        (rule("pcie_replay_count", -1, reading=Reading.INCREASE), "threshold", "0 or more"),
        (rule(message="{user}"), "message", "{value}"),
        (rule(message="{value.__class__}"), "message", "{value}"),
        (rule(message="50 {"), "message", "{value}"),
        (rule(message="a\x00b"), "message", "Take it out"),
        (rule(message="x" * 1001), "message", "1,000"),
        (rule(scope=Scope(nodes=("",))), "scope.nodes", "everybody"),
        (rule(scope=Scope(jobs=("x" * 201,))), "scope.jobs", "200"),
        (rule(scope=Scope(gpu_models=("\x1b[31m",))), "scope.gpu_models", "control"),
        (rule(scope=Scope(partitions=("a",) * 51)), "scope.partitions", "50"),
    ],
)
def test_a_bad_rule_is_refused_with_the_field_and_what_to_write(bad, field, words):
    found = list(problems(bad))
    assert [problem.field for problem in found] == [field]
    assert words in found[0].hint
    with pytest.raises(ConfigError) as caught:
        validate(bad)
    assert words in caught.value.hint


def test_all_problems_of_a_rule_are_told_at_once():
    with pytest.raises(RuleError) as caught:
        validate(rule(rule_id="", title="", threshold=NAN))
    assert [problem.field for problem in caught.value.problems] == ["rule_id", "title", "threshold"]


def test_a_quantity_says_what_to_read_for_it():
    rules = (
        rule("memory_ratio", 0.9),
        rule("pcie_replay_count", 1, reading=Reading.INCREASE),
        rule("fan_ratio", 0.5, enabled=False),
    )
    assert cell_metrics(rules) == ("memory_used_bytes", "memory_total_bytes")
    assert trace_metrics(rules) == ("pcie_replay_count",)


def test_a_quantity_is_lacking_only_where_nothing_can_stand_in_for_it():
    assert not lacking("busy_ratio", {"gpu_util_ratio"})
    assert lacking("busy_ratio", {"gpu_util_ratio", "graphics_engine_active_ratio"})
    assert not lacking("memory_ratio", {"memory_total_bytes"})
    assert lacking("power_ratio", {"power_limit_watts"}) == "no exporter publishes power_limit_watts"
    assert not any(lacking(key, set()) for key in QUANTITIES)


def test_critical_is_what_costs_work_now():
    assert {each.rule_id: each.severity for each in default_rules()}["recovery-action-asked"] is Severity.CRITICAL


def test_the_documentation_names_every_threshold_that_ships():
    page = (Path(__file__).parents[3] / "docs" / "alert-rules.md").read_text("utf-8")
    on, _, off = page.partition("Off, because")
    for each in default_rules():
        if each.metric:
            assert f"`{each.rule_id}`" in (on if each.enabled else off), each.rule_id
            assert not each.instead_of or f"`{each.instead_of}`" in off
