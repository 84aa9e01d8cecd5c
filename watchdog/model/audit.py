"""Who changed what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change that somebody made, or was refused.

    Attributes:
        at: when (aware, UTC).
        by: who; `signed_in` says whether that name was checked.
        act: what was done, in a word or three: "acknowledge", "save rule".
        subject: what it was done to: an incident, a rule, a silence, a channel, a pod.
        details: what changed, or why it was refused.
    """

    at: datetime
    by: str
    signed_in: bool
    act: str
    subject: str
    details: str = ""
