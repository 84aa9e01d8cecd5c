"""GPU types by the names people use: `A100-80GB`, `H100`, `4090`, or RunPod's own id."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from infra.errors import CandidateError
from infra.wire import GpuType


def matching(wish: str, gpus: Sequence[GpuType]) -> list[GpuType]:
    """The types that a name means, or CandidateError with names that are near.

    RunPod's id means itself alone. Otherwise every word of the wish must be a word of id or name: `L4` is not `L40`;
    only where there is none so, a part of a word is enough (`RTX4090`).
    """
    exact = [gpu for gpu in gpus if wish.lower() in (gpu.id.lower(), gpu.name.lower())]
    if exact:
        return exact
    words = _words(wish)
    whole = [gpu for gpu in gpus if words and words <= _words(f"{gpu.id} {gpu.name}")]
    part = [gpu for gpu in gpus if words and all(word in _squeezed(gpu) for word in words)]
    if not (whole or part):
        raise CandidateError(f"there is no GPU type {wish!r}", hint=_near(wish, gpus))
    return whole or part


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def _squeezed(gpu: GpuType) -> str:
    return "".join(re.findall(r"[a-z0-9]+", gpu.id.lower()))


def _near(wish: str, gpus: Sequence[GpuType]) -> str:
    names = {gpu.name.lower(): gpu.name for gpu in gpus}
    near = difflib.get_close_matches(wish.lower(), names, n=3, cutoff=0.3)
    return (
        f"Did you mean {', '.join(names[n] for n in near)}?" if near else f"RunPod lets: {', '.join(names.values())}."
    )
