"""Cells of nvidia-smi: text in, number or None out. What is no measurement is None, never 0."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)\s*(?:x|%|[A-Za-z/]{1,6})?\s*", re.ASCII)
_HEX = re.compile(r"\s*0[xX][0-9a-fA-F]+\s*")
_FLAGS = {"yes": 1.0, "no": 0.0, "enabled": 1.0, "disabled": 0.0, "active": 1.0, "not active": 0.0}
_UNSUPPORTED = ("", "n/a", "not supported", "requested functionality has been deprecated", "not found", "none")
# nvidia-smi's words for nvmlDeviceGpuRecoveryAction_t, in its order.
_ACTIONS = (
    ("none",),
    ("reset", "gpu reset", "reset gpu"),
    ("reboot", "node reboot", "system reboot"),
    ("drain p2p",),
    ("drain and reset",),
    ("bus reset",),
)
_RESET_NEEDED = "gpu requires reset"
_LOST = "gpu is lost"


def number(text: str | None) -> float | None:
    """`81559 MiB`, `100 %`, `16x`, `0x1ff`, `-5 C` -> a number; any words, blanks or error marks -> None."""
    if text is None:
        return None
    if _HEX.fullmatch(text):
        return float(int(text, 16))
    match = _NUMBER.fullmatch(text)
    return float(match[1]) if match else None


def flag(text: str | None) -> float | None:
    """`Yes`, `Enabled`, `Active` -> 1; their opposites -> 0; a bare count -> whether it is above 0; else None."""
    named = _FLAGS.get(bare(text))
    if named is not None:
        return named
    count = number(text)
    return None if count is None else float(count > 0)


def pstate(text: str | None) -> float | None:
    """`P8` -> 8."""
    word = bare(text)
    return number(word[1:]) if word.startswith("p") else None


def recovery_action(text: str | None) -> float | None:
    """NVML's code of what the driver asks for: 0 none, 1 reset, 2 reboot, 3 drain P2P, 4 drain and reset."""
    word = bare(text)
    return next((float(code) for code, words in enumerate(_ACTIONS) if word in words), None)


def total(texts: Iterable[str | None]) -> float | None:
    """Sum of the parts a GPU has; None if it has none or if one of them could not be read."""
    cells = list(texts)
    values = [value for value in map(number, cells) if value is not None]
    return None if not values or any(map(failed, cells)) else sum(values)


def failed(text: str | None) -> bool:
    """Whether reading went wrong (`ERR!`, `[Unknown Error]`), as opposed to `N/A`: this GPU has no such thing."""
    return number(text) is None and bare(text) not in _FLAGS and bare(text) not in _UNSUPPORTED


def says_lost(text: str | None) -> bool:
    """Whether the driver says that the GPU fell off the bus."""
    return _LOST in bare(text)


def says_reset_needed(text: str | None) -> bool:
    """Whether the driver answers only after a GPU reset."""
    return bare(text) == _RESET_NEEDED


def bare(text: str | None) -> str:
    """Lower case, without brackets and white space around."""
    return (text or "").strip().strip("[]").strip().lower()
