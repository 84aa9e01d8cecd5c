"""Which GPU types to try, in which order, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra import names
from infra.errors import CandidateError
from infra.prices import gpu_usd
from infra.spec import Wishes
from infra.wire import GpuType

# The private network between pods, on which Slurm needs the head, is for NVIDIA pods only.
_MAKER = "NVIDIA"


@dataclass(frozen=True)
class Candidate:
    """A GPU type that could be tried. `gpu_usd` is for one GPU and hour; `why_not` is empty where nothing is against it."""

    gpu: GpuType
    gpu_usd: float
    data_centers: tuple[str, ...]
    why_not: str = ""


def survey(wishes: Wishes, gpus: Sequence[GpuType], networked: Iterable[str]) -> list[Candidate]:
    """Every type that the wishes name, in the user's order; within one wish the cheapest first.

    Args:
        wishes: with names of GPU types, count, cloud and price limits.
        gpus: the catalogue with what is free.
        networked: ids of the data centres that have the private network.

    Raises:
        CandidateError: a wish names no type at all.
    """
    places = set(networked)
    seen: dict[str, Candidate] = {}
    for wish in wishes.gpus:
        meant = [_judged(gpu, wishes, places) for gpu in names.matching(wish, gpus)]
        for candidate in sorted(meant, key=lambda c: (c.gpu_usd, c.gpu.id)):
            seen.setdefault(candidate.gpu.id, candidate)
    return list(seen.values())


def usable(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that nothing is against, or CandidateError that says for each what is."""
    found = [candidate for candidate in candidates if not candidate.why_not]
    if not found:
        reasons = "; ".join(f"{c.gpu.name}: {c.why_not}" for c in candidates)
        raise CandidateError(
            f"no GPU type is to be had: {reasons}", hint="Name more types, raise the limit, or try later."
        )
    return found


def _judged(gpu: GpuType, wishes: Wishes, networked: set[str]) -> Candidate:
    usd = gpu_usd(gpu, wishes.cloud)
    places = tuple(p.id for p in gpu.data_centers if p.availability != "NONE" and p.id in networked)
    return Candidate(gpu, usd or 0.0, places, _why_not(gpu, usd, places, wishes))


def _why_not(gpu: GpuType, usd: float | None, places: tuple[str, ...], wishes: Wishes) -> str:
    if usd is None:
        return f"not sold in the {wishes.cloud.lower()} cloud"
    return _too_dear(usd, wishes) or _not_there(gpu, places, wishes)


def _too_dear(usd: float, wishes: Wishes) -> str:
    if wishes.max_price is not None and usd > wishes.max_price:
        return f"${usd:.2f} an hour is above --max-price ${wishes.max_price:.2f}"
    return ""


def _not_there(gpu: GpuType, places: tuple[str, ...], wishes: Wishes) -> str:
    most = gpu.max_count.secure if wishes.cloud == "SECURE" else gpu.max_count.community
    if gpu.manufacturer != _MAKER:
        return "no private network, which Slurm needs"
    if most < wishes.gpu_count:
        return f"at most {most} GPUs a pod"
    if gpu.availability == "NONE":
        return "none free"
    return "" if places else "free only where there is no private network"
