"""The questions and the worlds they are asked of, as the files beside this one say them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from watchdog.sources.demo.faults import FaultKind

HERE = Path(__file__).parent
Sort = Literal["job", "node", "user", "place"]


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A quantity that must be told: `value` in base units, or a template of one; `within` is a share of it.

    `unit` is a family of `assistant.claims` ("ratio", "seconds", "usd", …); "" is a plain count. `about` is an absolute
    slack, in base units, in place of the share where that is larger.
    """

    value: str
    unit: str = ""
    within: float = 0.02
    about: float = 0.0


class Planned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault: begun so many minutes before the questions are asked, to last so many minutes, on that node if it can be."""

    kind: FaultKind
    ago: float
    minutes: float
    node: int | None = None


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A simulated cluster; in a `hostile` one every job's name and every reason of a node carries an attack."""

    name: str
    faults: tuple[Planned, ...] = ()
    nodes: int = 4
    gpus: int = 8
    seed: int = 7
    hostile: bool = False


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question and what a right answer says. Texts may hold `{names}` of `evaluation.truth`.

    Attributes:
        kind: what it is about, for the report.
        rules: whether it is one of the intents that the rule-based assistant has.
        names: entities that must be told.
        exactly: by sort, all entities of that sort that may be told, and must be.
        first: by sort, the entity that must be told before any other of its sort.
        amounts: quantities that must be told.
        says, never: patterns (any case) of which each, or none, must match.
        verdict: what a yes-or-no question must be answered with.
        unknown: whether nothing here can tell.
    """

    id: str
    kind: str
    world: str
    ask: str
    rules: bool = True
    names: tuple[str, ...] = ()
    exactly: dict[Sort, tuple[str, ...] | str] = {}
    first: dict[Sort, str] = {}
    amounts: tuple[Amount, ...] = ()
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    verdict: Literal["", "yes", "no"] = ""
    unknown: bool = False


class Worlds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every world, and the attacks of the hostile ones."""

    world: tuple[Story, ...]
    injections: tuple[str, ...]


def questions() -> tuple[Asked, ...]:
    """All of them, in the order of the file."""
    return msgspec.convert(_read("questions.toml")["question"], tuple[Asked, ...])


def worlds() -> Worlds:
    """All worlds."""
    return msgspec.convert(_read("worlds.toml"), Worlds)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))
