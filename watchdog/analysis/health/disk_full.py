"""The disk that history is kept on fills up: without room nothing more is remembered. The thresholds are ours."""

from __future__ import annotations

from datetime import timedelta

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Disk, Facts
from watchdog.model.findings import Blind, Evidence, Finding, Judged, Severity, Subject
from watchdog.model.units import bytes_text, duration_text, percent

KEY = "disk_full"
FREE_RATIO, GRAVE_RATIO = 0.1, 0.02
DAYS, GRAVE_DAYS = 7.0, 1.0
_SOURCE = "ours: a week is time to act"
_ACTION = "Make room, or keep history for a shorter time (retention settings)."


def judge(facts: Facts) -> Judged:
    """One finding."""
    disk = facts.disk
    if disk is None or disk.total_bytes <= 0:
        return Judged(blind=Blind(everybody=True, why="the disk's room is not known"))
    share, days = disk.free_bytes / disk.total_bytes, _days_left(disk)
    if share >= FREE_RATIO and days >= DAYS:
        return Judged()
    grave = share < GRAVE_RATIO or days < GRAVE_DAYS
    soon = "" if days == float("inf") else f"; at the present growth for {duration_text(timedelta(days=days))}"
    found = Finding(
        check=KEY,
        severity=Severity.CRITICAL if grave else Severity.WARNING,
        subject=Subject(part="disk"),
        explanation=f"{bytes_text(disk.free_bytes)} ({percent(share)}) are free for history{soon}.",
        action=_ACTION,
        source=_SOURCE,
        value=share,
        evidence=(
            Evidence("free", bytes_text(disk.free_bytes), facts.at),
            Evidence("database", bytes_text(disk.database_bytes), facts.at),
        ),
    )
    return Judged((found,))


def _days_left(disk: Disk) -> float:
    """Days until the disk is full; inf where it does not grow or that is not known; ten years at most."""
    growth = disk.growth_bytes_per_day
    if growth is None or growth <= 0:
        return float("inf")
    return min(disk.free_bytes / growth, 3650.0)


CHECK = Check(
    key=KEY,
    title="Disk for history nearly full",
    definition=f"Less than {FREE_RATIO:.0%} of the disk is free, or it will be full within {DAYS:.0f} days.",
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="There is room again.",
)
