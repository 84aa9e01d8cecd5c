"""What does an XID code mean?"""

from __future__ import annotations

from pydantic import Field

from watchdog.analysis.xid import XIDS, xid_of
from watchdog.assistant.desk import Desk
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Arguments, Tool
from watchdog.assistant.tools.answer import answer

COLUMNS = (
    Column("xid", "XID", "code"),
    Column("words", "what it says"),
    Column("action", "what to do first"),
    Column("nvidia", "NVIDIA's word"),
    Column("gpud", "gpud's verdict"),
    Column("lasts", "stays suspect until a reset"),
    Column("disputed", "NVIDIA and gpud disagree"),
    Column("source", "source"),
)


class XidAsked(Arguments):
    """Which code."""

    code: int = Field(ge=0, le=100_000, description="The XID's number, as in the kernel's log: NVRM: Xid …: 79.")


def xid_lookup(desk: Desk, asked: XidAsked) -> Evidence:
    """One row; a code that is not in the tables is marked as such."""
    xid = xid_of(asked.code)
    row = {
        "xid": xid.code,
        "words": xid.words or None,
        "action": str(xid.action),
        "nvidia": xid.nvidia or None,
        "gpud": xid.gpud or None,
        "lasts": xid.lasts,
        "disputed": xid.is_disputed,
        "source": xid.source,
    }
    known = asked.code in XIDS
    return answer(
        "xid_lookup",
        desk,
        asked,
        title=f"XID {asked.code} in NVIDIA's catalogue",
        query="analysis.xid",
        columns=COLUMNS,
        rows=[row],
        marks=() if known else (f"XID {asked.code} is in no table known here; what it means is unknown.",),
    )


TOOL = Tool(
    "xid_lookup",
    "What an NVIDIA XID error code means, what to do first, and where NVIDIA and gpud disagree.",
    XidAsked,
    xid_lookup,
)
