"""How well jobs used the GPUs that they held."""

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.unit.samples import samples
from tests.unit.slurm_rows import HOUR, held, history, inventory, jobs, steps
from watchdog.analysis.advice import advice
from watchdog.analysis.efficiency import Use, bucket_readings, gpu_use, held_spans, sample_readings
from watchdog.analysis.job_efficiency import job_efficiency
from watchdog.analysis.job_waste import clipped, waste_by
from watchdog.model.frames import SAMPLES, concat
from watchdog.model.scheduler import STEPS

PLACES = inventory(*({"node": "gpu01", "gpu_uuid": f"GPU-{i}", "gpu_index": i} for i in range(4)))


def busy(gpu, *ratios, every=60, start=NOON - HOUR):
    """Utilization of one GPU, one reading a minute."""
    frame = samples(len(ratios), start=start, every=every, gpu=f"GPU-{gpu}", metric="gpu_util_ratio")
    return frame.assign(value=list(ratios))


def use_of(readings, *rows, places=((0,),), now=NOON):
    """The use of running jobs that started an hour ago; `places` are the GPUs of each."""
    table = history(*({"started_at": NOON - HOUR, **row} for row in rows or [{"job_id": "7"}]))
    ids = list(table.sort_values("job_id")["job_id"])
    gpus = pd.concat([held(job, *(("gpu01", i) for i in at)) for job, at in zip(ids, places, strict=True)])
    return table, gpu_use(held_spans(table, gpus, PLACES, now), sample_readings(concat(SAMPLES, readings)))


def test_used_hours_are_the_integral_of_utilization():
    _, use = use_of([busy(0, *[0.25] * 30, *[0.75] * 30)])
    row = use.iloc[0]
    assert row["held_seconds"] == 3600
    assert row["measured_seconds"] == 3600
    assert row["busy_seconds"] == pytest.approx(1800)
    assert row["mean_busy_ratio"] == pytest.approx(0.5)
    assert row["missing_ratio"] == pytest.approx(0)
    assert row["use"] == Use.USED


def test_a_gpu_on_which_nothing_ran_was_never_used():
    _, use = use_of([busy(0, *[0.0] * 60), busy(1, *[0.9] * 60)], places=((0, 1),))
    assert list(use["use"]) == [Use.NEVER_USED, Use.USED]
    assert pd.isna(use["idle_tail_seconds"].iloc[0])


def test_a_gpu_that_stops_working_long_before_the_end_went_idle():
    _, use = use_of([busy(0, *[0.9] * 40, *[0.0] * 20)])
    assert use["use"].iloc[0] == Use.WENT_IDLE
    assert use["idle_tail_seconds"].iloc[0] == 20 * 60


def test_zero_over_missing_data_is_unknown_and_not_idle():
    _, use = use_of([busy(0, *[0.0] * 20)])
    row = use.iloc[0]
    assert row["use"] == Use.UNKNOWN
    assert row["missing_ratio"] == pytest.approx(1 - 24 / 60)  # the last reading stands for five minutes
    assert row["idle_seconds"] == 24 * 60


def test_a_gpu_that_no_exporter_knows_is_unknown():
    table = history({"job_id": "7", "started_at": NOON - HOUR})
    use = gpu_use(held_spans(table, held("7", ("gpu09", 0)), PLACES, NOON), sample_readings(busy(0, 0.5)))
    assert list(use["use"]) == [Use.UNKNOWN]
    assert pd.isna(use["mean_busy_ratio"].iloc[0])
    assert use["missing_ratio"].iloc[0] == 1


def test_two_jobs_after_each_other_on_a_gpu_do_not_share_its_readings():
    half = NOON - HOUR / 2
    first = {"job_id": "1", "started_at": NOON - HOUR, "ended_at": half, "state": "COMPLETED"}
    second = {"job_id": "2", "started_at": half}
    _, use = use_of([busy(0, *[0.9] * 30, *[0.0] * 30)], first, second, places=((0,), (0,)))
    assert list(use.sort_values("job_id")["use"]) == [Use.USED, Use.NEVER_USED]


def test_buckets_of_rollups_count_no_more_than_the_job_held():
    series = busy(0, *[0.5] * 5, every=900, start=NOON - HOUR - timedelta(minutes=5)).rename(
        columns={"sampled_at": "bucket_at"}
    )
    holds = held_spans(history({"job_id": "7", "started_at": NOON - HOUR}), held("7", ("gpu01", 0)), PLACES, NOON)
    row = gpu_use(holds, bucket_readings(series, timedelta(minutes=15))).iloc[0]
    assert row["measured_seconds"] <= row["held_seconds"]
    assert row["mean_busy_ratio"] == pytest.approx(0.5)


def test_the_end_of_a_vanished_job_is_its_last_sight():
    table = history({"job_id": "7", "started_at": NOON - HOUR, "state": "UNKNOWN", "last_seen_at": NOON - HOUR / 2})
    holds = held_spans(table, held("7", ("gpu01", 0)), PLACES, NOON)
    assert list(holds["held_until"]) == [NOON - HOUR / 2]


