"""What the URL says about the queue's table: text, checked word by word, never trusted.

`?show=&search=&user=&user=&account=&partition=`; the last three may stand several times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ALL, PENDING, RUNNING, ENDED = "all", "pending", "running", "ended"
SHOWS = (ALL, PENDING, RUNNING, ENDED)
LONGEST_SEARCH = 80
LONGEST_NAME = 200
MOST_NAMES = 20


@dataclass(frozen=True)
class Chosen:
    """What the filters above the table say; empty means all. `problems` are sentences about what in the URL was wrong."""

    show: str = ALL
    search: str = ""
    users: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def read_chosen(parameters: Mapping[str, Sequence[str]]) -> Chosen:
    """Check every parameter on its own; a wrong one costs itself alone.

    Args:
        parameters: of the URL, each with all its values.
    """
    problems: list[str] = []
    return Chosen(
        show=_show(_last(parameters, "show"), problems),
        search=_search(_last(parameters, "search"), problems),
        users=_names("user", parameters, problems),
        accounts=_names("account", parameters, problems),
        partitions=_names("partition", parameters, problems),
        problems=tuple(problems),
    )


def parameters_of(chosen: Chosen) -> dict[str, list[str]]:
    """The same as parameters of a URL; what is not filtered by has no value."""
    return {
        "show": [chosen.show] if chosen.show != ALL else [],
        "search": [chosen.search] if chosen.search else [],
        "user": list(chosen.users),
        "account": list(chosen.accounts),
        "partition": list(chosen.partitions),
    }


def _last(parameters: Mapping[str, Sequence[str]], key: str) -> str:
    values = parameters.get(key, ())
    return values[-1] if values else ""


def _show(text: str, problems: list[str]) -> str:
    if text in SHOWS or not text:
        return text or ALL
    problems.append(f"The address has show={text[:40]!r}; known are {', '.join(SHOWS)}. All jobs are shown.")
    return ALL


def _search(text: str, problems: list[str]) -> str:
    if len(text) <= LONGEST_SEARCH and text.isprintable():
        return text
    problems.append(f"The address searches for what nobody can have typed ({len(text)} characters); left out.")
    return ""


def _names(key: str, parameters: Mapping[str, Sequence[str]], problems: list[str]) -> tuple[str, ...]:
    given = dict.fromkeys(value for value in parameters.get(key, ()) if value)
    names = [name for name in given if len(name) <= LONGEST_NAME and name.isprintable()]
    if len(names) < len(given):
        problems.append(f"The address has {len(given) - len(names)} names of a {key} that cannot be one; left out.")
    if len(names) > MOST_NAMES:
        problems.append(f"The address has {len(names)} names of a {key}; the first {MOST_NAMES} are looked for.")
    return tuple(names[:MOST_NAMES])
