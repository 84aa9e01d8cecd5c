"""Generic resources and TRES: `gpu:h100:4(S:0-1)`, `gpu:h100:2(IDX:0,3)`, `cpu=4,mem=16G,gres/gpu:h100=2`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from watchdog.base.errors import SourceFormatError

_NOTHING = {"", "(null)", "n/a", "none", "(none)"}
_ITEM = re.compile(r"([^,()]*)((?:\([^()]*\))*)", re.ASCII)
_COUNT = re.compile(r"(\d{1,15})([kmgtp]?)", re.ASCII | re.IGNORECASE)
_MEMORY = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)([KMGTPE]?)B?([nc]?)", re.ASCII | re.IGNORECASE)
_SCALE = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50, "e": 2**60}
_MAX_INDEXES = 4096


@dataclass(frozen=True, slots=True)
class Gres:
    """One line of a list of generic resources; `indexes` are its places in the node, where they are said."""

    name: str
    kind: str
    count: int
    indexes: tuple[int, ...] = ()


@lru_cache(maxsize=4096)
def gres(text: str) -> tuple[Gres, ...]:
    """The resources in `text`, in its order; the prefixes `gres:` and `gres/` are dropped.

    Raises:
        SourceFormatError: a count or list of places that is none.
    """
    if text.strip().lower() in _NOTHING:
        return ()
    return tuple(_gres(m[1].strip(), m[2]) for m in _ITEM.finditer(text) if m[1].strip())


def gpus(resources: Iterable[Gres]) -> tuple[int, tuple[tuple[str, int], ...], tuple[int, ...]]:
    """How many GPUs, how many of each type (as first said), and their places, sorted."""
    kinds: dict[str, int] = {}
    indexes: set[int] = set()
    for item in resources:
        if item.name == "gpu":
            kinds[item.kind] = kinds.get(item.kind, 0) + item.count
            indexes.update(item.indexes)
    return sum(kinds.values()), tuple(kinds.items()), tuple(sorted(indexes))


@lru_cache(maxsize=4096)
def tres(text: str) -> dict[str, str]:
    """`cpu=4,mem=16G,gres/gpu:h100=2` as a dictionary, values as written. Do not change it: it is kept."""
    if text.strip().lower() in _NOTHING:
        return {}
    pairs = (part.partition("=") for part in text.split(","))
    return {name.strip(): value.strip() for name, sign, value in pairs if sign}


@lru_cache(maxsize=4096)
def tres_gpus(text: str) -> tuple[int, str]:
    """GPUs in a TRES list or a request (`gres:gpu:2`, `gres/gpu:h100:2`), and their type; types joined by '+'.

    Raises:
        SourceFormatError: a count that is none.
    """
    amounts = tres(text)
    typed = {name[9:]: _count(value) for name, value in amounts.items() if name.startswith("gres/gpu:")}
    total = amounts.get("gres/gpu")
    if total is None and not typed:
        count, kinds, _ = gpus(gres(text) if "=" not in text else ())
        return count, "+".join(kind for kind, _ in kinds if kind)
    return _count(total) if total is not None else sum(typed.values()), "+".join(typed)


@lru_cache(maxsize=4096)
def memory_bytes(text: str) -> float | None:
    """`8000Mn`, `4Gc`, `2.5T`, `1000` (MiB) in bytes; None for "" and N/A. Whether it is per node or CPU is dropped.

    Raises:
        SourceFormatError: it is no amount of memory.
    """
    word = text.strip()
    if word.lower() in _NOTHING or word in {"?", "UNLIMITED"}:
        return None
    match = _MEMORY.fullmatch(word)
    if not match:
        raise SourceFormatError(f"not an amount of memory: {text[:40]!r}")
    return float(match[1]) * _SCALE[match[2].lower() or "m"]


@lru_cache(maxsize=4096)
def places(text: str) -> tuple[int, ...]:
    """`0-3,5` as numbers; none for "" and N/A.

    Raises:
        SourceFormatError: it is no list of places.
    """
    if text.strip().lower() in _NOTHING:
        return ()
    found: list[int] = []
    for part in text.split(","):
        low, _, high = part.strip().partition("-")
        last = high or low
        if not (low.isascii() and low.isdecimal() and last.isascii() and last.isdecimal()) or len(low + last) > 12:
            raise SourceFormatError(f"not a list of places: {text[:40]!r}")
        if int(last) - int(low) + len(found) >= _MAX_INDEXES:
            raise SourceFormatError(f"too many places: {text[:40]!r}")
        found.extend(range(int(low), int(last) + 1))
    return tuple(found)


def _gres(words: str, notes: str) -> Gres:
    name, _, rest = words.removeprefix("gres:").removeprefix("gres/").partition(":")
    kind, count = _kind_and_count(rest)
    index = re.search(r"IDX:([^()]*)", notes)
    indexes = places(index[1]) if index else ()
    return Gres(name, kind, count if count is not None else len(indexes) or 1, indexes)


def _kind_and_count(rest: str) -> tuple[str, int | None]:
    kind, _, last = rest.rpartition(":")
    if _COUNT.fullmatch(last):
        return kind, _count(last)
    if kind and not last:
        raise SourceFormatError(f"a resource that was cut off: {rest[:40]!r}")
    return rest, None


def _count(text: str) -> int:
    match = _COUNT.fullmatch(text.strip())
    if not match:
        raise SourceFormatError(f"not a count: {text[:40]!r}")
    return int(match[1]) * _SCALE[match[2].lower()]
