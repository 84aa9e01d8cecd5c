"""Slurm's short way to write many names: `gpu[001-003,7]` is gpu001, gpu002, gpu003 and gpu7."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice, product

from watchdog.base.errors import SourceFormatError

# Far above any cluster; below what would fill the memory when a range is nonsense.
MAX_NAMES = 100_000

_NOTHING = {"", "(null)", "N/A", "n/a", "None", "None assigned", "(none)"}
_PART = re.compile(r"([^,\[\]]*)(?:\[([^\[\]]*)\])?")
_TAIL = re.compile(r"(.*?)(\d{1,18})(\D*)", re.DOTALL | re.ASCII)


@lru_cache(maxsize=4096)
def expand(text: str) -> tuple[str, ...]:
    """The names in `text`, in its order, each once; none for "", "(null)" and Slurm's other ways to say nobody.

    Raises:
        SourceFormatError: brackets that do not match, a range that is none, or more than MAX_NAMES names.
    """
    if text.strip() in _NOTHING:
        return ()
    if "[" not in text and "]" not in text:
        return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
    names: dict[str, None] = {}
    for word in _words(text):
        names.update(dict.fromkeys(islice(_names(word), MAX_NAMES + 1)))
        if len(names) > MAX_NAMES:
            raise SourceFormatError(f"a list of more than {MAX_NAMES} names: {text[:60]!r}")
    return tuple(names)


def compress(names: Iterable[str]) -> str:
    """The same names as Slurm would write them, sorted, each once; `expand` gives them back."""
    groups: dict[tuple[str, str, bool], list[str]] = {}
    for name in set(names):
        tail = _TAIL.fullmatch(name)
        # A name without a number ("login") never shares brackets with others ("login1").
        key = (tail[1], tail[3], True) if tail else (name, "", False)
        groups.setdefault(key, []).append(tail[2] if tail else "")
    return ",".join(_written(before, numbers, after) for (before, after, _), numbers in sorted(groups.items()))


def _words(text: str) -> Iterator[str]:
    """The parts between commas that stand outside brackets."""
    depth, start = 0, 0
    for at, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if depth not in {0, 1}:
            raise SourceFormatError(f"brackets that do not match: {text[:60]!r}")
        if char == "," and not depth:
            yield text[start:at].strip()
            start = at + 1
    if depth:
        raise SourceFormatError(f"a list of names that was cut off: {text[:60]!r}")
    yield text[start:].strip()


def _names(word: str) -> Iterator[str]:
    """The names of one word, never more than the caller takes: `a[0-1]b[0-1]` are four."""
    pieces: list[list[str]] = []
    for before, ranges in _PART.findall(word):
        pieces.append([before])
        if ranges:
            pieces.append(list(_numbers(ranges)))
    return ("".join(name) for name in product(*pieces) if any(name))


def _numbers(ranges: str) -> Iterator[str]:
    count = 0
    for part in ranges.split(","):
        low, dash, high = part.strip().partition("-")
        if not (low.isascii() and low.isdecimal() and (not dash or (high.isascii() and high.isdecimal()))):
            raise SourceFormatError(f"not a range of numbers: {part[:40]!r}")
        if max(len(low), len(high)) > 18:
            raise SourceFormatError(f"a number too long: {part[:40]!r}")
        first, last = int(low), int(high or low)
        count += last - first + 1
        if last < first or count > MAX_NAMES:
            raise SourceFormatError(f"a range that is backwards or too long: {part[:40]!r}")
        width = len(low)
        yield from (str(number).zfill(width) for number in range(first, last + 1))


def _written(before: str, numbers: list[str], after: str) -> str:
    if len(numbers) == 1:
        return f"{before}{numbers[0]}{after}"
    return f"{before}[{','.join(_runs(sorted(numbers, key=lambda text: (len(text), text))))}]{after}"


def _runs(numbers: list[str]) -> Iterator[str]:
    first = last = numbers[0]
    for number in numbers[1:]:
        if number == str(int(last) + 1).zfill(len(first)):
            last = number
            continue
        yield first if first == last else f"{first}-{last}"
        first = last = number
    yield first if first == last else f"{first}-{last}"
