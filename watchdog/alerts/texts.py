"""Words of people: names and notes, bounded in length and otherwise kept as they are."""

from __future__ import annotations

from watchdog.base.errors import ActionError

LONGEST_NAME, LONGEST_NOTE = 80, 1000


def name(text: str) -> str:
    """Who did something; ActionError where nobody is named."""
    cleaned = storable(text).strip()
    if not cleaned:
        raise ActionError("no name is given", hint="Say who you are, so that others know whom to ask.")
    return _bounded("name", cleaned, LONGEST_NAME)


def note(text: str) -> str:
    """What they say about it."""
    return _bounded("note", storable(text).strip(), LONGEST_NOTE)


def storable(text: str) -> str:
    """The same text; halves of characters, which no database takes, become '?'."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _bounded(what: str, text: str, longest: int) -> str:
    if len(text) > longest:
        raise ActionError(f"the {what} has {len(text):,} characters", hint=f"Use at most {longest:,}.")
    return text
