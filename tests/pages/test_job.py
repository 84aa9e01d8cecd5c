"""Job: why does it wait or how did it end, how well did it use its GPUs, and what should change?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.fakes import FakeCluster
from tests.pages.conftest import words
from tests.pages.job_rows import done, finished, step
from tests.pages.test_slurm import EVIL, with_queue
from tests.slurm_fakes import FakeSlurm, gpus_frame, keep, view_of
from watchdog.base.errors import SourceUnavailableError


def plain(page) -> str:
    return words(page).replace("\u00a0", " ").replace("\\", "")


FOUR = {"77": tuple(("node001", place) for place in range(4))}


def test_a_running_job_shows_its_gpus_and_their_use(open_page, tmp_path):
    page = open_page("job", runtime=with_queue(folder=tmp_path), job="1001")

    assert not page.exception
    assert not page.error
    text = plain(page)
    assert "**running**" in text
    assert "job 1001 of bob (research), partition gpu, 2 h100 GPUs on node001" in text
    assert "Running for: 21 min" in text
    assert "12 s old" in text
    assert [head.value for head in page.header] == [
        "What to change",
        "GPUs",
        "Over its life",
        "Asked and used",
        "Steps",
    ]
    assert len(page.get("vega_lite_chart")) == 3
    table = page.dataframe[0].value
    assert table["use"].tolist() == ["▶ used", "∅ no process"]
    assert table["gpu"].tolist() == [2, 3]
    assert "**No process has run on 1 of its 2 GPUs** (0.3 GPU-hours)" in text


def test_where_nobody_counts_processes_a_gpu_without_work_was_merely_never_used(open_page, tmp_path):
    runtime = with_queue(folder=tmp_path)
    runtime.telemetry.missing = ("compute_processes_count",)
    page = open_page("job", runtime=runtime, job="1001")

    assert page.dataframe[0].value["use"].tolist() == ["▶ used", "✕ never used"]
    assert "No process" not in plain(page)


def test_memory_asked_and_used_is_said_with_a_smaller_line(open_page, tmp_path):
    runtime = with_queue(folder=tmp_path)
    finished(runtime, done(), holds=FOUR, steps=(step("0", max_memory_bytes=2.0**32),))
    page = open_page("job", runtime=runtime, job="77")

    assert "Its largest task used 4.0 GiB of the 64.0 GiB of memory that it asked for (6 %)." in plain(page)
    assert "#SBATCH --mem-per-gpu=5G" in [block.value for block in page.code]


def test_a_waiting_job_says_why_and_what_would_help(open_page, tmp_path):
    page = open_page("job", runtime=with_queue(folder=tmp_path), job="500000")

    assert not page.exception
    text = plain(page)
    assert "It waits because it is next in line" in text
    assert "What would help" in text
    assert "Waited: 6 h" in text
    assert [head.value for head in page.header] == ["Asked and used"]
    assert page.dataframe[0].value["used"].tolist() == ["n/a"] * 5


def test_a_job_that_wasted_gpus_gets_the_corrected_line(open_page, tmp_path):
    runtime = with_queue(folder=tmp_path)
    finished(runtime, done(), holds=FOUR, steps=(step("0"), step("1", state="FAILED", exit_code=9)))
    page = open_page("job", runtime=runtime, job="77")

    assert not page.exception
    assert not page.error
    text = plain(page)
    assert "**completed**" in text
    assert "1 of its 4 GPUs were never used" in text
    assert "1 of 2 steps failed" in text
    assert "#SBATCH --gres=gpu:h100:3" in [block.value for block in page.code]
    steps = page.dataframe[-1].value
    assert steps["state"].tolist() == ["✓ completed", "✕ failed"]
    assert steps["exit code"].tolist() == [0, 9]


def test_cost_is_there_where_a_price_is_set(open_page, tmp_path):
    runtime = with_queue(folder=tmp_path, gpu_hour_usd=2.0)
    finished(runtime, done(), holds=FOUR)

    assert "Cost: $8.00" in plain(open_page("job", runtime=runtime, job="77"))
    assert "Cost" not in plain(open_page("job", runtime=with_queue(folder=tmp_path / "x"), job="1001"))


def test_a_job_that_vanished_has_an_unknown_end_and_is_never_completed(open_page, tmp_path):
    runtime = with_queue(folder=tmp_path)
    keep(runtime.history, view_of(FakeSlurm(running=2, taken_at=NOON)))
    page = open_page("job", runtime=with_queue(FakeSlurm(running=2), None), job="1005")
    assert "is not known" in plain(page)

    runtime.slurm = view_of(FakeSlurm(running=2, taken_at=NOON))
    page = open_page("job", runtime=runtime, job="1005")
    text = plain(page)
    assert "**unknown end**" in text
    assert "last seen 2026-03-01 11:59:48 UTC" in text
    assert "completed**" not in text


def test_no_reading_is_unknown_and_not_idle(open_page, tmp_path):
    runtime = with_queue(folder=tmp_path)
    runtime.telemetry.history_error = SourceUnavailableError("no history", hint="Wait.")
    page = open_page("job", runtime=runtime, job="1001")

    assert not page.exception
    assert page.dataframe[0].value["use"].tolist() == ["? unknown"] * 2
    assert "Mean utilization: n/a" in plain(page)
    assert "the use of its GPUs is not known" in plain(page)


def test_a_job_on_gpus_that_no_exporter_reports_is_unknown(open_page, tmp_path):
    runtime = with_queue(FakeSlurm(nodes_count=9, running=30), tmp_path)
    page = open_page("job", runtime=runtime, job="1020")

    assert not page.exception
    assert not page.error
    assert "Its GPUs are not known by their UUID" in plain(page)


@pytest.mark.parametrize("job", ["999999", "<script>", EVIL[:60], "123_[1-10%2]"])
def test_an_unknown_job_is_said_with_a_hint(open_page, tmp_path, job):
    page = open_page("job", runtime=with_queue(folder=tmp_path), job=job)

    assert not page.exception
    assert not page.error
    assert "is not known" in plain(page)
    assert "123_4 for a task of an array" in plain(page)
    assert "![x](" not in words(page)


def test_no_job_chosen_says_how_to_choose_one(open_page):
    page = open_page("job", runtime=with_queue())
    assert "No job is chosen" in words(page)


def test_without_slurm_the_page_says_so(open_page, tmp_path):
    runtime = with_queue(folder=tmp_path)
    runtime.slurm = None

    assert "No Slurm is read here" in words(open_page("job", runtime=runtime, job="5"))


def test_a_job_id_that_is_written_goes_into_the_address(open_page, tmp_path):
    page = open_page("job", runtime=with_queue(folder=tmp_path), window="6h")
    page.text_input(key="job.id").set_value(" 1001 ").run()

    assert page.query_params["job"] == "1001"
    assert page.query_params["window"] == "6h"
    assert "job 1001 of bob" in plain(page)


def test_a_row_of_its_gpus_opens_the_gpu(open_page, tmp_path):
    page = open_page("job", runtime=with_queue(folder=tmp_path), job="1001")
    page.session_state["job.gpus.1001"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    page.run()

    assert page.title[0].value == "GPUs"
    assert page.query_params["gpu"] == "GPU-00000003-0000"


def test_without_history_the_snapshot_answers_and_says_what_is_missing(open_page):
    page = open_page("job", runtime=with_queue(), job="1001")

    assert not page.exception
    assert "no history, only what Slurm shows now" in plain(page)
    assert page.dataframe[0].value["use"].tolist() == ["▶ used", "∅ no process"]


def test_hostile_words_stay_text(open_page, tmp_path):
    slurm = FakeSlurm(pending_changes={0: {"name": EVIL, "user": EVIL, "account": EVIL, "reason": EVIL}})
    runtime = with_queue(slurm, tmp_path)
    finished(runtime, done(name=EVIL, user=EVIL, nodes=EVIL), holds=FOUR, steps=(step("0", name=EVIL),))
    for job in ("500000", "77"):
        page = open_page("job", runtime=runtime, job=job)
        assert not page.exception
        assert "![x](" not in words(page)
        assert "**b**" not in words(page)


def test_a_job_over_a_thousand_nodes_opens(open_page, tmp_path):
    slurm = FakeSlurm(nodes_count=128, running=1)
    places = tuple((f"node{n + 1:03d}", place) for n in range(128) for place in range(8))
    slurm.job_gpus = gpus_frame(slurm.jobs, {"1000": places})
    runtime = with_queue(slurm, tmp_path)
    runtime.telemetry = FakeCluster(nodes=128)
    runtime.gpus = runtime.telemetry.gpus
    page = open_page("job", runtime=runtime, job="1000")

    assert not page.exception
    assert not page.error
    assert len(page.dataframe[0].value) == 1024


def test_a_requeued_job_shows_its_newest_run_and_says_so(open_page, tmp_path):
    runtime = with_queue(folder=tmp_path)
    first = done(job_id="1001", state="NODE_FAIL", submitted_at=NOON - timedelta(hours=5))
    finished(runtime, first)
    page = open_page("job", runtime=runtime, job="1001")

    assert "**running**" in plain(page)
    assert "newest of 2 runs" in plain(page)
