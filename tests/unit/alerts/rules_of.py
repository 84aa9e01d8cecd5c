"""Threshold rules for tests."""

from hypothesis import strategies as st

from watchdog.alerts.quantities import QUANTITIES, is_counter
from watchdog.model.findings import Severity
from watchdog.model.rules import Comparison, Reading, Rule, Scope


def rule(metric: str = "gpu_temperature_celsius", threshold: float = 80.0, **changes: object) -> Rule:
    """A valid rule: GPU temperature above 80 °C."""
    given = {"rule_id": "hot", "title": "Hot", "severity": Severity.WARNING, **changes}
    return Rule(metric=metric, threshold=threshold, **given)


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
globs = st.text(st.sampled_from("ab0-*?[]!^\\:.|"), max_size=8)
patterns = st.lists((texts | globs).filter(str.strip), max_size=3).map(tuple)
scopes = st.builds(Scope, nodes=patterns, partitions=patterns, gpu_models=patterns, jobs=patterns)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def any_rules(draw: st.DrawFn) -> Rule:
    """Any rule at all, valid or not."""
    return Rule(
        rule_id=draw(texts),
        title=draw(texts),
        severity=draw(st.sampled_from([None, *Severity])),
        metric=draw(texts),
        check=draw(texts),
        comparison=draw(st.sampled_from(Comparison)),
        threshold=draw(numbers),
        clear=draw(st.none() | numbers),
        reading=draw(st.sampled_from(Reading)),
        over_seconds=draw(numbers),
        for_seconds=draw(numbers),
        scope=draw(scopes),
        message=draw(texts),
        action=draw(texts),
        source=draw(texts),
        enabled=draw(st.booleans()),
        note=draw(texts),
        instead_of=draw(texts),
    )


@st.composite
def good_rules(draw: st.DrawFn) -> Rule:
    """Rules that are valid, on any quantity, with hostile texts."""
    metric = draw(st.sampled_from([key for key in QUANTITIES if key != "xid_code"]))
    quantity, counter = QUANTITIES[metric], is_counter(metric)
    low, high = (0.0, 1e6) if counter else (quantity.low, quantity.high)
    comparison = draw(st.sampled_from(Comparison))
    inner = st.floats(low + (high - low) * 0.1, low + (high - low) * 0.9)
    first, second = sorted((draw(inner), draw(inner)), reverse=comparison.is_upper)
    free = texts.filter(lambda text: "{" not in text and "}" not in text)
    return Rule(
        rule_id=draw(st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}", fullmatch=True)),
        title=draw(texts.filter(str.strip)),
        severity=draw(st.sampled_from(Severity)),
        metric=metric,
        comparison=comparison,
        threshold=first,
        clear=draw(st.none() | st.just(second)),
        reading=Reading.INCREASE if counter else Reading.VALUE,
        over_seconds=draw(st.floats(60, 3540)),
        for_seconds=draw(st.floats(0, 86400)),
        scope=draw(scopes),
        message=draw(free) + draw(st.sampled_from(["", "{gpu} {value}", "{node}: {job}, {threshold}"])),
        action=draw(texts),
        source=draw(texts),
    )
