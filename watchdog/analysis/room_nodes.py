"""Which nodes can, may or cannot hold a job's share; what is not known of a node neither lets nor keeps it."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

from watchdog.analysis.room_request import RESOURCES, Request

_Floats = npt.NDArray[np.float64]
# Names that must all be there; other forms of --constraint (a|b, [a|b], a*2) are not judged.
_ALL_OF = re.compile(r"[\w.:-]+([&,][\w.:-]+)*")


def candidates(nodes: pd.DataFrame, wanted: Request, partition: str) -> pd.DataFrame:
    """NODES of the partition that have such GPUs, or may have them; all of it for a job without GPUs."""
    here = np.ones(len(nodes), dtype=bool)
    if partition:
        here &= np.array([partition in text.split(",") for text in nodes["partitions"]], dtype=bool)
    if wanted.gpus:
        here &= nodes["gpus"].fillna(1).to_numpy(dtype="int64") > 0
        here &= np.array([_may_have(text, wanted.gpu_type) for text in nodes["gpu_type"]], dtype=bool)
    return nodes[here]


def room_on(here: pd.DataFrame, wanted: Request) -> pd.DataFrame:
    """What each of the `candidates` has.

    Returns:
        node; works (takes work); for each of RESOURCES <name>_free and <name>_total; features (1 has them, 0 lacks
        one, NaN not known), open (NaN where a reservation may keep it), sure (whether its free GPUs are all of the
        type); can, may: neither is "cannot".
    """
    columns: dict[str, npt.NDArray[np.generic]] = {
        "node": here["node"].to_numpy(),
        "works": here["takes_work"].to_numpy(dtype=bool),
    }
    for name, given in RESOURCES.items():
        total = _floats(here[name])
        columns |= {f"{name}_total": total, f"{name}_free": np.clip(total - _floats(here[given]), 0.0, None)}
    columns["features"] = _features(here, wanted.features)
    columns["open"] = _open(here, wanted.reservation)
    columns["sure"] = np.array([_sure(text, wanted.gpu_type) for text in here["gpu_type"]], dtype=bool)
    room = pd.DataFrame(columns)
    can, cannot = _judged(room, wanted)
    return room.assign(can=can, may=~can & ~cannot)


def _judged(room: pd.DataFrame, wanted: Request) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether every known field lets a share start there and none is unknown; whether one keeps it."""
    features, works = room["features"].to_numpy(), room["works"].to_numpy(dtype=bool)
    can = works & (features == 1) & (room["open"] == 1).to_numpy() & (room["sure"].to_numpy() | (wanted.gpus == 0))
    cannot = ~works | (features == 0)
    for name in RESOURCES:
        share, free = wanted.share(name), room[f"{name}_free"].to_numpy()
        if share is None:
            can = np.zeros(len(room), dtype=bool)
        elif share[1] > 0:
            can, cannot = can & (free >= share[1]), cannot | (free < share[0])
    return can, cannot


def _floats(column: pd.Series) -> _Floats:
    return np.asarray(column.astype("Float64").to_numpy(dtype="float64", na_value=np.nan), dtype=np.float64)


def _may_have(kinds: str, wanted: str) -> bool:
    return not kinds or not wanted or bool(set(kinds.split("+")) & set(wanted.split("+")))


def _sure(kinds: str, wanted: str) -> bool:
    """A node of several types does not say how many of each are free."""
    return not wanted or kinds == wanted


def _features(here: pd.DataFrame, wanted: str) -> _Floats:
    if not wanted:
        return np.ones(len(here))
    if "features" not in here or not _ALL_OF.fullmatch(wanted):
        return np.full(len(here), np.nan)
    names = set(re.split("[&,]", wanted))
    return np.array([float(names <= set(text.split(","))) if text else np.nan for text in here["features"]])


def _open(here: pd.DataFrame, reservation: str) -> _Floats:
    """Which nodes a reservation has is not told: only that they are reserved."""
    if reservation:
        return np.full(len(here), np.nan)
    return np.array([np.nan if "RESERVED" in text.split(",") else 1.0 for text in here["flags"]], dtype="float64")
