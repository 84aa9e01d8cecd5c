"""Slurm does not answer, or the reader stands still: nothing is known of jobs and nodes. The times are ours."""

from __future__ import annotations

from datetime import datetime, timedelta

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.sight import SLURM_STALE
from watchdog.model.findings import Blind, Evidence, Finding, Judged, Severity, Subject
from watchdog.model.telemetry import SourceStatus
from watchdog.model.units import duration_text

KEY = "slurm_lost"
# One read that fails is nothing yet: slurmctld restarts within seconds.
PATIENCE = timedelta(minutes=2)
_SOURCE = "ours: a restart of slurmctld takes seconds"


def judge(facts: Facts) -> Judged:
    """One finding about the source that Slurm is read from."""
    status = facts.scheduler
    if status is None:
        return Judged(blind=Blind(everybody=True, why="no Slurm is read"))
    last = _last_seen(facts, status)
    if last is None and not status.error:
        return Judged(blind=Blind(everybody=True, why="Slurm was not asked yet"))
    if last is not None and facts.at - last < (PATIENCE if status.error else SLURM_STALE):
        return Judged()
    return Judged((_finding(facts, status, last),))


def source_subject(status: SourceStatus) -> Subject:
    """The subject of a finding about a source."""
    return Subject(part=f"source={status.name}")


def _last_seen(facts: Facts, status: SourceStatus) -> datetime | None:
    taken = facts.slurm.taken_at if facts.slurm else None
    seen = [at for at in (status.last_success_at, taken) if at is not None]
    return min(seen) if seen else None


def _finding(facts: Facts, status: SourceStatus, last: datetime | None) -> Finding:
    stale = last is None or facts.at - last >= SLURM_STALE
    for_long = "yet" if last is None else f"for {duration_text(facts.at - last)}"
    why = f": {status.error}" if status.error else ": the reader stands still"
    return Finding(
        check=KEY,
        severity=Severity.CRITICAL if stale else Severity.WARNING,
        subject=source_subject(status),
        explanation=f"Slurm has not been seen {for_long} ({status.name}){why}.",
        action=status.hint or "Look at slurmctld: scontrol ping, systemctl status slurmctld.",
        source=_SOURCE,
        since=last,
        evidence=(Evidence("error", status.error or "none", status.last_attempt_at),),
    )


CHECK = Check(
    key=KEY,
    title="Slurm lost",
    definition=(
        f"Reading Slurm fails and has not worked for {PATIENCE.total_seconds() / 60:.0f} minutes, or its newest "
        f"snapshot is older than {SLURM_STALE.total_seconds() / 60:.0f} minutes (then CRITICAL)."
    ),
    source=_SOURCE,
    judge=judge,
    action="Look at slurmctld: scontrol ping, systemctl status slurmctld.",
    cleared_by="Slurm is seen again.",
)
