"""The questions we put to a Prometheus-compatible server, as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from watchdog.model.telemetry import Where
from watchdog.sources.identity import NODE_LABELS, UUID_LABELS

# VictoriaMetrics refuses queries above 16 KiB: longer lists of GPUs are filtered here instead.
_MOST_FILTERED = 200
_HEX = "0123456789abcdef"


@dataclass(frozen=True)
class Selector:
    """A metric's series: its exported name and label matchers."""

    name: str
    matchers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}{{{','.join(self.matchers)}}}" if self.matchers else self.name

    def narrowed(self, matchers: Iterable[str]) -> Selector:
        """The same, with more matchers."""
        return Selector(self.name, (*self.matchers, *matchers))


def selectors(name: str, where: Where, labels: Iterable[str]) -> list[Selector]:
    """Selectors that together match the series of `name` on these GPUs, and perhaps some more.

    Args:
        name: the exported name.
        where: which GPUs.
        labels: label names that occur; each exporter calls node and UUID differently.
    """
    there = set(labels)
    if where.gpus and len(where.gpus) <= _MOST_FILTERED and not any("/" in uuid for uuid in where.gpus):
        pattern = "|".join(_uuid_pattern(uuid) for uuid in where.gpus)
        return _chain(name, [label for label in UUID_LABELS if label in there], lambda _: pattern)
    if where.nodes and len(where.nodes) <= _MOST_FILTERED:
        return _chain(
            name, [label for label in NODE_LABELS if label in there], lambda label: _nodes(label, where.nodes)
        )
    return [Selector(name)]


def _chain(name: str, labels: Sequence[str], pattern: object) -> list[Selector]:
    """A selector a label; a series that has an earlier label is left to that one."""
    assert callable(pattern)
    chain = []
    for position, label in enumerate(labels):
        earlier = tuple(f'{before}=""' for before in labels[:position])
        chain.append(Selector(name, (*earlier, f"{label}=~{quoted(pattern(label))}")))
    return chain or [Selector(name)]


def _uuid_pattern(uuid: str) -> str:
    """Either spelling; nvidia_gpu_exporter leaves `GPU-` out."""
    bare = uuid.removeprefix("GPU-")
    return f"(GPU-)?{escaped(bare)}" if bare != uuid else escaped(uuid)


def _nodes(label: str, nodes: Sequence[str]) -> str:
    names = "|".join(escaped(node) for node in nodes)
    port = "(:[0-9]+)?" if label.endswith("instance") else ""
    return rf"\[?({names})\]?([.].*)?{port}"


def halves(matchers: Sequence[str], digits: str = _HEX) -> tuple[tuple[tuple[str, ...], str], ...]:
    """`matchers` split in two by a hex digit of the UUID, with the digits left to each; () when too fine.

    Series without a UUID are in both halves.
    """
    if len(digits) < 2:
        return ()
    lower, upper = digits[: len(digits) // 2], digits[len(digits) // 2 :]
    out = tuple(f'{label}!~"(GPU-)?[{upper}].*"' for label in UUID_LABELS)
    into = tuple(f'{label}=~"(GPU-)?[{upper}].*|"' for label in UUID_LABELS)
    return ((*matchers, *out), lower), ((*matchers, *into), upper)


def escaped(text: str) -> str:
    """`text` as a regular expression that matches only itself, in RE2 as in Python."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def quoted(text: str) -> str:
    """`text` as a PromQL string."""
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{inner}"'


def milliseconds(us: int) -> str:
    """Microseconds as a PromQL duration."""
    return f"{us // 1000}ms"


def seconds(us: int) -> str:
    """Microseconds since the epoch as Unix time with milliseconds."""
    return f"{us // 1_000_000}.{us // 1000 % 1000:03d}"
