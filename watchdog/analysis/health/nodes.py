"""The same fleet node by node, with what Slurm and the sources say of each node."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.analysis.health.facts import Facts
from watchdog.analysis.node_condition import conditions
from watchdog.model.arrays import Ints, column_micros
from watchdog.model.telemetry import LOOKBACK, SourceStatus

Bools = NDArray[np.bool_]
# Four reads at the usual interval: one that fails by chance is no outage.
FAILING_FOR = timedelta(seconds=60)
_EXPORTER = "exporter "
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Nodes:
    """Every node that has or had GPUs.

    Attributes:
        names: in the order of `Facts.cells`.
        codes: of each GPU, which of `names`.
    """

    facts: Facts
    names: NDArray[np.object_]
    codes: Ints

    def sums(self, mask: Bools) -> Ints:
        """How many GPUs of each node are in `mask`."""
        return np.bincount(self.codes[mask], minlength=len(self.names))

    @cached_property
    def size(self) -> Ints:
        """How many GPUs each node has or had."""
        return np.bincount(self.codes, minlength=len(self.names))

    @cached_property
    def reporting(self) -> Ints:
        """How many GPUs of each node are not silent."""
        return self.sums(~self.facts.silent)

    @cached_property
    def newest_us(self) -> Ints:
        """The newest reading of each node, microseconds since the epoch; very small without any."""
        newest = np.full(len(self.names), _NEVER)
        np.maximum.at(newest, self.codes, column_micros(self.facts.cells["sampled_at"]))
        return newest

    def first_of(self, node: int) -> dict[str, Any]:
        """The first GPU of the node, as a row of plain values."""
        row = self.facts.cells.iloc[int(np.argmax(self.codes == node))].to_dict()
        return {str(name): None if pd.isna(value) else value for name, value in row.items()}


def nodes_of(facts: Facts) -> Nodes:
    """The nodes of the fleet."""
    codes, names = pd.factorize(facts.cells["node"].to_numpy(dtype=object))
    return Nodes(facts, names, codes.astype(np.int64))


@dataclass(frozen=True)
class SlurmNode:
    """What Slurm says of a node; `condition` is one of `node_condition.CONDITIONS`."""

    condition: str
    reason: str
    gpus: int | None
    booted_at: datetime | None


def slurm_nodes(facts: Facts) -> dict[str, SlurmNode] | None:
    """By node; None where no Slurm is read or its word is older than LOOKBACK."""
    if facts.slurm is None or facts.at - facts.slurm.taken_at > LOOKBACK or not len(facts.slurm.nodes):
        return None
    nodes = facts.slurm.nodes
    columns = (nodes[name].astype(object) for name in ("node", "reason", "gpus", "booted_at"))
    return {
        str(node): SlurmNode(str(word), _text(reason), _count(gpus), _instant(booted))
        for word, node, reason, gpus, booted in zip(conditions(nodes).astype(object), *columns, strict=True)
    }


def _text(value: object) -> str:
    return "" if pd.isna(value) else str(value)  # type: ignore[call-overload]


def _count(value: Any) -> int | None:  # noqa: ANN401 (a cell of a frame)
    return None if pd.isna(value) else int(value)


def _instant(value: Any) -> datetime | None:  # noqa: ANN401
    return None if pd.isna(value) else value.to_pydatetime()


def is_exporter(source: SourceStatus) -> bool:
    """Whether it is one exporter, not a server that speaks for many."""
    return source.name.startswith(_EXPORTER)


def node_of(source: SourceStatus) -> str:
    """The short name of the machine an exporter runs on, as far as its address says: "exporter gpu01.x:9400" is gpu01."""
    host = source.name.removeprefix(_EXPORTER).split("://")[-1]
    host = re.sub(r"[:/].*", "", host)
    return host if re.fullmatch(r"[\d.]+", host) else host.partition(".")[0]


def failing(facts: Facts, source: SourceStatus) -> bool:
    """Whether its last read failed and none has succeeded for FAILING_FOR."""
    last = source.last_success_at
    return source.error != "" and (last is None or facts.at - last >= FAILING_FOR)


def server_failing(facts: Facts) -> str:
    """The error of a server that speaks for many nodes and fails; "" where there is none."""
    return next((s.error for s in facts.sources if not is_exporter(s) and failing(facts, s)), "")
