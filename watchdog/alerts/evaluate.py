"""Threshold rules held against the cluster as it is now."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.alerts.quantities import QUANTITIES, lacking
from watchdog.alerts.scope import Reach, reach
from watchdog.analysis.health.check import gpu_rows, gpu_subject, holder
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.trace import covered
from watchdog.model.findings import Blind, Evidence, Finding, Judged, Severity, Subject
from watchdog.model.metrics import Unit
from watchdog.model.rules import Comparison, Reading, Rule
from watchdog.model.units import unit_text

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
# A counter without a reading for so long has stopped; LOOKBACK in minutes.
_STOPPED_MINUTES = 5
# Growth seen in less of the window proves nothing where it is small.
_COVERED = 0.5
# What a finding tells of its GPU.
_TOLD = ("node", "gpu_uuid", "gpu_index", "sampled_at", "job_id", "job_user")
_PLAIN = "{gpu} on {node}: {value}, threshold {threshold}."
_PLACEHOLDER = re.compile(r"\{(node|gpu|job|value|threshold)\}")


def judge_rule(rule: Rule, facts: Facts, active: Collection[Subject] = ()) -> Judged:
    """Hold a threshold rule against every GPU in its scope.

    Args:
        rule: one with a metric, valid.
        facts: `cells` must have a column of each of `quantities.cell_metrics`, `trace` each of `trace_metrics`;
            without it nobody is judged.
        active: subjects whose alert of this rule is firing or unknown: for them the clear level holds.

    Returns:
        A finding for each GPU that is over the threshold now; `for_seconds` is left to the alert's life. GPUs in
        scope without a reading are blind, and so are active ones that are not in `facts` at all.
    """
    why = lacking(rule.metric, facts.not_exported) or _not_kept(rule, facts)
    if why:
        return Judged(blind=Blind(everybody=True, why=why))
    values = readings(rule, facts)
    held = np.zeros(len(values), dtype=bool)
    absent: frozenset[str] = frozenset()
    if active:
        held, absent = _held(facts, active)
    within = reach(rule.scope, facts)
    bad = holds(rule, values, held) & within.inside
    return Judged(tuple(_findings(rule, facts, bad, values)), _blind(rule, facts, within, values, absent))


def holds(rule: Rule, values: Floats, held: Bools) -> Bools:
    """Which values are bad: past the threshold, or not yet back to the clear level where `held`. NaN is not."""
    level = rule.threshold if rule.clear is None else np.where(held, rule.clear, rule.threshold)
    return compared(rule.comparison, values, level)


def compared(comparison: Comparison, values: Floats, level: float | Floats) -> Bools:
    """The comparison, value by value; NaN compares as False."""
    compare = {
        Comparison.ABOVE: np.greater,
        Comparison.AT_LEAST: np.greater_equal,
        Comparison.BELOW: np.less,
        Comparison.AT_MOST: np.less_equal,
    }[comparison]
    return np.asarray(compare(values, level), dtype=bool)


def readings(rule: Rule, facts: Facts) -> Floats:
    """The number a rule looks at, one a GPU; NaN where it cannot be told."""
    if rule.reading is Reading.VALUE:
        return facts.column(rule.metric)
    minutes = window_minutes(rule)
    grown = facts.trace.grown(rule.metric, minutes)
    stopped = covered(facts.trace.last(rule.metric, _STOPPED_MINUTES)) == 0
    partly = covered(facts.trace.last(rule.metric, minutes)) < _COVERED
    proven = partly & rule.comparison.is_upper & compared(rule.comparison, grown, rule.threshold)
    return np.where(stopped | (partly & ~proven), np.nan, grown)


def window_minutes(rule: Rule) -> int:
    """`over_seconds` in whole minutes, the grain of what is at hand."""
    return max(1, round(rule.over_seconds / 60))


def _not_kept(rule: Rule, facts: Facts) -> str:
    kept = rule.metric in (facts.cells if rule.reading is Reading.VALUE else dict(facts.trace.values))
    return "" if kept else f"{rule.metric} was not read"


def _held(facts: Facts, active: Collection[Subject]) -> tuple[Bools, frozenset[str]]:
    """Whose alert is open, one flag a row; and the UUIDs of open alerts whose GPU is in no row."""
    open_ones = {subject.gpu_uuid for subject in active}
    uuids = facts.cells["gpu_uuid"].to_numpy(dtype=object)
    held = np.fromiter((uuid in open_ones for uuid in uuids), dtype=bool, count=len(uuids))
    return held, frozenset(open_ones.difference(uuids[held]))


def _blind(rule: Rule, facts: Facts, within: Reach, values: Floats, absent: frozenset[str]) -> Blind:
    dark = (within.inside & np.isnan(values)) | within.unsure
    if not dark.any() and not absent:
        return Blind()
    uuids = facts.cells["gpu_uuid"].to_numpy(dtype=object)[dark]
    return Blind(gpus=frozenset(uuids) | absent, why=_why(rule, int(within.unsure.sum()), len(uuids) + len(absent)))


def _why(rule: Rule, unsure: int, number: int) -> str:
    if unsure == number:
        return f"whether {number} GPUs are in the rule's scope is not known without Slurm"
    return f"no reading of {rule.metric} from {number - unsure} GPUs"


def _findings(rule: Rule, facts: Facts, bad: Bools, values: Floats) -> Iterator[Finding]:
    if not bad.any():
        return
    lean = replace(facts, cells=facts.cells[list(_TOLD)])
    for row, value in zip(gpu_rows(lean, bad), values[bad].tolist(), strict=True):
        yield Finding(
            check=rule.rule_id,
            severity=rule.severity or Severity.WARNING,
            subject=gpu_subject(row),
            explanation=told(rule, row, value),
            action=rule.action,
            source=rule.source,
            value=value,
            evidence=tuple(_evidence(rule, row, value)),
            **holder(row),
        )


def _evidence(rule: Rule, row: dict[str, Any], value: float) -> Iterable[Evidence]:
    at = row["sampled_at"]
    words = value_text(rule, value)
    if rule.reading is Reading.INCREASE:
        words = f"grew by {words} in {window_minutes(rule)} min"
    yield Evidence(rule.metric, words, None if at is None else pd.Timestamp(at).to_pydatetime())


def value_text(rule: Rule, value: float) -> str:
    """A value of the rule's metric as people read it."""
    unit = QUANTITIES[rule.metric].unit
    if unit in {Unit.COUNT, Unit.CODE, Unit.FLAG}:
        return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
    return unit_text(value, unit)


def told(rule: Rule, row: dict[str, Any], value: float) -> str:
    """The rule's message with its blanks filled in, each once: what is filled in is never read as a blank."""
    words = {
        "node": str(row["node"]),
        "gpu": f"GPU {'?' if row['gpu_index'] is None else int(row['gpu_index'])}",
        "job": "(not known)" if row["job_id"] is None else row["job_id"] or "(none)",
        "value": value_text(rule, value),
        "threshold": value_text(rule, rule.threshold),
    }
    return _PLACEHOLDER.sub(lambda match: words[match.group(1)], rule.message or _PLAIN)
