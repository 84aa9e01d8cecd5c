"""What the URL says about the alerts page: text, checked word by word, never trusted.

`?tab=&incident=&rule=&severity=&node=&who=`; the last four filter the history and may stand several times, and on the
rules' tab `rule` is the one that is edited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchdog.model.findings import Severity

ACTIVE, HISTORY, RULES, SILENCES, CHANNELS = "active", "history", "rules", "silences", "channels"
TABS = (ACTIVE, HISTORY, RULES, SILENCES, CHANNELS)
LONGEST_NAME, MOST_NAMES = 253, 20


@dataclass(frozen=True)
class Place:
    """Where on the page one is; empty filters mean all. `problems` are sentences about what in the URL was wrong."""

    tab: str = ACTIVE
    rules: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def read_place(parameters: Mapping[str, Sequence[str]]) -> Place:
    """Check every parameter on its own; a wrong one costs itself alone.

    Args:
        parameters: of the URL, each with all its values.
    """
    problems: list[str] = []
    return Place(
        tab=_tab(parameters.get("tab", ()), problems),
        rules=_names("rule", parameters, problems),
        severities=_severities(parameters, problems),
        nodes=_names("node", parameters, problems),
        people=_names("who", parameters, problems),
        problems=tuple(problems),
    )


def filters_of(place: Place) -> dict[str, list[str]]:
    """The filters as parameters of a URL; what is not filtered by has no value."""
    return {
        "rule": [*place.rules],
        "severity": [*place.severities],
        "node": [*place.nodes],
        "who": [*place.people],
    }


def _tab(values: Sequence[str], problems: list[str]) -> str:
    text = values[-1] if values else ""
    if text in TABS or not text:
        return text or ACTIVE
    problems.append(f"The address has tab={text[:40]!r}; known are {', '.join(TABS)}. Active alerts are shown.")
    return ACTIVE


def _severities(parameters: Mapping[str, Sequence[str]], problems: list[str]) -> tuple[str, ...]:
    given = _names("severity", parameters, problems)
    known = tuple(word for word in given if word in [*Severity])
    if len(known) < len(given):
        problems.append(f"The address has a severity that there is none of; known are {', '.join(Severity)}.")
    return known


def _names(key: str, parameters: Mapping[str, Sequence[str]], problems: list[str]) -> tuple[str, ...]:
    given = dict.fromkeys(value for value in parameters.get(key, ()) if value)
    names = [name for name in given if len(name) <= LONGEST_NAME and name.isprintable()]
    if len(names) < len(given):
        problems.append(f"The address has {len(given) - len(names)} names of a {key} that cannot be one; left out.")
    if len(names) > MOST_NAMES:
        problems.append(f"The address has {len(names)} names of a {key}; the first {MOST_NAMES} are looked for.")
    return tuple(names[:MOST_NAMES])
