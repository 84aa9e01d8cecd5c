"""A preview fires when the live alert would have: the same readings give the same alerts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import accumulate

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.unit.alerts.rules_of import rule
from tests.unit.alerts.watch import MINUTE, START, Live
from tests.unit.analysis.health.build import facts
from watchdog.alerts.preview import MOST_READINGS, Past, preview
from watchdog.model.buckets import bucketed
from watchdog.model.frames import GPUS, SAMPLES, SERIES
from watchdog.model.rules import Comparison, Reading, Scope
from watchdog.model.telemetry import EVERYWHERE, Answer, By, Statistic, Window
from watchdog.store.database import Store
from watchdog.store.telemetry import StoreTelemetry

TEMPERATURE, REPLAYS = "gpu_temperature_celsius", "pcie_replay_count"


def gpus(number, **columns):
    frame = {
        "node": "gpu01",
        "gpu_uuid": [f"GPU-{i}" for i in range(number)],
        "gpu_index": list(range(number)),
        "gpu_model": "H100",
        "first_seen_at": START,
        "last_seen_at": START,
        **columns,
    }
    return GPUS.conform(pd.DataFrame(frame, index=range(number)))


class Recorded:
    """Telemetry that answers from samples, by the code that every source shares; remembers what it was asked."""

    def __init__(self, samples, incomplete=(), not_exported=frozenset()):
        self._samples, self._incomplete, self._absent = samples, incomplete, not_exported
        self.asked = []

    def range(self, metrics, window, step, *, statistic=Statistic.AVG, by=By.GPU, where=EVERYWHERE):
        self.asked.append((tuple(metrics), step, statistic, where))
        rows = self._samples[self._samples["metric"].isin(list(metrics))]
        if where.gpus:
            rows = rows[rows["gpu_uuid"].isin(list(where.gpus))]
        frame = SERIES.conform(bucketed(rows, window, step, statistic)) if len(rows) else SERIES.empty()
        return Answer(frame, self._incomplete, self._absent & set(metrics))


def samples(metric, *lines, every=MINUTE, start=START, **columns):
    """One series a line, a reading each minute, None for none."""
    rows = [
        {
            "metric": metric,
            "sampled_at": start + every * i,
            "node": "gpu01",
            "gpu_uuid": f"GPU-{gpu}",
            "gpu_index": gpu,
            "part": "",
            "gpu_model": "H100",
            "value": value,
            **columns,
        }
        for gpu, line in enumerate(lines)
        for i, value in enumerate(line)
        if value is not None
    ]
    return SAMPLES.conform(pd.DataFrame(rows)) if rows else SAMPLES.empty()


def tried(one, metric, *lines, **more):
    telemetry = Recorded(samples(metric, *lines), **more)
    length = max(map(len, lines))
    return preview(one, Past(telemetry, gpus(len(lines))), START + MINUTE * length, span=MINUTE * length)


def fired(answer):
    def minute(at):
        return None if pd.isna(at) else int((at - START) / MINUTE)

    return [
        (int(row.gpu_uuid.split("-")[1]), minute(row.since), minute(row.fired_at), minute(row.until))
        for row in answer.episodes.itertuples()
    ]


def live(one, *lines):
    watch, known = Live(one), facts(len(lines), gpu_temperature_celsius=None)
    for i in range(max(map(len, lines))):
        values = [line[i] if i < len(line) and line[i] is not None else np.nan for line in lines]
        known.cells[TEMPERATURE] = values
        watch.tick(START + MINUTE * i, known)
    return watch.answer()


# Long runs of few levels: what fires, nearly fires, flaps and goes dark.
runs = st.lists(
    st.tuples(st.sampled_from([70.0, 77.0, 81.0, 90.0, None]), st.integers(1, 4) | st.integers(5, 18)),
    min_size=1,
    max_size=20,
)
lines = runs.map(lambda parts: [value for value, times in parts for _ in range(times)])


# Flapping, flapping that comes back while it is held open, between the levels at the second look, dark in between.
KNOWN = [
    ([90] * 2 + [70] * 3) * 5 + [70] * 30,
    ([90] * 2 + [70] * 3) * 5 + [70] * 10 + [90] + [70] * 30,
    ([90] * 2 + [70] * 30) * 4,
    [90, 90, 74, 77, 77, 77, 90, 77, 77, 74, 74],
    [90, 90, 70, None, 70, 77, 70, 70, 90],
    [81, None, None, None, 81, 81, 81, 81],
    [81] + [None] * 7 + [81] * 10 + [None] * 20 + [70] * 3,
    ([70] * 2 + [90] * 3) * 5 + [90] * 30,
    [70, 70, 70, 82, 79, 79, 70, 79, 82, 82],
]
RULES = [
    rule(for_seconds=0),
    rule(for_seconds=300, clear=75),
    rule(for_seconds=450),
    rule(comparison=Comparison.AT_MOST, threshold=77, clear=81, for_seconds=120),
]


@pytest.mark.parametrize("one", RULES)
def test_a_preview_holds_back_and_waits_as_live_alerts_do(one):
    assert fired(tried(one, TEMPERATURE, *KNOWN)) == live(one, *KNOWN) != []


# Many GPUs at once: each has a history of its own, and a tick costs the same.
@settings(max_examples=2, deadline=None, phases=[Phase.generate])
@given(st.lists(lines, min_size=5, max_size=10))
@pytest.mark.parametrize("one", RULES)
def test_a_preview_fires_and_ends_when_the_live_alert_does(one, histories):
    if any(value is not None for line in histories for value in line):
        assert fired(tried(one, TEMPERATURE, *histories)) == live(one, *histories)


@settings(max_examples=3, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([0, 0, 0, 0, 1, 4, 9, -1]), min_size=120, max_size=120), min_size=8, max_size=8)
)
def test_growth_is_tried_as_live_growth_is(growths):
    counters = np.array([counter(steps) for steps in growths])
    one = rule(REPLAYS, 5, reading=Reading.INCREASE, over_seconds=600)
    watch, begin, known = Live(one), 60, facts(8, trace={REPLAYS: 0})
    for i in range(begin, 120):
        trace = replace(known.trace, values={REPLAYS: counters[:, i - 59 : i + 1].astype(np.float32)})
        watch.tick(START + MINUTE * i, replace(known, trace=trace))
    past = Past(Recorded(samples(REPLAYS, *counters.tolist())), gpus(8))
    answer = preview(one, past, START + MINUTE * 120, span=MINUTE * 60)
    assert fired(answer) == watch.answer()


def counter(steps):
    """A counter that grows so; -1 sets it back to 0."""
    return list(accumulate(steps, lambda value, grown: 0 if grown < 0 else value + grown, initial=0))[1:]


def test_an_episode_tells_where_when_and_how_bad():
    answer = tried(rule(for_seconds=120), TEMPERATURE, [70] * 5, [70, 85, 86, 95, 84, 70, 70, 70])
    (row,) = answer.episodes.to_dict("records")
    assert (row["node"], row["gpu_uuid"], row["gpu_index"], row["peak"]) == ("gpu01", "GPU-1", 1, 95.0)
    assert fired(answer) == [(1, 1, 3, 6)]
    assert (answer.count, answer.gpus_affected, answer.gpus) == (1, 1, 2)
    assert answer.firing_hours == pytest.approx(3 / 60)


def test_one_that_still_fires_has_no_end_and_counts_to_the_end_of_the_window():
    answer = tried(rule(), TEMPERATURE, [70, 85, 85, 85])
    assert fired(answer) == [(0, 1, 1, None)]
    assert answer.firing_hours == pytest.approx(3 / 60)


def test_a_peak_within_the_minute_counts_where_the_rule_does_not_wait():
    line = [70, 70, 95, 70] * 3
    telemetry = Recorded(samples(TEMPERATURE, line, every=timedelta(seconds=15)))
    answer = preview(rule(), Past(telemetry, gpus(1)), START + MINUTE * 3, span=MINUTE * 3)
    assert answer.count == 1
    waits = preview(rule(for_seconds=60), Past(telemetry, gpus(1)), START + MINUTE * 3, span=MINUTE * 3)
    assert waits.count == 0


def test_no_reading_is_told_as_the_share_that_was_seen():
    answer = tried(rule(), TEMPERATURE, [70, None, None, 70])
    assert answer.count == 0
    assert answer.covered_ratio == pytest.approx(2 / 60, rel=0.2) or 0 < answer.covered_ratio <= 0.5


def test_a_metric_nobody_exports_is_told_and_not_counted_as_never():
    answer = tried(rule(), TEMPERATURE, [None], not_exported=frozenset({TEMPERATURE}))
    assert answer.not_exported == f"no exporter publishes {TEMPERATURE}"


def test_what_was_amiss_with_the_answers_is_told_once():
    answer = tried(rule(for_seconds=60), TEMPERATURE, [70, 70], incomplete=("a shard was down",))
    assert answer.incomplete == ("a shard was down",)


def test_a_scope_leaves_gpus_out():
    telemetry = Recorded(samples(TEMPERATURE, [90] * 3, [90] * 3, [90] * 3))
    there = gpus(3, node=["gpu01", "gpu02", "gpu03"], gpu_model=["H100", "A100", "A100"])
    past = Past(telemetry, there, partitions={"gpu02": ("debug", "batch"), "gpu03": ("batch",)})

    def who(**patterns):
        return set(preview(rule(scope=Scope(**patterns)), past, START + MINUTE * 3).episodes["gpu_uuid"])

    assert who(nodes=("gpu0[12]",)) == {"GPU-0", "GPU-1"}
    assert who(gpu_models=("A*",)) == {"GPU-1", "GPU-2"}
    assert who(partitions=("debug",)) == {"GPU-1"}


def test_a_scope_of_jobs_counts_while_they_held_the_gpu():
    one = rule(scope=Scope(jobs=("812*",)))
    held = pd.DataFrame(
        {
            "node": pd.array(["gpu01"] * 2, dtype="string"),
            "gpu_index": pd.array([0, 1], dtype="Int16"),
            "job_id": pd.array(["812_1", "900"], dtype="string"),
            "since": pd.to_datetime([START + MINUTE * 3] * 2).as_unit("us"),
            "until": pd.to_datetime([START + MINUTE * 6, None], utc=True).as_unit("us"),
        }
    )
    telemetry = Recorded(samples(TEMPERATURE, [90] * 12, [90] * 12))
    end = START + MINUTE * 12
    assert fired(preview(one, Past(telemetry, gpus(2), holders=held), end)) == [(0, 3, 3, 7)]
    unknown = preview(one, Past(telemetry, gpus(2)), end)
    assert unknown.count == 2
    assert "not known" in unknown.incomplete[0]


def test_the_filled_memory_is_tried_too():
    used = samples("memory_used_bytes", [50.0, 99.0, 99.0], [50.0] * 3)
    total = samples("memory_total_bytes", [100.0] * 3, [100.0] * 3)
    telemetry = Recorded(SAMPLES.conform(pd.concat([used, total]).astype({"metric": "category"})))
    assert fired(preview(rule("memory_ratio", 0.9), Past(telemetry, gpus(2)), START + MINUTE * 3)) == [(0, 1, 1, None)]


def test_parts_of_a_gpu_become_one_value():
    one = samples("gpu_util_ratio", [0.2] * 3, part="mig=1g.10gb/1")
    two = samples("gpu_util_ratio", [0.8] * 3, part="mig=1g.10gb/2")
    both = pd.concat([one, two]).astype({"part": "category", "metric": "category"})
    telemetry = Recorded(SAMPLES.conform(both))
    past = Past(telemetry, gpus(1))
    assert preview(rule("gpu_util_ratio", 0.49), past, START + MINUTE * 3).count == 1
    assert preview(rule("gpu_util_ratio", 0.51), past, START + MINUTE * 3).count == 0


def test_a_large_fleet_is_surveyed_and_only_suspects_are_looked_at_closely():
    quiet, hot = [70.0] * 180, [70.0] * 90 + [95.0] * 12 + [70.0] * 78
    telemetry = Recorded(samples(TEMPERATURE, *[quiet] * 9, hot))
    past = Past(telemetry, gpus(10))
    end, span = START + timedelta(hours=3), timedelta(hours=3)
    whole = preview(rule(for_seconds=300), past, end, span=span)
    telemetry.asked.clear()
    close = preview(rule(for_seconds=300), past, end, span=span, most=200)
    assert fired(close) == fired(whole) == [(9, 90, 95, 103)]
    assert close.step == MINUTE
    assert {(step, len(where.gpus)) for _, step, _, where in telemetry.asked} == {(timedelta(hours=1), 0), (MINUTE, 1)}


def test_where_too_many_are_suspects_the_step_is_coarser_and_that_is_told():
    telemetry = Recorded(samples(TEMPERATURE, *[[70.0] * 90 + [95.0] * 30 + [70.0] * 60] * 10))
    answer = preview(rule(), Past(telemetry, gpus(10)), START + timedelta(hours=3), span=timedelta(hours=3), most=400)
    assert answer.step == timedelta(minutes=5)
    assert answer.count == 10
    assert "steps of 5" in answer.incomplete[0]
    assert set(answer.episodes["fired_at"]) == {pd.Timestamp(START + timedelta(minutes=90))}


def test_growth_over_the_edge_of_an_hour_is_a_suspect():
    values = [0.0] * 58 + [4.0] * 3 + [8.0] * 119
    one = rule(REPLAYS, 5, reading=Reading.INCREASE, over_seconds=600)
    telemetry = Recorded(samples(REPLAYS, values, [0.0] * 180))
    past, end, span = Past(telemetry, gpus(2)), START + timedelta(hours=3), timedelta(hours=3)
    assert fired(preview(one, past, end, span=span, most=200)) == fired(preview(one, past, end, span=span)) != []


def test_pieces_do_not_show(monkeypatch):
    history = [float(70 + (i // 5 * 7919) % 23) for i in range(300)]
    one = rule(for_seconds=120, clear=75)
    whole = fired(tried(one, TEMPERATURE, history))
    monkeypatch.setattr("watchdog.alerts.preview._PIECE_READINGS", 7)
    assert fired(tried(one, TEMPERATURE, history)) == whole != []


def test_an_empty_fleet_has_no_alerts():
    answer = preview(rule(), Past(Recorded(SAMPLES.empty()), gpus(0)), START)
    assert (answer.count, answer.gpus, answer.firing_hours) == (0, 0, 0.0)


def test_a_check_is_not_tried_and_says_so():
    answer = preview(rule(metric="", check="throttle"), Past(Recorded(SAMPLES.empty()), gpus(1)), START)
    assert "cannot be tried" in answer.incomplete[0]


def test_the_window_is_seven_days():
    answer = preview(rule(), Past(Recorded(SAMPLES.empty()), gpus(1)), START)
    assert answer.window == Window(START - timedelta(days=7), START)
    assert MOST_READINGS >= 7 * 24 * 60


def test_a_preview_reads_the_stores_rollups(tmp_path):
    line = [70.0] * 20 + [90.0] * 10 + [70.0] * 30
    with Store(tmp_path / "watchdog.duckdb", threads=1) as store:
        store.append_samples(samples(TEMPERATURE, line, [70.0] * 60))
        store.roll_up(Window(START, START + MINUTE * 60))
        past = Past(StoreTelemetry(store), gpus(2))
        answer = preview(rule(for_seconds=300), past, START + MINUTE * 60, span=MINUTE * 60)
    assert fired(answer) == [(0, 20, 25, 31)]
    assert (answer.covered_ratio, answer.not_exported, answer.incomplete) == (1.0, "", ())
