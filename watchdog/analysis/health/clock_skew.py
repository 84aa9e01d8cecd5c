"""Machines whose clock is off.

Source: ours. Readings carry times; half a minute is two reads, from which on the order of events is wrong. NTP keeps
clocks within milliseconds. The time is that of the answers' Date header, which counts whole seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.nodes import is_exporter, node_of
from watchdog.model.findings import Blind, Evidence, Finding, Judged, Severity, Subject
from watchdog.model.telemetry import SourceStatus
from watchdog.model.units import duration_text

KEY = "clock_skew"
MOST_SECONDS = 30.0


def judge(facts: Facts) -> Judged:
    """One finding for each machine whose clock differs from ours by more than MOST_SECONDS."""
    sources = [source for source in (*facts.sources, facts.scheduler) if source is not None]
    told = [source for source in sources if source.clock_skew_seconds is not None]
    if not told:
        return Judged(blind=Blind(everybody=True, why="no source tells its time"))
    known = set(facts.cells["node"])
    silent = {node_of(s) for s in sources if is_exporter(s) and s.clock_skew_seconds is None} & known
    return Judged(tuple(_findings(told, known)), Blind(nodes=frozenset(silent), why="its answers carry no time"))


def _findings(sources: list[SourceStatus], known: set[str]) -> Iterator[Finding]:
    for source in sources:
        skew = source.clock_skew_seconds or 0.0
        if abs(skew) <= MOST_SECONDS:
            continue
        node = node_of(source) if is_exporter(source) and node_of(source) in known else ""
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=Subject(node=node, part="" if node else f"source={source.name}"),
            explanation=f"The clock of {node or source.name} is {_words(skew)} our own.",
            action="Look at NTP there (`chronyc tracking`), and here.",
            source="the time its answers carry, against ours",
            value=skew,
            evidence=(Evidence("clock_skew_seconds", f"{skew:+.0f} s", source.last_attempt_at),),
        )


def _words(skew: float) -> str:
    return f"{duration_text(timedelta(seconds=abs(skew)))} {'ahead of' if skew > 0 else 'behind'}"


CHECK = Check(
    key=KEY,
    title="Clock off",
    definition=f"The clock of a machine that is read differs from ours by more than {MOST_SECONDS:.0f} s.",
    source="ours: two reads apart",
    judge=judge,
    action="Look at NTP on both machines.",
)
