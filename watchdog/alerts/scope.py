"""For which GPUs a rule holds: shell patterns against node, partition, model and job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.analysis.health.facts import Facts, Slurm
from watchdog.model.rules import Scope

Bools = NDArray[np.bool_]


class Reach(NamedTuple):
    """One flag a row of `Facts.cells`: surely within the scope; and perhaps, for want of data."""

    inside: Bools
    unsure: Bools


def reach(scope: Scope, facts: Facts) -> Reach:
    """Whom the rule reaches. A GPU that no job holds matches no pattern of jobs, not even `*`."""
    inside = np.ones(len(facts.cells), dtype=bool)
    unsure = np.zeros(len(facts.cells), dtype=bool)
    if scope.nodes:
        inside &= matching(facts.cells["node"], scope.nodes)
    if scope.gpu_models:
        inside &= matching(facts.cells["gpu_model"], scope.gpu_models)
    if scope.partitions:
        hit, unknown = _in_partitions(facts, scope.partitions)
        inside, unsure = inside & (hit | unknown), unsure | unknown
    if scope.jobs:
        hit, unknown = _of_jobs(facts.cells["job_id"], scope.jobs)
        inside, unsure = inside & (hit | unknown), unsure | unknown
    return Reach(inside & ~unsure, inside & unsure)


def matching(names: pd.Series, patterns: Sequence[str]) -> Bools:
    """Which names match one of the patterns; each different name is looked at once. Null matches none."""
    return _by_name(names, lambda name: matches(name, patterns))


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name matches one of the patterns, in its spelling."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _by_name(names: pd.Series, test: Callable[[str], bool]) -> Bools:
    codes, different = pd.factorize(names)
    answers = np.array([*(test(str(name)) for name in different), False])
    return np.asarray(answers[codes], dtype=bool)


def _of_jobs(jobs: pd.Series, patterns: Sequence[str]) -> tuple[Bools, Bools]:
    hit = _by_name(jobs, lambda name: name != "" and matches(name, patterns))
    return hit, jobs.isna().to_numpy(dtype=bool)


def _in_partitions(facts: Facts, patterns: Sequence[str]) -> tuple[Bools, Bools]:
    """By the partitions of its node, as Slurm names them, or that of the job that holds it."""
    of_node = partitions_of_nodes(facts.slurm)
    by_node = _by_name(facts.cells["node"], lambda node: any(matches(p, patterns) for p in of_node.get(node, ())))
    by_job = matching(facts.cells["job_partition"], patterns)
    known = _by_name(facts.cells["node"], lambda node: node in of_node)
    hit = by_node | by_job
    return hit, ~known & ~hit


def partitions_of_nodes(slurm: Slurm | None) -> dict[str, tuple[str, ...]]:
    """Slurm's partitions of each node; nothing where no Slurm is read."""
    if slurm is None:
        return {}
    pairs = zip(slurm.nodes["node"], slurm.nodes["partitions"], strict=True)
    return {str(node): tuple(str(names).split(",")) for node, names in pairs if not pd.isna(names)}
