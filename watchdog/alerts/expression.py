"""Threshold rules as PromQL, in the names and units of an exporter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

from watchdog.alerts.evaluate import window_minutes
from watchdog.alerts.quantities import QUANTITIES, is_counter
from watchdog.model.metrics import Dialect, ExportedAs, Metric, Unit
from watchdog.model.rules import Rule
from watchdog.sources.promql import escaped, quoted


class ExportDialect(StrEnum):
    """Whose names a rule file uses."""

    DCGM = "dcgm"
    WATCHDOG = "watchdog"
    NVIDIA_GPU_EXPORTER = "nvidia_gpu_exporter"


class InexpressibleError(ValueError):
    """The rule has no equal in PromQL; says why."""


_NAMES = {
    ExportDialect.DCGM: (Dialect.DCGM, Dialect.DCGM_46),
    ExportDialect.WATCHDOG: (Dialect.DCGM, Dialect.WATCHDOG),
    ExportDialect.NVIDIA_GPU_EXPORTER: (Dialect.NVIDIA_GPU_EXPORTER,),
}
# In order of preference, as in `sources.identity`.
_NODE_LABELS = {
    ExportDialect.DCGM: ("Hostname", "hostname", "instance"),
    ExportDialect.WATCHDOG: ("Hostname", "instance"),
    ExportDialect.NVIDIA_GPU_EXPORTER: ("instance",),
}
# One alert a GPU: not one a MIG instance or a job.
_INSTANCE_LABELS = {
    ExportDialect.DCGM: "GPU_I_ID, GPU_I_PROFILE",
    ExportDialect.WATCHDOG: "GPU_I_ID, GPU_I_PROFILE",
    ExportDialect.NVIDIA_GPU_EXPORTER: "mig_uuid, gpu_instance_id, compute_instance_id, profile",
}
# DCGM's smallest value for "no measurement" (`metrics.is_blank`).
_BLANK = 2147483632
# Of `[!]` the exclamation mark is taken first, so that it is no class, as in a shell.
_GLOB_CLASS = re.compile(r"(?s)\[(!?+)(.[^\]]*)\]")


def expression(rule: Rule, dialect: ExportDialect) -> str:
    """The condition of a threshold rule as PromQL; InexpressibleError where there is none.

    The clear level is Prometheus' own memory of the alert: a series of ALERTS, as the rule's last evaluation left it.
    """
    if rule.check:
        raise InexpressibleError("a health check looks at more than PromQL can say")
    if rule.scope.partitions or rule.scope.jobs:
        raise InexpressibleError("its scope names partitions or jobs, and the exporter's series do not")
    metric = QUANTITIES[rule.metric]
    value = _Reader(rule, dialect).value()
    begins = f"{value} {_compared(rule, rule.threshold, metric)}"
    if rule.clear is None or rule.clear == rule.threshold:
        return begins
    labels = f'alertname={quoted(rule.rule_id)}, alertstate="firing"'
    stays = f"{value} {_compared(rule, rule.clear, metric)}"
    return f"({begins})\nor\n(({stays})\n  and ignoring (alertname, alertstate, severity) ALERTS{{{labels}}})"


def number(value: float) -> str:
    """A number as PromQL reads it, to the last bit."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _compared(rule: Rule, level: float, metric: Metric) -> str:
    """The comparison; what is outside the metric's range is no measurement and never holds."""
    own = f"{rule.comparison.value} {number(level)}"
    if is_counter(metric.key):
        return f"{own} < {_BLANK}" if metric.unit is Unit.COUNT and rule.comparison.is_upper else own
    return f"{own} <= {number(metric.high)}" if rule.comparison.is_upper else f"{own} >= {number(metric.low)}"


