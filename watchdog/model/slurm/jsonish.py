"""Values in Slurm's JSON, which changed their shape from version to version."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm.instants import instant
from watchdog.model.slurm.lifetimes import NO_EXIT, Exit, of_wait_status

# Slurm's NO_VAL and INFINITE of 16, 32 and 64 bits, which old versions print as they are.
_NO_VALUE = {0xFFFE, 0xFFFFFFFE, 0xFFFFFFFFFFFFFFFE}
_INFINITE = {0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF}

Record = Mapping[str, Any]


def number(said: Any) -> float | None:  # noqa: ANN401 (any JSON value)
    """A plain number, or `{set, infinite, number}` of newer versions; inf for infinite, None for not set."""
    if isinstance(said, Mapping):
        if said.get("infinite"):
            return math.inf
        return number(said.get("number")) if said.get("set") else None
    if isinstance(said, bool) or not isinstance(said, (int, float)) or said < 0 or said in _NO_VALUE:
        return None
    return math.inf if said in _INFINITE else float(said)


def whole(said: Any) -> int | None:  # noqa: ANN401
    """The same as a count; infinite is None."""
    value = number(said)
    return None if value is None or not math.isfinite(value) else int(value)


def at(said: Any) -> datetime | None:  # noqa: ANN401
    """An instant; 0 and infinite are none."""
    value = number(said)
    return None if value is None else instant(value)


def minutes(said: Any) -> float | None:  # noqa: ANN401
    """A duration told in minutes, in seconds."""
    value = number(said)
    return None if value is None else value * 60


def text(said: Any) -> str:  # noqa: ANN401
    """A text; lists joined by ','; "" for null."""
    if isinstance(said, (list, tuple)):
        return ",".join(text(part) for part in said)
    return "" if said is None or isinstance(said, (Mapping, bool)) else str(said)


def words(said: Any) -> list[str]:  # noqa: ANN401
    """A list of texts, also of one text."""
    return [text(part) for part in said] if isinstance(said, list) else [text(said)] if said else []


def inner(record: Record, *path: str) -> Any:  # noqa: ANN401
    """What lies at `path` in nested records; None where it ends early."""
    value: Any = record
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def exit_of(said: Any) -> Exit:  # noqa: ANN401
    """Exit code and signal of a wait status, or of `{status, return_code, signal}`."""
    if not isinstance(said, Mapping):
        status = whole(said)
        return NO_EXIT if status is None else of_wait_status(status)
    code = whole(said.get("return_code"))
    signal = said.get("signal") or {}
    number_of = signal.get("id", signal.get("signal_id")) if isinstance(signal, Mapping) else None
    killed = whole(number_of)
    return NO_EXIT if code is None and killed is None else (code or 0, killed or 0)


def listed(answer: Any, key: str) -> list[Record]:  # noqa: ANN401
    """The records under `key`.

    Raises:
        SourceFormatError: the answer has no such list.
    """
    found = answer.get(key) if isinstance(answer, Mapping) else None
    if not isinstance(found, list):
        raise SourceFormatError(f"an answer of Slurm holds no {key}")
    return [record for record in found if isinstance(record, Mapping)]
