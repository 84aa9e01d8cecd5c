"""The GPUs that jobs hold, job by job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.analysis.health.check import Bools, unexported
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.sight import NEVER, as_far_as_read, instants_us, slurm_lags, slurm_unseen, texts
from watchdog.analysis.health.trace import MINUTE_US, Matrix
from watchdog.model.arrays import Floats, Ints, instant, micros
from watchdog.model.findings import Blind, Evidence, Finding, Judged, Subject
from watchdog.model.metrics import CATALOGUE
from watchdog.model.slurm.hostlist import compress
from watchdog.model.units import unit_text

_MOST_NAMED = 3
_MOST_EVIDENCE = 8


@dataclass(frozen=True)
class Held:
    """GPUs by job; other arrays of jobs are in the order of `ids`.

    Attributes:
        of: (GPUs,) the place of the GPU's job in `ids`; -1 where no job holds it or nobody knows.
        started_us: when each job started; NEVER where that is not known.
        sizes: how many GPUs of the fleet each job holds.
        nodes, places: (GPUs,) node and place in it of each GPU, "?" where that is not known.
    """

    of: Ints
    ids: NDArray[np.object_]
    users: NDArray[np.object_]
    started_us: Ints
    sizes: Ints
    nodes: NDArray[np.object_]
    places: NDArray[np.object_]

    def count(self, gpus: Bools) -> Ints:
        """How many of these GPUs each job holds."""
        return np.bincount(self.of[gpus & (self.of >= 0)], minlength=len(self.ids))

    def rows(self, job: int) -> Ints:
        """The GPUs of one job."""
        return np.flatnonzero(self.of == job)

    def old_enough(self, since_us: int) -> Bools:
        """(GPUs,) whether the GPU's job has run since then; True for GPUs without a job."""
        started = np.append(self.started_us, NEVER)[self.of]
        return np.asarray(started <= since_us)

    def means(self, matrix: Matrix) -> Floats:
        """(jobs, minutes): the mean over each job's GPUs that have a reading; NaN where none has one."""
        order = np.argsort(self.of, kind="stable")
        order = order[np.searchsorted(self.of[order], 0) :]
        if not len(order):
            return np.empty((0, matrix.shape[1]))
        starts = np.searchsorted(self.of[order], np.arange(len(self.ids)))
        values = matrix[order]
        missing = np.isnan(values)
        total = np.add.reduceat(np.where(missing, 0, values), starts, axis=0, dtype=np.float64)
        seen = np.add.reduceat(~missing, starts, axis=0, dtype=np.int64)
        return np.where(seen > 0, total / np.maximum(seen, 1), np.nan)


def unjudged(facts: Facts, *needed: tuple[str, ...]) -> Judged | None:
    """What a check of jobs answers where it can judge nobody; None where it can.

    Args:
        facts: the cluster.
        needed: of each group of metrics one must be published; and a Slurm that is read must have been seen lately.
    """
    for group in needed:
        if nobody := unexported(facts, *group):
            return nobody
    return slurm_unseen(facts) if slurm_lags(facts) else None


def held_jobs(facts: Facts) -> Held:
    """The jobs that hold GPUs of the fleet."""
    codes, ids = pd.factorize(texts(facts.cells, "job_id"))
    place = np.full(len(ids) + 1, -1)
    named = np.flatnonzero(ids != "")
    place[named] = np.arange(len(named))
    of = place[codes]
    holding = np.flatnonzero(of >= 0)
    places = facts.cells["gpu_index"].to_numpy(dtype=np.int64, na_value=-1)
    first = holding[np.unique(of[holding], return_index=True)[1]]
    return Held(
        of,
        np.asarray(ids[named], dtype=object),
        texts(facts.cells, "job_user")[first],
        instants_us(facts.cells, "job_started_at")[first],
        np.bincount(of[holding], minlength=len(named)),
        texts(facts.cells, "node"),
        np.where(places < 0, "?", places.astype(str)).astype(object),
    )


def minutes_axis(facts: Facts, minutes: int) -> Ints:
    """Start of each of the last minutes, as `Trace.last` has them."""
    return micros(facts.at) // MINUTE_US * MINUTE_US - MINUTE_US * np.arange(minutes)[::-1]


def within_job(facts: Facts, held: Held, matrix: Matrix, grace: int) -> Matrix:
    """The matrix without what was before the GPU's job had run for `grace` minutes."""
    begins = np.append(held.started_us, NEVER)[held.of]
    known = begins > NEVER
    before = minutes_axis(facts, matrix.shape[1])[None, :] < (begins + grace * MINUTE_US)[:, None]
    return np.where(before & known[:, None], np.float32("nan"), matrix)


