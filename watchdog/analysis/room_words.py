"""What is said of the room for a job: what it needs, what nodes have, what they lack, and what is not known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from watchdog.analysis.fragmentation import Free
from watchdog.analysis.room_request import RESOURCES, Request
from watchdog.model.units import bytes_text

_MOST_UNKNOWN = 3


def no_such_node(wanted: Request, partition: str) -> str:
    """No node to look at."""
    where = f" of partition {partition}" if partition else ""
    return f"no node{where} is known" + (" to have such GPUs" if wanted.gpus else "")


def too_big(wanted: Request, room: pd.DataFrame) -> str:
    """A share that the largest node does not have, however free it is; "" where that is not so or not known."""
    for name in RESOURCES:
        share, totals = wanted.share(name), room[f"{name}_total"]
        if share is None or wanted.node_count is None or totals.isna().any() or share[0] <= float(totals.max()):
            continue
        has = f"{totals.max():.0f}" if name == "gpus" else _amount(name, float(totals.max()))
        return f"{_needs(wanted, name)}; the largest node has {has}"
    return ""


def no_room(wanted: Request, room: pd.DataFrame, free: Free) -> str:
    """Too few nodes have it: GPUs first, then what nodes with enough GPUs lack."""
    share = wanted.share("gpus")
    enough = room["works"] & ~(room["gpus_free"] < (share[0] if share else 0))
    count = max(wanted.node_count or 1, 1)
    if int(enough.sum()) >= count:
        return _lacking(wanted, room[enough])
    if not wanted.gpus:
        return f"{_needs(wanted)}; {_nodes(int(enough.sum()), 'takes', 'take')} work"
    rest = f"; {free.out} more are free on nodes that take no work" if free.out else ""
    if count > 1:
        are = "such node is" if enough.sum() == 1 else "such nodes are"
        return f"{_needs(wanted)}; {int(enough.sum()) or 'no'} {are} free{rest}"
    in_all = f", {free.free} free in all" if free.free else ""
    return f"{_needs(wanted)}; {_block(room)}{in_all}{rest}"


def fits(wanted: Request, room: pd.DataFrame) -> str:
    """Enough nodes have all of it."""
    names = room.loc[room["can"], "node"]
    who = f"{names.iloc[0]} has" if len(names) == 1 else f"{len(names)} nodes have"
    return f"{_needs(wanted, 'cpus', 'memory_bytes')}; {who} that free"


def undecided(wanted: Request, room: pd.DataFrame, free: Free, unknown: Sequence[str]) -> str:
    """It may or may not start: what is known, and what is not."""
    rest = f" and {len(unknown) - _MOST_UNKNOWN} more" if len(unknown) > _MOST_UNKNOWN else ""
    told = f"; not known: {', '.join(unknown[:_MOST_UNKNOWN])}{rest}" if unknown else "; unevenly spread it may fit"
    block = f"; {_block(room)}" if wanted.gpus and free.total else ""
    return f"{_needs(wanted)}{block}{told}"


def not_known(wanted: Request, room: pd.DataFrame) -> tuple[str, ...]:
    """What of the request, and of the nodes that may hold it, is not known."""
    may = room[room["may"]]
    asked = {"gpus": "how many GPUs it asks for", "cpus": "how many CPUs it asks for", "memory_bytes": "how much memory it asks for"}  # fmt: skip
    found = [words for name, words in asked.items() if wanted.share(name) is None]
    if wanted.node_count is None:
        found.append("on how many nodes")
    for name, words in (("gpus", "free GPUs"), ("cpus", "free CPUs"), ("memory_bytes", "free memory")):
        share, count = wanted.share(name), int(may[f"{name}_free"].isna().sum())
        if share and share[1] > 0 and count:
            found.append(f"{words} of {_nodes(count)}")
    if wanted.gpu_type and (unsure := int((~may["sure"]).sum())):
        found.append(f"free GPUs by type of {_nodes(unsure)}")
    if wanted.features and may["features"].isna().any():
        found.append(f"which nodes have the feature {wanted.features}")
    if may["open"].isna().any():
        found.append("which nodes its reservation has" if wanted.reservation else "for whom nodes are reserved")
    return tuple(found)


def _lacking(wanted: Request, enough: pd.DataFrame) -> str:
    """Nodes with enough GPUs that cannot: for each resource how many lack it, and how much is free at most."""
    head = f"{_nodes(len(enough), 'has', 'have')} {_amount('gpus', _share(wanted, 'gpus'), free=True)}, but"
    if not wanted.gpus:
        head = f"{_nodes(len(enough), 'takes', 'take')} work, but {'has' if len(enough) == 1 else 'have'}"
    left, parts, named = enough[~(enough["can"] | enough["may"])], [], []
    for name in ("cpus", "memory_bytes"):
        short = left[f"{name}_free"] < _share(wanted, name)
        if short.any():
            parts.append((int(short.sum()), _at_most(name, left.loc[short, f"{name}_free"])))
            named.append(name)
            left = left[~short]
    if len(left):
        parts.append((len(left), f"not the feature {wanted.features}"))
    whole = len(parts) == 1 and parts[0][0] == len(enough)
    lacks = parts[0][1] if whole else " and ".join(f"{count} of them {words}" for count, words in parts)
    return f"{_needs(wanted, *named)}; {head} {lacks}"


def _at_most(name: str, amounts: pd.Series) -> str:
    most = float(amounts.max())
    if most == 0:
        return "no free memory" if name == "memory_bytes" else "no free CPU"
    return f"{'only' if amounts.min() == most else 'at most'} {_amount(name, most, free=True)}"


def _needs(wanted: Request, *more: str) -> str:
    """GPUs (or CPUs and memory of a job without), and `more` of RESOURCES, on each of its nodes."""
    names = dict.fromkeys(("gpus", *more) if wanted.gpus else ("cpus", "memory_bytes"))
    amounts = [_amount(name, share[1]) for name in names if (share := wanted.share(name)) and share[1] > 0]
    text = " and ".join(filter(None, (", ".join(amounts[:-1]), *amounts[-1:]))) or "room"
    if wanted.node_count is None:
        return f"needs {text}"
    return (
        f"needs {text} on one node" if wanted.node_count <= 1 else f"needs {text} on each of {wanted.node_count} nodes"
    )


def _block(room: pd.DataFrame) -> str:
    usable = room[room["works"] & (room["gpus_free"] > 0)]
    if not len(usable):
        return "no GPU is free"
    best = usable.sort_values("gpus_free", kind="stable").iloc[-1]
    return f"the largest free block is {best['gpus_free']:.0f} on {best['node']}"


def _share(wanted: Request, name: str) -> float:
    share = wanted.share(name)
    return share[0] if share else -np.inf


def _amount(name: str, value: float, *, free: bool = False) -> str:
    word = "free " if free else ""
    if name == "memory_bytes":
        return f"{bytes_text(value)} of {word}memory"
    return f"{value:.0f} {word}{name[:-1].upper()}{'s' * (value != 1)}"


def _nodes(count: int, one: str = "", several: str = "") -> str:
    verb = one if count == 1 else several
    return f"{count or 'no'} node{'s' * (count > 1)}{f' {verb}' if verb else ''}"
