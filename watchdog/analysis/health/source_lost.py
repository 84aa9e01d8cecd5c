"""A source that cannot be read: Prometheus, or an exporter whose node is not known by its address.

An exporter whose node is known is told of by `exporter_lost`.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.nodes import FAILING_FOR, failing, is_exporter, node_of
from watchdog.model.findings import Evidence, Finding, Judged, Severity, Subject

KEY = "source_lost"


def judge(facts: Facts) -> Judged:
    """One finding for each source that fails."""
    return Judged(tuple(_findings(facts)))


def _findings(facts: Facts) -> Iterator[Finding]:
    failed = [source for source in facts.sources if failing(facts, source)]
    known = set(facts.cells["node"]) if failed else set()
    for source in failed:
        alone = is_exporter(source)
        if alone and node_of(source) in known:
            continue
        yield Finding(
            check=KEY,
            severity=Severity.WARNING if alone else Severity.CRITICAL,
            subject=Subject(part=f"source={source.name}"),
            explanation=f"{source.name} cannot be read: {source.error.rstrip('.')}."
            + ("" if alone else " Nothing new is known of any GPU."),
            action=source.hint or "See whether it runs and can be reached from here.",
            source="the last read of that source",
            since=source.last_success_at,
            evidence=(Evidence(source.name, source.error, source.last_attempt_at),),
            cleared_by="a read that works",
        )


CHECK = Check(
    key=KEY,
    title="Source of readings lost",
    definition=f"Reading a source has failed for {FAILING_FOR.seconds} s: critical for a server that speaks for many "
    "nodes, a warning for an exporter whose node is not known by its address.",
    source="four failed reads",
    judge=judge,
    action="As the error says.",
    cleared_by="A read that works.",
)
