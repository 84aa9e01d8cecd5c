"""Who is at this browser."""

from __future__ import annotations

from watchdog.model.people import Person, Role

# The one user of an app that nobody signs in to.
LOCAL = "local"


def person() -> Person:
    """Who is here; without a sign-in everybody is the same local user, who may do everything."""
    return Person(LOCAL, Role.ADMIN, signed_in=False)
