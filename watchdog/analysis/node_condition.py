"""What Slurm's state and flags of a node mean for work, in one word."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

# The word, and whether the node takes no work for it; the first rule that holds wins.
OUT = ("down", "not responding", "draining", "drained", "maintenance", "powered down", "unknown")
CONDITIONS = (*OUT, "reserved", "in use", "idle")
_OFTEN = timedelta(days=30)


def conditions(nodes: pd.DataFrame) -> pd.Series:
    """One of CONDITIONS a row of NODES (or of NODE_STATES, where `in use` is not told)."""
    flags = ("," + nodes["flags"].astype(object) + ",").astype("string")
    has = {name: flags.str.contains(f",{name},", regex=False).to_numpy(dtype=bool) for name in _FLAGS}
    state = nodes["state"].astype(object).to_numpy()
    busy = np.isin(state, ["ALLOCATED", "MIXED"])
    drain = has["DRAIN"] | has["FAIL"] | has["DRAINING"] | has["DRAINED"]
    rules = [
        (np.isin(state, ["DOWN", "ERROR"]) | has["INVALID_REG"], "down"),
        (has["NOT_RESPONDING"], "not responding"),
        (drain & busy, "draining"),
        (drain, "drained"),
        (has["MAINTENANCE"] | has["MAINT"] | has["REBOOT_ISSUED"], "maintenance"),
        (has["POWERED_DOWN"] | has["POWERING_DOWN"] | has["POWER_DOWN"], "powered down"),
        (~np.isin(state, ["IDLE", "MIXED", "ALLOCATED"]), "unknown"),
        (has["RESERVED"] & ~busy, "reserved"),
        (busy, "in use"),
    ]
    words = np.select([mask for mask, _ in rules], [word for _, word in rules], "idle")
    return pd.Series(words, index=nodes.index, dtype="string")


_FLAGS = (
    *("DRAIN", "DRAINING", "DRAINED", "FAIL", "NOT_RESPONDING", "INVALID_REG", "MAINTENANCE", "MAINT"),
    *("REBOOT_ISSUED", "POWERED_DOWN", "POWERING_DOWN", "POWER_DOWN", "RESERVED"),
)


def outages(states: pd.DataFrame, at: datetime) -> pd.DataFrame:
    """By node (the index): `out_since` (null for one that takes work), `times_out_30d`.

    Args:
        states: NODE_STATES before `at`, from 30 days or more ago.
        at: the instant to look back from.
    """
    rows = states[states["changed_at"] < pd.Timestamp(at)].sort_values(["node", "changed_at"], kind="stable")
    out = conditions(rows).isin(OUT).to_numpy(dtype=bool)
    rows = rows.assign(out=out)
    before = rows.groupby("node")["out"].shift(1).astype("boolean").fillna(value=False).to_numpy(dtype=bool)
    went = rows.assign(went=out & ~before, recent=rows["changed_at"] >= pd.Timestamp(at - _OFTEN))
    begun = went.loc[went["went"]].groupby("node")["changed_at"].last()
    last = went.groupby("node")["out"].last()
    times = (went["went"] & went["recent"]).groupby(went["node"]).sum()
    since = begun.reindex(last.index).where(last.astype(bool))
    return pd.DataFrame({"out_since": since, "times_out_30d": times.reindex(last.index).astype("Int64")})
