"""Reading Prometheus' text exposition format: a page of an exporter becomes numbers and entries.

Series are resolved once and remembered, so that reading a page again is one dictionary look-up a line.
Exporters are not trusted: dcgm-exporter does not escape label values, old versions print words for values.
A line that cannot be read is counted and left out; the others live.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from watchdog.base.errors import SourceFormatError
from watchdog.model.arrays import Floats, Ints
from watchdog.sources.identity import GPU_INFO, MIG_INFO, Inventory
from watchdog.sources.registry import Registry

LAST_SUCCESS = "watchdog_exporter_last_success_timestamp_seconds"

# Lines remembered: enough for the page itself and some change of labels.
_LEAST_REMEMBERED = 20_000
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)', re.DOTALL)
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "\\": "\\", '"': '"'}

_NOTHING: tuple[int, ...] = ()


@dataclass(frozen=True)
class Page:
    """What a page says, before it becomes a frame.

    Attributes:
        entry: number of each value's entry in the registry.
        raw: the values as exported.
        unreadable: how many lines could not be read.
        last_success: the exporter's own last reading of its sensors, seconds since the epoch; None if untold.
    """

    entry: Ints
    raw: Floats
    unreadable: int = 0
    last_success: float | None = None


class ExpositionParser:
    """Reads the pages of one exporter. Not for several threads at once."""

    def __init__(self, registry: Registry, fallback_node: str = "") -> None:
        self._registry = registry
        self._fallback_node = fallback_node
        self._inventory = Inventory()
        self._known: dict[str, tuple[int, ...]] = {}

    def parse(self, body: bytes) -> Page:
        """Read a page; raises SourceFormatError if it is none at all."""
        text = body.decode("utf-8", errors="replace")
        _refuse_html(text)
        lines = text.split("\n")
        page = _Reading()
        unknown = self._read_known(lines, page)
        self._read_unknown(unknown, page)
        if page.unreadable == page.read > 0 and not self._known:
            raise SourceFormatError(
                "the page holds no line in Prometheus' text format", hint="Point the target at the exporter's /metrics."
            )
        if len(self._known) > max(_LEAST_REMEMBERED, 4 * len(lines)):
            self._known.clear()
        return page.result()

    def _read_known(self, lines: list[str], page: _Reading) -> list[str]:
        """Read the lines met before; returns the others."""
        find, entries, texts, unknown = self._known.get, page.entries, page.texts, []
        for line in lines:
            head, _, value = line.rpartition(" ")
            numbers = find(head)
            if numbers is None:
                if line and line[0] != "#":
                    unknown.append(line)
            elif numbers:
                for number in numbers:
                    entries.append(number)
                    texts.append(value)
        return unknown

    def _read_unknown(self, lines: list[str], page: _Reading) -> None:
        split = [found for line in lines if (found := page.split(line)) is not None]
        self._learn(split)
        for head, value, stamped in split:
            if head.startswith(LAST_SUCCESS):
                page.last_success = _number(value)
                continue
            numbers = self._known.get(head) if stamped else None
            if numbers is None:
                numbers = self._resolve(head, page)
            if numbers is not None:
                self._known[head] = numbers
                page.entries.extend(numbers)
                page.texts.extend([value] * len(numbers))

    def _learn(self, split: list[tuple[str, str, bool]]) -> None:
        """Take in info series first: the page may name them after what needs them."""
        new = False
        for head, _, _ in split:
            if head.startswith((GPU_INFO, MIG_INFO)):
                name, labels = series(head) or ("", {})
                new |= self._inventory.learn(name, labels)
        if new:
            self._known = {head: numbers for head, numbers in self._known.items() if not numbers}

    def _resolve(self, head: str, page: _Reading) -> tuple[int, ...] | None:
        name = _NAME.match(head)
        if name is not None and not self._registry.knows(name.group()):
            return _NOTHING
        found = series(head)
        if found is None:
            page.unreadable += 1
            return None
        return self._registry.resolve(*found, self._inventory, self._fallback_node)


class _Reading:
    """A page under way."""

    def __init__(self) -> None:
        self.entries: list[int] = []
        self.texts: list[str] = []
        self.read = 0
        self.unreadable = 0
        self.last_success: float | None = None

    def split(self, line: str) -> tuple[str, str, bool] | None:
        """Series, value and whether a timestamp followed; None for no sample."""
        line = line.strip("\r \t")
        if not line or line[0] == "#":
            return None
        self.read += 1
        end = line.rfind("}") + 1
        head, rest = (line[:end], line[end:].split()) if end else (line.partition(" ")[0], line.split()[1:])
        if len(rest) not in (1, 2) or _number(rest[0]) is None:
            self.unreadable += 1
            return None
        return head, rest[0], len(rest) == 2

    def result(self) -> Page:
        try:
            raw = np.fromiter(map(float, self.texts), np.float64, len(self.texts))
        except ValueError:
            raw = self._one_by_one()
        entry = np.array(self.entries, dtype=np.int64)
        return Page(entry, raw, self.unreadable, self.last_success)

    def _one_by_one(self) -> Floats:
        numbers = [_number(text) for text in self.texts]
        self.unreadable += numbers.count(None)
        self.entries = [entry for entry, number in zip(self.entries, numbers, strict=True) if number is not None]
        return np.array([number for number in numbers if number is not None], dtype=np.float64)


def series(head: str) -> tuple[str, dict[str, str]] | None:
    """Name and labels of `name{label="value",…}`; None if it is not written like that."""
    name = _NAME.match(head)
    if name is None:
        return None
    rest = head[name.end() :].strip()
    if not rest:
        return name.group(), {}
    if rest[0] != "{" or rest[-1] != "}":
        return None
    return _labels(name.group(), rest[1:-1].strip())


def _labels(name: str, inner: str) -> tuple[str, dict[str, str]] | None:
    labels, at = {}, 0
    while at < len(inner):
        match = _LABEL.match(inner, at)
        if match is None:
            return None
        value = match.group(2)
        labels[match.group(1)] = _ESCAPE.sub(_unescaped, value) if "\\" in value else value
        at = match.end()
    return name, labels


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPED.get(match.group(1), match.group(0))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _refuse_html(text: str) -> None:
    start = text[:200].lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<!doctype", "<html", "<?xml", "{", "[")):
        raise SourceFormatError(
            "the answer is a web page or JSON, not metrics",
            hint="Point the target at the exporter's /metrics, and past any sign-in page.",
        )


def age_seconds(page: Page, now: float) -> float | None:
    """How old the exporter's last reading is; None if it does not tell."""
    told = page.last_success
    return None if told is None or not math.isfinite(told) or told <= 0 else now - told