def test_gpus_without_a_number_are_counted_as_many_as_the_job_has():
    table = history({"job_id": "7", "started_at": NOON - HOUR, "gpus": 6})
    gpus = held("7", ("gpu01", None), ("gpu02", None))
    use = gpu_use(held_spans(table, gpus, PLACES, NOON), sample_readings(SAMPLES.empty()))
    assert list(use["held_gpus"]) == [3, 3]
    assert use["held_seconds"].sum() == 6 * 3600
    assert set(use["use"]) == {Use.UNKNOWN}


def test_a_job_without_gpus_has_no_efficiency_and_no_error():
    table, use = history({"job_id": "7", "started_at": NOON - HOUR}), None
    use = gpu_use(held_spans(table, held("8"), PLACES, NOON), sample_readings(SAMPLES.empty()))
    answer = job_efficiency(table.iloc[0].to_dict(), use, STEPS.empty(), {}, NOON)
    assert answer.held_hours == 0
    assert answer.used_hours is None
    assert answer.cost_usd is None


def whole(readings, places, *, told=None, rates=None, **job):
    table, use = use_of(readings, {"job_id": "7", **job}, places=(places,))
    row = table.iloc[0].to_dict()
    return row, job_efficiency(row, use, STEPS.empty() if told is None else told, rates or {}, NOON)


def test_money_time_and_memory_are_added_up():
    memory = steps({"job_id": "7", "step_id": "0", "name": "x", "state": "COMPLETED", "max_memory_bytes": 8e9})
    _, answer = whole(
        [busy(0, *[0.0] * 60), busy(1, *[0.5] * 60)],
        (0, 1),
        told=memory,
        rates={"h100": 3.0, "": 1.0},
        gpu_type="h100",
        time_limit_seconds=7200.0,
        memory_bytes=64e9,
    )
    assert (answer.held_hours, answer.never_used_hours) == (2, 1)
    assert answer.used_hours == pytest.approx(0.5)
    assert (answer.cost_usd, answer.idle_usd) == (6, 3)
    assert answer.time_used_ratio == 0.5
    assert answer.memory_used_ratio == 0.125


def test_without_enough_readings_nothing_is_said_of_the_hours():
    _, answer = whole([busy(0, *[0.0] * 10)], (0,), rates={"": 2.0})
    assert answer.used_hours is None
    assert answer.idle_usd is None
    assert answer.cost_usd == 2
    assert answer.missing_ratio == pytest.approx(1 - 14 / 60)


def test_a_gpu_apart_from_its_peers_is_pointed_out():
    _, answer = whole([busy(i, *[0.9 if i else 0.4] * 60) for i in range(4)], (0, 1, 2, 3))
    assert list(answer.gpus["apart"]) == [True, False, False, False]


def test_waste_is_added_up_by_user_and_unknown_stays_unknown():
    rows = [{"job_id": "1", "user": "ada"}, {"job_id": "2", "user": "bob"}, {"job_id": "3", "user": "cyd"}]
    table, use = use_of([busy(0, *[0.0] * 60), busy(1, *[0.5] * 60)], *rows, places=((0,), (1,), (2,)))
    by_user = waste_by(use, table, "user", {"": 2.0}).set_index("user")
    assert by_user.loc["ada", "idle_hours"] == 1
    assert by_user.loc["ada", "idle_usd"] == 2
    assert by_user.loc["bob", "idle_hours"] == 0
    assert pd.isna(by_user.loc["cyd", "idle_hours"])
    assert by_user.loc["cyd", "missing_ratio"] == 1
    assert list(waste_by(use, table, "job", {})["job_id"]) == ["1", "2", "3"]


def test_a_window_cuts_what_lies_outside():
    holds = held_spans(history({"job_id": "7", "started_at": NOON - HOUR}), held("7", ("gpu01", 0)), PLACES, NOON)
    cut = clipped(holds, NOON - HOUR / 2, NOON + HOUR)
    assert (cut["held_until"] - cut["held_from"]).iloc[0] == HOUR / 2
    assert len(clipped(holds, NOON, NOON + HOUR)) == 0


# Recorded jobs of JUWELS Booster and Alex; figures as in GROUND_TRUTH_dev.json.


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def recorded(traces, job, began, ended, **row):
    raw = pd.read_parquet(next((traces / "dev" / "llview_juwels_booster" / job).glob("GPU_*_node.parquet")))
    place = raw["nodeid"].str.split("_", expand=True)
    frame = SAMPLES.conform(
        pd.DataFrame(
            {
                "metric": "gpu_util_ratio",
                "sampled_at": pd.to_datetime(raw["ts"], unit="s", utc=True),
                "node": place[0],
                "gpu_uuid": "GPU-" + raw["nodeid"],
                "gpu_index": place[1].astype(int),
                "part": "",
                "gpu_model": "A100",
                "value": raw["gpu_usage"] / 100,
            }
        )
    )
    known = frame.drop_duplicates("gpu_uuid").astype({"gpu_uuid": str, "node": str})
    places = [(r.node, r.gpu_index, r.gpu_uuid) for r in known.itertuples()]
    told = {"submitted_at": at(began), "started_at": at(began), "ended_at": at(ended), "gpus": len(places), **row}
    table = jobs({"job_id": job, **told})
    inventory_rows = inventory(*({"node": n, "gpu_index": i, "gpu_uuid": u} for n, i, u in places))
    gpus = held(job, *((n, i) for n, i, _ in places), submitted_at=at(began))
    return table, gpu_use(held_spans(table, gpus, inventory_rows, at(ended)), sample_readings(frame))


