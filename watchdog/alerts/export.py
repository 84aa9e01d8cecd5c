"""Rules as a Prometheus rule file."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from watchdog.alerts.evaluate import value_text
from watchdog.alerts.expression import ExportDialect, InexpressibleError, expression
from watchdog.alerts.quantities import QUANTITIES
from watchdog.model.metrics import Unit
from watchdog.model.rules import Rule

GROUP = "gpu-watchdog"
_NO_CHECKS = "Health checks look at more than PromQL can say and are not here:"
_PLACEHOLDER = re.compile(r"\{(node|gpu|job|value|threshold)\}")
_PLAIN = "{gpu} on {node}: {value}, threshold {threshold}."
# JSON leaves these as they are; YAML wants them escaped.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_NODE = {
    ExportDialect.DCGM: "{{ or $labels.Hostname $labels.hostname $labels.instance }}",
    ExportDialect.WATCHDOG: "{{ or $labels.Hostname $labels.instance }}",
    ExportDialect.NVIDIA_GPU_EXPORTER: "{{ $labels.instance }}",
}
_GPU = {
    ExportDialect.DCGM: "GPU {{ $labels.gpu }}",
    ExportDialect.WATCHDOG: "GPU {{ $labels.gpu }}",
    ExportDialect.NVIDIA_GPU_EXPORTER: "GPU {{ $labels.uuid }}",
}
_VALUE = {
    Unit.RATIO: "{{ $value | humanizePercentage }}",
    Unit.BYTES: "{{ $value | humanize1024 }}B",
    Unit.BYTES_PER_SECOND: "{{ $value | humanize }}B/s",
    Unit.CELSIUS: '{{ $value | printf "%.0f" }} °C',
    Unit.WATTS: '{{ $value | printf "%.0f" }} W',
    Unit.JOULES: "{{ $value | humanize }}J",
    Unit.HERTZ: "{{ $value | humanize }}Hz",
}


def rule_file(rules: Iterable[Rule], dialect: ExportDialect) -> str:
    """Every threshold that is on and that PromQL can express, as YAML; what it cannot is named at the top, with why.

    Thresholds that are off because a health check covers them better stand in for the check where that is on.
    Texts of rules are quoted so that neither YAML nor Prometheus' templates read them as anything but text.
    """
    given = tuple(rules)
    checks = {rule.check for rule in given if rule.check and rule.enabled}
    written: list[dict[str, Any]] = []
    notes: list[str] = []
    for rule in given:
        if rule.check or not (rule.enabled or rule.instead_of in checks):
            continue
        try:
            written.append(_entry(rule, dialect))
        except InexpressibleError as error:
            notes.append(f"{rule.rule_id} is not here: {error}")
        else:
            notes += [] if rule.enabled else [f"{rule.rule_id} stands in for the health check {rule.instead_of}"]
    return "".join((*_head(dialect, sorted(checks), notes), *_body(written)))


def _head(dialect: ExportDialect, checks: Iterable[str], notes: Iterable[str]) -> Iterator[str]:
    yield f"# Threshold rules of GPU Watchdog for {dialect}. Made by: python -m watchdog alerts export\n"
    yield "# Prometheus resolves an alert when its data is gone and holds back no flapping; GPU Watchdog does neither.\n"
    yield from (f"# {line}\n" for line in textwrap.wrap(f"{_NO_CHECKS} {', '.join(checks) or 'none is on'}.", 110))
    yield from (f"# {_quoted(line)[1:-1]}\n" for line in notes)


def _body(written: list[dict[str, Any]]) -> Iterator[str]:
    if not written:
        yield "groups: []\n"
        return
    yield f"groups:\n  - name: {_quoted(GROUP)}\n    rules:\n"
    for entry in written:
        lead = "      - "
        for key, value in entry.items():
            yield f"{lead}{key}:{_yaml(value)}\n"
            lead = "        "


def _yaml(value: Any) -> str:  # noqa: ANN401 (a text, or texts by name)
    if isinstance(value, dict):
        return "".join(f"\n          {key}: {_quoted(text)}" for key, text in value.items())
    return f" {_quoted(value)}"


def _quoted(text: str) -> str:
    """A double-quoted YAML scalar: JSON's, with what YAML does not print escaped as well."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(text, ensure_ascii=False))


def _entry(rule: Rule, dialect: ExportDialect) -> dict[str, Any]:
    condition = expression(rule, dialect)
    waits = {"for": f"{round(rule.for_seconds)}s"} if round(rule.for_seconds) else {}
    annotations = {
        "summary": _literal(rule.title),
        "description": _description(rule, dialect),
        "action": _literal(rule.action),
        "source": _literal(rule.source),
    }
    return {
        "alert": rule.rule_id,
        "expr": condition,
        **waits,
        "labels": {"severity": rule.severity.value if rule.severity else "warning"},
        "annotations": {name: text for name, text in annotations.items() if text},
    }


def _description(rule: Rule, dialect: ExportDialect) -> str:
    filled = {
        "node": _NODE[dialect],
        "gpu": _GPU[dialect],
        "job": "(see the queue)",
        "value": _VALUE.get(QUANTITIES[rule.metric].unit, '{{ $value | printf "%.4g" }}'),
        "threshold": _literal(value_text(rule, rule.threshold)),
    }
    parts = _PLACEHOLDER.split(rule.message or _PLAIN)
    return "".join(filled[part] if odd % 2 else _literal(part) for odd, part in enumerate(parts))


def _literal(text: str) -> str:
    """Text that Prometheus' templates leave as it is: no brace of it opens an action."""
    return re.sub(r"\{(?=\{|$)", '{{ "{" }}', text)
