"""Changes by people: allowed by their role, done in their name, and kept in the audit log, in vain or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from watchdog.base.errors import WatchdogError
from watchdog.model.people import Person, Role
from watchdog.ui import who
from watchdog.ui.data import runtime


@dataclass(frozen=True)
class Deed:
    """What is about to be done: the act and its subject as the audit log names them, and who may."""

    act: str
    subject: str
    role: Role = Role.OPERATOR
    details: str = ""


def carry_out(deed: Deed, action: Callable[[], object], typed_name: str = "") -> None:
    """Do it, or raise the WatchdogError that says why not; either way the audit log says who wanted what.

    Args:
        deed: what it is.
        action: does it.
        typed_name: what somebody who did not sign in calls themselves; a checked name goes before it.
    """
    by = _actor(typed_name)
    try:
        who.require(deed.role)
        action()
    except WatchdogError as error:
        runtime().audit.record(by, f"refused: {deed.act}", deed.subject, f"{deed.details} {error}".strip())
        raise
    runtime().audit.record(by, deed.act, deed.subject, deed.details)


def _actor(typed_name: str) -> Person:
    someone = who.person()
    if someone.signed_in or not typed_name.strip():
        return someone
    return Person(typed_name.strip(), someone.role, signed_in=False)