def recorded_steps(traces, job):
    report = json.loads(next((traces / "dev" / "llview_juwels_booster" / job).glob("jobreport_*.json")).read_text())
    found = []
    for text in report["rc"]["stepspec"].strip("()").split(")("):
        step_id, *pairs = text.split("::")
        step = dict(pair.partition("=")[::2] for pair in pairs)
        if step_id != "job":
            begin, end = at(int(step["beg"])), at(int(step["end"]))
            row = {"job_id": job, "step_id": step_id, "name": step["name"], "state": step["st"]}
            found.append({**row, "exit_code": int(step["rc"]), "started_at": begin, "ended_at": end})
    return steps(*found)


def test_juwels_8402497_left_three_of_four_gpus_idle(traces):
    table, use = recorded(traces, "8402497", 1694163393, 1694170637, state="TIMEOUT", time_limit_seconds=7200.0)
    assert list(use["use"]) == [Use.USED, *[Use.NEVER_USED] * 3]
    assert use["mean_busy_ratio"].iloc[0] == pytest.approx(0.993, abs=0.005)
    row = table.iloc[0].to_dict()
    answer = job_efficiency(row, use, recorded_steps(traces, "8402497"), {}, at(1694170637))
    assert answer.never_used == 3
    assert answer.never_used_hours == pytest.approx(3 * 7244 / 3600)
    lines = [tip.line for tip in advice(row, answer)]
    assert "#SBATCH --gres=gpu:1" in lines


def test_juwels_9438058_failed_in_every_step_and_had_an_idle_tail(traces):
    table, use = recorded(
        traces, "9438058", 1709302280, 1709343042, state="COMPLETED", time_limit_seconds=57600.0, node_count=3
    )
    truth = json.loads((traces / "dev" / "GROUND_TRUTH_dev.json").read_text())["llview_juwels_booster"]
    label = next(entry for entry in truth if entry["job"] == "9438058" and entry["kind"] == "idle_tail")
    minutes = {f"{r.node}_{r.gpu_index:02d}": r.idle_tail_seconds / 60 for r in use.itertuples()}
    assert minutes == pytest.approx(label["idle_minutes_per_gpu_before_end"], abs=0.06)
    assert sum(minutes.values()) == pytest.approx(label["total_gpu_minutes"], abs=0.1)
    row = table.iloc[0].to_dict()
    answer = job_efficiency(row, use, recorded_steps(traces, "9438058"), {}, at(1709343042))
    assert (answer.steps, answer.steps_failed) == (200, 200)
    assert any("All 200 steps failed" in tip.text for tip in advice(row, answer))


def test_alex_has_five_jobs_over_an_hour_under_one_percent(traces):
    raw = pd.read_parquet(traces / "dev" / "clustercockpit_alex" / "job.parquet").reset_index(drop=True)
    table, gpus, places, readings = [], [], [], []
    for row in raw.itertuples():
        begin, end = at(row.start_time), at(row.start_time + row.duration)
        table.append({"job_id": str(row.job_id), "submitted_at": begin, "started_at": begin, "ended_at": end})
        mean = json.loads(row.footprint)["acc_utilization_avg"] / 100
        for host in json.loads(row.resources):
            for bus in filter(None, host.get("accelerators") or ()):
                # Only the job's mean is known: as if every reading had been that.
                uuid = f"GPU-{row.job_id}-{host['hostname']}-{bus}"
                places.append({"node": host["hostname"], "gpu_index": len(places), "gpu_uuid": uuid})
                gpus.append(held(str(row.job_id), (host["hostname"], len(places) - 1), submitted_at=begin))
                readings.append({"gpu_uuid": uuid, "at": begin, "from_at": begin, "until_at": end, "busy_ratio": mean})
    frame = pd.DataFrame(readings).astype(dict.fromkeys(("at", "from_at", "until_at"), "datetime64[us, UTC]"))
    use = gpu_use(held_spans(jobs(*table), pd.concat(gpus), inventory(*places), NOON), frame)
    idle = use[(use["use"] == Use.NEVER_USED) & (use["held_seconds"] >= 3600 * use["held_gpus"])]
    truth = json.loads((traces / "dev" / "GROUND_TRUTH_dev.json").read_text())["clustercockpit_alex"][0]
    assert idle["job_id"].nunique() == truth["count"]
