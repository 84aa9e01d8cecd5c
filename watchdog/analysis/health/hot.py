"""Too hot: against the GPU's own limit, and against others of its model that work as hard.

Its own limit is the slowdown temperature, of which 98 % is what Oracle's rules for OCI call hot, or 2 °C (the same on
a usual board) before its thermal margin is used up, whichever is lower. Where neither is published, 85 °C, the value
of AWS HyperPod's and utkuozdemir/nvidia_gpu_exporter's rules. Peers are GPUs of the same model whose power is in the
same tenth of their limit, in the mean of MINUTES: what is far above their median is badly cooled, wherever its limit
is. Spread counts, since back slots breathe the front slots' air; below 70 °C (OCI's "hot but idle") nobody cares.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from watchdog.analysis.health.check import (
    Bools,
    Check,
    gpu_rows,
    gpu_subject,
    holder,
    judged,
    place,
    reading,
    unexported,
)
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.peers import Peers, compared, kinds
from watchdog.analysis.health.trace import Matrix
from watchdog.model.arrays import Floats
from watchdog.model.findings import Evidence, Finding, Judged, Severity

KEY = "hot"
METRIC = "gpu_temperature_celsius"
SHARE_OF_LIMIT = 0.98
MARGIN_CELSIUS = 2.0
USUAL_LIMIT_CELSIUS = 85.0
LIMIT_MINUTES = 3
MINUTES = 5
LEAST_PEERS = 4
ABOVE_PEERS_CELSIUS = 12.0
ABOVE_PEERS_SIGMA = 5.0
WORTH_A_WORD_CELSIUS = 70.0


def judge(facts: Facts) -> Judged:
    """One finding a GPU; its own limit is told of first."""
    nobody = unexported(facts, METRIC)
    if nobody:
        return nobody
    now = facts.column(METRIC)
    seen = ~np.isnan(now) & ~facts.silent
    limit = own_limit(facts)
    lowest = np.nanmin(_filled(facts.trace.last(METRIC, LIMIT_MINUTES), now), axis=1, initial=np.inf)
    over = seen & (now >= limit) & (lowest >= limit)
    heat, peers = _against_peers(facts)
    far = heat - peers.median >= np.maximum(ABOVE_PEERS_CELSIUS, ABOVE_PEERS_SIGMA * peers.spread)
    odd = seen & far & (peers.size > LEAST_PEERS) & (heat >= WORTH_A_WORD_CELSIUS) & (now >= WORTH_A_WORD_CELSIUS)
    findings = [*_over(facts, over, limit), *_odd(facts, odd & ~over, peers)]
    return judged(facts, findings, seen, "no temperature was read")


def own_limit(facts: Facts) -> Floats:
    """From which temperature on each GPU is called hot, °C."""
    slowdown = SHARE_OF_LIMIT * facts.column("slowdown_temperature_celsius")
    margin = facts.column(METRIC) + facts.column("temperature_margin_celsius") - MARGIN_CELSIUS
    return np.nan_to_num(np.fmin(slowdown, margin), nan=USUAL_LIMIT_CELSIUS)


def _filled(trace: Matrix, now: Floats) -> Floats:
    return np.asarray(np.where(np.isnan(trace), now[:, None], trace), dtype=np.float64)


def _against_peers(facts: Facts) -> tuple[Floats, Peers]:
    heat = _mean(facts.trace.last(METRIC, MINUTES))
    limit = facts.column("power_limit_watts")
    load = _mean(facts.trace.last("power_watts", MINUTES)) / np.where(limit > 0, limit, np.nan)
    tenth = np.floor(10 * np.nan_to_num(load, nan=-1.0)).clip(-1, 10).astype(np.int64)
    groups = 20 * kinds(facts.cells["gpu_model"]) + tenth
    return heat, compared(np.where(tenth < 0, np.nan, heat), groups)


def _mean(trace: Matrix) -> Floats:
    known = (~np.isnan(trace)).sum(axis=1)
    return np.asarray(np.where(known, np.nansum(trace, axis=1, dtype=np.float64) / np.maximum(known, 1), np.nan))


def _over(facts: Facts, mask: Bools, limits: Floats) -> Iterator[Finding]:
    for row, limit in zip(gpu_rows(facts, mask), limits[mask], strict=True):
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"{place(row)} is at {row[METRIC]:.0f} °C; it is hot from {limit:.0f} °C on.",
            action="Look at its fans, airflow and the room, before it slows down.",
            source=_limit_source(row),
            value=row[METRIC],
            evidence=reading(row, METRIC, "temperature_margin_celsius", "slowdown_temperature_celsius", "power_watts"),
            **holder(row),
        )


def _limit_source(row: dict[str, object]) -> str:
    if row["slowdown_temperature_celsius"] is None and row["temperature_margin_celsius"] is None:
        return f"{USUAL_LIMIT_CELSIUS:.0f} °C, as AWS HyperPod and nvidia_gpu_exporter have it; it publishes no limit"
    return "98 % of the GPU's own slowdown temperature, or 2 °C before its thermal margin ends"


def _odd(facts: Facts, mask: Bools, peers: Peers) -> Iterator[Finding]:
    for row, median, count in zip(gpu_rows(facts, mask), peers.median[mask], peers.size[mask], strict=True):
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"{place(row)} is at {row[METRIC]:.0f} °C; {count - 1} others of its model under the same load "
            f"are at {median:.0f} °C.",
            action="Compare its cooling with its neighbours': fan, heat sink, dust, a blocked slot.",
            source="median of GPUs of the same model and load",
            value=row[METRIC],
            evidence=(*reading(row, METRIC, "power_watts"), Evidence("median of its peers", f"{median:.0f} °C")),
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="Hot",
    definition=f"For {LIMIT_MINUTES} minutes at 98 % of its slowdown temperature or {MARGIN_CELSIUS:.0f} °C before its "
    f"thermal margin ends ({USUAL_LIMIT_CELSIUS:.0f} °C where it publishes neither); or, over {MINUTES} minutes and "
    f"above {WORTH_A_WORD_CELSIUS:.0f} °C, hotter than the median of at least {LEAST_PEERS} others of its model under "
    f"the same load by {ABOVE_PEERS_CELSIUS:.0f} °C and by {ABOVE_PEERS_SIGMA:.0f} times their spread.",
    source="OCI's rules, AWS HyperPod, nvidia_gpu_exporter; peers: ours, by median and MAD",
    judge=judge,
    action="Look at its fans, airflow and the room.",
)
