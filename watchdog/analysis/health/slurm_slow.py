"""Slurm answers slowly: its controller is overloaded, and users wait for every squeue.

Source: SckyzO/slurm_exporter's rules warn of scheduler cycles over 5 s, critical over 30 s.
"""

from __future__ import annotations

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.slurm_lost import source_subject
from watchdog.model.findings import Blind, Evidence, Finding, Judged, Severity

KEY = "slurm_slow"
SLOW_SECONDS, VERY_SLOW_SECONDS = 5.0, 30.0
_SOURCE = "SckyzO/slurm_exporter's rules: 5 s, 30 s"
_ACTION = "Look at sdiag (RPC counts by user), at slurmctld's load and at what asks Slurm so often."


def judge(facts: Facts) -> Judged:
    """One finding about the source that Slurm is read from."""
    status = facts.scheduler
    if status is None or status.duration_seconds is None or status.error:
        why = "no Slurm is read" if status is None else "Slurm has not answered"
        return Judged(blind=Blind(everybody=True, why=why))
    seconds = status.duration_seconds
    if seconds <= SLOW_SECONDS:
        return Judged()
    found = Finding(
        check=KEY,
        severity=Severity.CRITICAL if seconds > VERY_SLOW_SECONDS else Severity.WARNING,
        subject=source_subject(status),
        explanation=f"Slurm took {seconds:.1f} s to answer ({status.name}).",
        action=_ACTION,
        source=_SOURCE,
        value=seconds,
        evidence=(Evidence("duration", f"{seconds:.1f} s", status.last_success_at),),
    )
    return Judged((found,))


CHECK = Check(
    key=KEY,
    title="Slurm slow",
    definition=f"The last read of Slurm took more than {SLOW_SECONDS:.0f} s (critical: {VERY_SLOW_SECONDS:.0f} s).",
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="A read that is fast enough.",
)
