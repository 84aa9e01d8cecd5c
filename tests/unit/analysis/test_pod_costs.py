"""What rented pods cost, by what their GPUs were given to: figures counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.analysis.pod_costs import Known, charges
from watchdog.model.job_history import JOB_HISTORY
from watchdog.model.pods import FREE, HELD, PODS, UNKNOWN
from watchdog.model.scheduler import JOB_GPUS
from watchdog.model.telemetry import Window

DAY = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window(DAY, DAY + 48 * HOUR)


def pods(*rows):
    """(name, GPUs, USD an hour, rented after hours, returned after hours or None)."""
    if not rows:
        return PODS.empty()
    frame = pd.DataFrame(
        [
            (f"id-{name}", "lab", name, "A100", gpus, usd, DAY + since * HOUR, "created", pd.NaT,
             pd.NaT if until is None else DAY + until * HOUR)
            for name, gpus, usd, since, until in rows
        ],
        columns=list(PODS.columns),
    )  # fmt: skip
    instants = {name: pd.to_datetime(frame[name], utc=True) for name in ("ready_at", "returned_at")}
    return PODS.conform(frame.assign(**instants))


def jobs(*rows):
    """(job, user, from hour, to hour or None, {node: GPUs})."""
    if not rows:
        return JOB_HISTORY.empty(), JOB_GPUS.empty()
    table = pd.DataFrame({name: [pd.NA] * len(rows) for name in JOB_HISTORY.columns}, dtype="object")
    table = table.assign(
        job_id=[row[0] for row in rows],
        user=[row[1] for row in rows],
        state=["RUNNING" if row[3] is None else "COMPLETED" for row in rows],
        submitted_at=[DAY + row[2] * HOUR for row in rows],
        started_at=[DAY + row[2] * HOUR for row in rows],
        ended_at=[pd.NaT if row[3] is None else DAY + row[3] * HOUR for row in rows],
        last_seen_at=[DAY + 48 * HOUR for _ in rows],
    )
    for name in ("submitted_at", "started_at", "ended_at", "last_seen_at"):
        table[name] = pd.to_datetime(table[name], utc=True)
    held = [
        (row[0], DAY + row[2] * HOUR, node, index)
        for row in rows
        for node, count in row[4].items()
        for index in range(count)
    ]
    table["job_id"] = table["job_id"].astype("string")
    if not held:
        return table, JOB_GPUS.empty()
    gpus = pd.DataFrame(held, columns=list(JOB_GPUS.columns))
    return table, JOB_GPUS.conform(gpus.assign(submitted_at=pd.to_datetime(gpus["submitted_at"], utc=True)))


def known(*nodes, since=0, until=48):
    return Known(frozenset(nodes), DAY + since * HOUR, DAY + until * HOUR)


def usd(frame, **where):
    for name, value in where.items():
        frame = frame[frame[name] == value]
    return round(float(frame["usd"].sum()), 6)


def test_a_pod_costs_its_price_from_renting_to_returning():
    found = charges(pods(("head", 1, 1.79, 2, 12)), *jobs(), known("head"), WINDOW)

    assert usd(found) == 17.9
    assert usd(found, use=FREE) == 17.9


def test_a_job_costs_its_share_of_the_gpus_while_it_held_them():
    # 8 GPUs at $20 an hour for 10 hours: $200. ann holds 2 GPUs for 4 h = $20, bob 8 for 1 h = $20.
    rented = pods(("w0", 8, 20.0, 0, 10))
    found = charges(rented, *jobs(("1", "ann", 0, 4, {"w0": 2}), ("2", "bob", 6, 7, {"w0": 8})), known("w0"), WINDOW)

    assert usd(found, user="ann") == 20.0
    assert usd(found, job_id="2") == 20.0
    assert usd(found, use=FREE) == 160.0
    assert found.loc[found["use"] == HELD, "gpu_hours"].sum() == 16.0


def test_a_job_over_two_pods_pays_each_pods_own_price():
    rented = pods(("w0", 1, 2.0, 0, 10), ("w1", 2, 6.0, 0, 10))
    found = charges(rented, *jobs(("7", "ann", 1, 3, {"w0": 1, "w1": 1})), known("w0", "w1"), WINDOW)

    assert usd(found, job_id="7", name="w0") == 4.0  # 2 h x $2
    assert usd(found, job_id="7", name="w1") == 6.0  # 2 h x half of $6


def test_a_job_that_runs_costs_until_now_and_days_are_cut_at_midnight():
    found = charges(
        pods(("w0", 1, 1.5, 20, None)), *jobs(("9", "ann", 22, None, {"w0": 1})), known("w0"), WINDOW
    )  # fmt: skip
    days = found.groupby(found["since"].dt.floor("D"))["usd"].sum()

    assert days.tolist() == [4 * 1.5, 24 * 1.5]
    assert usd(found, user="ann") == 26 * 1.5


def test_jobs_that_share_a_gpu_share_its_price():
    found = charges(
        pods(("w0", 1, 3.0, 0, 2)), *jobs(("1", "ann", 0, 2, {"w0": 1}), ("2", "bob", 0, 2, {"w0": 1})), known("w0"), WINDOW
    )  # fmt: skip

    assert usd(found, user="ann") == usd(found, user="bob") == 3.0
    assert usd(found) == 6.0


def test_where_no_slurm_history_reaches_it_is_unknown_and_not_idle():
    found = charges(pods(("w0", 1, 1.0, 0, 10)), *jobs(), known("w0", since=4, until=9), WINDOW)

    assert usd(found, use=FREE) == 5.0
    assert usd(found, use=UNKNOWN) == 5.0
    strange = charges(pods(("w0", 1, 1.0, 0, 10)), *jobs(), known("node001"), WINDOW)
    assert usd(strange, use=UNKNOWN) == 10.0


def test_a_job_on_nodes_that_are_not_rented_costs_nothing_here():
    found = charges(pods(("w0", 1, 1.0, 0, 10)), *jobs(("1", "ann", 0, 9, {"own-server": 8})), known("w0"), WINDOW)

    assert usd(found, user="ann") == 0
    assert usd(found) == 10.0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["w0", "w1"]), st.integers(0, 8), st.floats(0, 30), st.integers(0, 40), st.integers(0, 60)
        ),
        max_size=2, unique_by=lambda row: row[0],
    ),
    st.lists(
        st.tuples(st.integers(0, 40), st.one_of(st.none(), st.integers(41, 60)), st.dictionaries(st.sampled_from(["w0", "w1", "x"]), st.integers(1, 8))),
        max_size=5,
    ),
)  # fmt: skip
@settings(max_examples=40)
def test_the_pieces_add_up_to_what_the_pods_cost_whoever_held_them(rented, ran):
    rented = [(name, gpus, price, since, since + length) for name, gpus, price, since, length in rented]
    held = [(str(i), f"u{i}", since, until, nodes) for i, (since, until, nodes) in enumerate(ran)]
    found = charges(pods(*rented), *jobs(*held), known("w0", since=3, until=30), WINDOW)

    want = sum(max(0, min(until, 48) - since) * price for _, _, price, since, until in rented)
    assert found["usd"].sum() == pytest.approx(want)
    assert (found["usd"] >= 0).all()