class _Reader:
    """Writes what a rule reads."""

    def __init__(self, rule: Rule, dialect: ExportDialect) -> None:
        self._rule, self._dialect = rule, dialect

    def value(self) -> str:
        """The rule's quantity in its base unit, one series a GPU."""
        key = self._rule.metric
        if key == "busy_ratio":
            return self._any_of("gpu_util_ratio", "graphics_engine_active_ratio")
        if key == "memory_ratio":
            return f"clamp_max({self._metric('memory_used_bytes')} / ({self._total()} > 0), 1)"
        if key == "power_ratio":
            return f"({self._metric('power_watts')} / ({self._metric('power_limit_watts')} > 0))"
        return self._total() if key == "memory_total_bytes" else self._metric(key)

    def _any_of(self, *keys: str) -> str:
        known = [self._metric(key) for key in keys if self._names(key)]
        if not known:
            raise InexpressibleError(f"the {self._dialect} exporter has no {' or '.join(keys)}")
        return _either(known)

    def _total(self) -> str:
        """As `sources.derived`: used + free + reserved where it is not exported."""
        used, free, reserved, total = (
            self._metric(f"memory_{part}_bytes") for part in ("used", "free", "reserved", "total")
        )
        return _either([total, f"{used} + {free} + {reserved}", f"{used} + {free}"])

    def _metric(self, key: str) -> str:
        names = self._names(key)
        if not names:
            raise InexpressibleError(f"the {self._dialect} exporter has no {key}")
        terms = [term for name in names for term in self._terms(name, QUANTITIES[key])]
        return self._of_models(self._one_a_gpu(terms, QUANTITIES[key]))

    def _names(self, key: str) -> Sequence[ExportedAs]:
        return [name for name in QUANTITIES[key].names if name.dialect in _NAMES[self._dialect]]

    def _terms(self, name: ExportedAs, metric: Metric) -> Iterable[str]:
        for selector in self._selectors(name.name):
            if is_counter(metric.key):
                yield _times(f"increase({selector}[{60 * window_minutes(self._rule)}s])", name.factor)
            elif name.bit:
                yield f"floor(({selector} < {_BLANK}) / {name.bit}) % 2"
            else:
                yield _times(selector, name.factor)

    def _one_a_gpu(self, terms: Sequence[str], metric: Metric) -> str:
        """Parts of a GPU combined as `Metric.over_gpus` says; values that only repeat count once."""
        labels, either = _INSTANCE_LABELS[self._dialect], " or ".join(terms)
        repeats = self._dialect is not ExportDialect.NVIDIA_GPU_EXPORTER
        if metric.key == "xid_errors_count":
            return f"sum without (xid) ({either})"
        if metric.per_instance:
            how = "avg" if metric.over_gpus == "mean" else metric.over_gpus
            return f"{how} without ({labels}) ({f'max without (hpc_job) ({either})' if repeats else either})"
        return f"max without ({labels}, hpc_job) ({either})" if repeats else _either(terms)

    def _of_models(self, value: str) -> str:
        models = self._rule.scope.gpu_models
        if not models or self._dialect is not ExportDialect.NVIDIA_GPU_EXPORTER:
            return value
        names = quoted(_any_glob(models))
        return f"({value} and on (uuid, instance) nvidia_smi_gpu_info{{name=~{names}}})"

    def _selectors(self, name: str) -> list[str]:
        """The series in scope; exporters call the node differently, and an earlier label leaves none to later ones."""
        scope = self._rule.scope
        models = []
        if scope.gpu_models and self._dialect is not ExportDialect.NVIDIA_GPU_EXPORTER:
            models = [f"modelName=~{quoted(_any_glob(scope.gpu_models))}"]
        if not scope.nodes:
            return [_selector(name, models)]
        labels = _NODE_LABELS[self._dialect]
        nodes = quoted(rf"\[?({_any_glob(scope.nodes)})\]?([.].*)?(:[0-9]+)?")
        return [
            _selector(name, [*models, *(f'{earlier}=""' for earlier in labels[:place]), f"{label}=~{nodes}"])
            for place, label in enumerate(labels)
        ]


def _selector(name: str, matchers: Sequence[str]) -> str:
    return f"{name}{{{', '.join(matchers)}}}" if matchers else name


def _either(terms: Sequence[str]) -> str:
    return terms[0] if len(terms) == 1 else f"({' or '.join(terms)})"


def _times(term: str, factor: float) -> str:
    return term if factor == 1 else f"{term} * {number(factor)}"


def _any_glob(patterns: Iterable[str]) -> str:
    return "|".join(glob_regex(pattern) for pattern in patterns)


def glob_regex(pattern: str) -> str:
    """A shell pattern as a regular expression that RE2 reads and that matches the same whole names."""
    text, place = "", 0
    while place < len(pattern):
        found = _GLOB_CLASS.match(pattern, place)
        if found:
            text += _character_class(found)
            place = found.end()
            continue
        text += {"*": ".*", "?": "."}.get(pattern[place]) or escaped(pattern[place])
        place += 1
    return text


def _character_class(found: re.Match[str]) -> str:
    """`[a-c]` or `[!a-c]`; a range that runs backwards matches nothing in a shell and is an error in RE2."""
    inner = found.group(2)
    parts = re.findall(r"(?s).-.|.", inner)
    if any(len(part) == 3 and part[0] > part[2] for part in parts):
        raise InexpressibleError(f"a pattern has a range that runs backwards: {found.group()!r}")
    inside = "".join("-".join(map(_in_class, part[::2])) if len(part) == 3 else _in_class(part) for part in parts)
    return f"[{'^' * bool(found.group(1))}{inside}]"


def _in_class(character: str) -> str:
    return f"\\{character}" if character in r"\]^[-&~|" else character
