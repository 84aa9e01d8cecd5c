"""Which nodes, jobs, users and places of GPUs an answer names, and which amounts it tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from watchdog.assistant.claims import Amount, claims_of
from watchdog.assistant.evaluation.questions import Sort
from watchdog.assistant.quoting import unescaped
from watchdog.model.slurm.hostlist import expand

_SPACES = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009", " "))
_LIST = re.compile(r"\bgpu\[[\d,-]+\]")
# "GPU 3 on gpu01", "GPUs 0-3 on gpu02"; and the other way round, as a table has it: "| gpu02 | 0 |", "gpu02:0".
_PLACE = re.compile(r"\bGPUs?\s#?(\d[\d\s,\u2013and-]*?)\s(?:on|of|in)\s(?:node\s)?(gpu\d+)\b", re.IGNORECASE)
_PLACE_BACK = re.compile(
    r"\b(gpu\d+)(?:\s?\|\s?|:|['\u2019]s GPUs?\s|[\s,(:]+GPUs?\s#?)(\d{1,2})(?![\d.,]*\s?[%\u00b0WG]|\d|\.\d)",
    re.IGNORECASE,
)
_RUN = re.compile(r"(\d+)(?:\s?[-\u2013]\s?(\d+))?")


def read(text: str) -> str:
    """The answer as it is read: without escapes and emphasis; lists of hosts written out behind it."""
    plain = unescaped(text).translate(_SPACES).replace("**", "").replace("`", "")
    return _LIST.sub(lambda found: " ".join(expand(found[0])), plain)


def named(text: str, sort: Sort, known: Iterable[str]) -> list[str]:
    """Entities of the sort that `read(text)` names, in the order of their first mention; `known` are all there are."""
    if sort == "place":
        found = [(at, place) for at, place in _places(text)]
    else:
        found = [(at, name) for name in known if (at := _first(text, name)) is not None]
    return list(dict.fromkeys(name for _, name in sorted(found)))


def names(text: str, name: str) -> bool:
    """Whether the text has the name, standing by itself."""
    return _first(text, name) is not None


def _first(text: str, name: str) -> int | None:
    found = re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text)
    return found.start() if found else None


def _places(text: str) -> Iterator[tuple[int, str]]:
    for found in _PLACE.finditer(text):
        for run in _RUN.finditer(found[1]):
            for index in range(int(run[1]), int(run[2] or run[1]) + 1):
                yield found.start(), f"{found[2].lower()}:{index}"
    for found in _PLACE_BACK.finditer(text):
        yield found.start(), f"{found[1].lower()}:{int(found[2])}"


def tells(text: str, value: float, unit: str, slack: float) -> bool:
    """Whether an amount of that unit (a family of `claims`, "" for a count) is told, as exactly as the answer writes it."""
    return any(_is(amount, value, slack) for amount in claims_of(text) if _fits(amount, unit))


def _fits(amount: object, unit: str) -> bool:
    return isinstance(amount, Amount) and amount.family == unit


def _is(amount: object, value: float, slack: float) -> bool:
    assert isinstance(amount, Amount)
    pairs = zip(amount.bases, amount.slacks, strict=True)
    return any(abs(base - value) <= slack + rounding + amount.more for base, rounding in pairs)
