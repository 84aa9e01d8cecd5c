"""XIDs that a GPU reported, by what NVIDIA's catalogue says should be done.

Events are edges (`Facts.xids`), never the sticky gauge. An event of the program is over by itself after QUIET; one of
the hardware keeps its GPU suspect until the GPU is reset, its node is booted, or a day has passed. NVIDIA's workflows:
45 follows another XID and is not told of beside one; 63, 171 and 172 belong to a 48, and 154 to whatever it announces.
A program's XID that comes back on one GPU within a day is NVSentinel's sign to test the GPU; a hardware XID that comes
back after a reset is NVIDIA's sign to return the board.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchdog.analysis.health.check import Check, judged, unexported
from watchdog.analysis.health.culprit import Culprits
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.xid_events import QUIET, Clearance, Event, events_by_gpu, leaders, occasions
from watchdog.analysis.health.xid_words import action_of
from watchdog.analysis.xid import XIDS, XidAction, xid_of, xid_text
from watchdog.model.findings import Evidence, Finding, Judged, Severity, Subject

KEY = "xid"
CLEARED_BY = "a reset of the GPU, a boot of its node, or 24 hours"
ENDS_BY_ITSELF = f"itself, {QUIET.seconds // 60} minutes after the last one"

_GRAVE = frozenset({XidAction.RESET, XidAction.REBOOT})
_CONTAINED = 94
# An exporter of ours shows no XID counter before the first XID; that it is ours is seen from this.
_TELLTALE = "gpu_lost_flag"


def judge(facts: Facts) -> Judged:
    """One finding for each GPU and code whose events are not all over."""
    nobody = unexported(facts, "xid_errors_count", "xid_code", _TELLTALE)
    if nobody:
        return nobody
    return judged(facts, list(_findings(facts)), ~facts.silent, "the GPU is silent")


def _findings(facts: Facts) -> Iterator[Finding]:
    if not len(facts.xids):
        return
    clearance, culprits = Clearance(facts), Culprits(facts)
    for events in events_by_gpu(facts).values():
        led = leaders(events)
        for code in dict.fromkeys(event.xid for event in led):
            same = [event for event in led if event.xid == code]
            current = [event for event in same if not clearance.is_over(event)]
            if current:
                yield _finding(current, same, events, culprits)


def _finding(current: list[Event], same: list[Event], events: list[Event], culprits: Culprits) -> Finding:
    first, xid = current[0], xid_of(current[0].xid)
    held = culprits.at(first.node, first.gpu_index, first.at)
    again = occasions(same) > 1
    all_codes = {event.xid for event in events}
    return Finding(
        check=KEY,
        severity=_severity(first.xid, again=again),
        subject=Subject(node=first.node, gpu_uuid=first.gpu_uuid, part=f"xid={first.xid}"),
        explanation=f"{_place(first)} reported {xid_text(first.xid)}{_times(current)}{_others(all_codes, first.xid)}.",
        action=action_of(first.xid, all_codes, again=again, after_reset=len(current) < len(same)),
        source=xid.source,
        since=first.at,
        gpu_index=first.gpu_index,
        job_id=held.job_id,
        user=held.user,
        value=float(first.xid),
        evidence=tuple(Evidence("xid_code", xid_text(event.xid), event.at) for event in events[-5:]),
        cleared_by=CLEARED_BY if xid.lasts else ENDS_BY_ITSELF,
    )


def _severity(code: int, *, again: bool) -> Severity:
    xid = xid_of(code)
    if xid.action in _GRAVE:
        return Severity.CRITICAL
    comes_back = again and xid.action is XidAction.APPLICATION
    return Severity.WARNING if xid.lasts or xid.is_disputed or code == _CONTAINED or comes_back else Severity.INFO


def _place(event: Event) -> str:
    return f"GPU {'?' if event.gpu_index is None else event.gpu_index} on {event.node}"


def _times(events: list[Event]) -> str:
    return f", {len(events)} times" if len(events) > 1 else ""


def _others(all_codes: set[int], code: int) -> str:
    others = sorted(all_codes - {code})
    return f"; also {', '.join(map(str, others))} in the last 24 hours" if others else ""


def _codes(action: XidAction) -> str:
    return ", ".join(str(code) for code, xid in sorted(XIDS.items()) if xid.action is action)


CHECK = Check(
    key=KEY,
    title="XID reported",
    definition="The driver reported an XID. Critical where the catalogue says reset the GPU "
    f"({_codes(XidAction.RESET)}) or reboot the node ({_codes(XidAction.REBOOT)}); warning for 63, 80, 92, 94, where it "
    "says to diagnose, where only gpud would reboot, and where a program's XID comes back on one GPU within a day; "
    "info for the others.",
    source="NVIDIA XID catalogue, gpud's table beside it; repeats after NVSentinel",
    judge=judge,
    action="As the catalogue says for the code; the finding names the table.",
    cleared_by=f"Hardware: {CLEARED_BY}. A program's XID: {ENDS_BY_ITSELF}.",
)