def busy_minutes(facts: Facts, minutes: int) -> Matrix:
    """Utilization, where there is none (MIG) graphics engine activity, of the last minutes."""
    util = facts.trace.last("gpu_util_ratio", minutes)
    missing = np.isnan(util)
    return np.where(missing, facts.trace.last("graphics_engine_active_ratio", minutes), util) if missing.any() else util


def trailing(mask: Bools) -> Ints:
    """Length of the run of True at the end of each row."""
    back = (~mask[:, ::-1]).argmax(axis=1)
    return np.asarray(np.where(mask.all(axis=1), mask.shape[1], back))


def quantile(matrix: Floats | Matrix, share: float) -> Floats:
    """The quantile of each row over its readings; NaN for a row without any."""
    if not matrix.shape[1]:
        return np.full(len(matrix), np.nan)
    ordered = np.sort(matrix, axis=1)
    count = (~np.isnan(ordered)).sum(axis=1)
    at = np.clip(np.ceil(share * count).astype(np.int64) - 1, 0, None)
    return np.asarray(ordered[np.arange(len(ordered)), at], dtype=np.float64)


def minute(axis: Ints, column: int) -> datetime:
    """The instant at which a minute starts."""
    return instant(int(axis[column]))


def which(held: Held, rows: Ints) -> str:
    """Some GPUs in words: GPU 3 on gpu07; GPUs 0, 1 on gpu07; 16 GPUs on gpu[01-02]."""
    nodes, places = list(dict.fromkeys(held.nodes[rows])), list(held.places[rows])
    if len(nodes) > 1:
        return f"{len(places)} GPUs on {compress(nodes)}"
    few = ", ".join(places) if len(places) <= _MOST_NAMED or "?" in places else _runs(places)
    return f"GPU{'s' * (len(places) > 1)} {few} on {nodes[0]}"


def _runs(places: list[str]) -> str:
    return compress(f"n{place}" for place in places).removeprefix("n").strip("[]").replace(",", ", ")


def its(held: Held, job: int, rows: Ints) -> str:
    """Some of a job's GPUs in words: its 4 GPUs; 3 of its 4 GPUs; its GPU; each with the places."""
    size = int(held.sizes[job])
    many = f"{len(rows)} of its {size} GPUs" if len(rows) < size else f"its {size} GPUs" if size > 1 else "its GPU"
    return f"{many} ({which(held, rows)})"


def readings(facts: Facts, held: Held, rows: Ints, *metrics: str) -> tuple[Evidence, ...]:
    """What the first of these GPUs show under catalogue keys; what they do not show is left out."""
    at = instants_us(facts.cells, "sampled_at")
    found = []
    for metric in metrics:
        values, unit = facts.column(metric), CATALOGUE[metric].unit
        known = [row for row in rows[:_MOST_EVIDENCE] if not np.isnan(values[row])]
        found += [(row, metric, unit_text(float(values[row]), unit)) for row in known]
    return tuple(
        Evidence(metric, f"{which(held, np.array([row]))}: {text}", instant(int(at[row])) if at[row] > NEVER else None)
        for row, metric, text in sorted(found, key=lambda item: int(item[0]))
    )


def named(held: Held, job: int) -> str:
    """Job 123 of alice."""
    user = held.users[job]
    return f"Job {held.ids[job]} of {user}" if user else f"Job {held.ids[job]}"


def of_job(held: Held, job: int) -> dict[str, Any]:
    """Subject and holder of a finding about a job as a whole, as keywords of `Finding`."""
    return {"subject": Subject(job_id=held.ids[job]), "job_id": held.ids[job], "user": held.users[job]}


def jobs_judged(
    facts: Facts, held: Held, findings: Iterable[Finding], seen: Bools, why: str, *, gpus: Bools | None = None
) -> Judged:
    """Findings about jobs, with the jobs outside `seen` (and the GPUs in `gpus`) left unjudged."""
    found = tuple(findings)
    told = {finding.subject.job_id for finding in found}
    jobs = frozenset(held.ids[~seen]) - told
    uuids = frozenset() if gpus is None else frozenset(texts(facts.cells, "gpu_uuid")[gpus])
    blind = Blind(gpus=uuids, jobs=jobs, why=why if jobs or uuids else "")
    return as_far_as_read(facts, Judged(found, blind))
