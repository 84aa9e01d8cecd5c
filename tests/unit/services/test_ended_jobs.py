from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.pages.job_rows import done, finished
from tests.slurm_fakes import FakeSlurm, keep, view_of
from watchdog.base.clock import FakeClock
from watchdog.model.telemetry import Window
from watchdog.services.ended_jobs import ended_jobs
from watchdog.services.history import History
from watchdog.services.jobs import Known
from watchdog.services.slurm_view import SlurmView

HOUR = Window(NOON - timedelta(hours=1), NOON)


@pytest.fixture
def known(tmp_path):
    history = History(tmp_path / "jobs.duckdb", FakeClock(NOON))
    yield Known(SlurmView(), history)
    history.close()


def test_jobs_that_ended_inside_the_window_come_newest_end_first(known):
    rows = [done(job_id=str(minutes), ended_at=NOON - timedelta(minutes=minutes)) for minutes in (59, 5, 61, 30)]
    finished(known, *rows)

    assert ended_jobs(known, HOUR)["job_id"].tolist() == ["5", "30", "59"]


def test_waiting_and_running_jobs_are_no_ended_ones(known):
    keep(known.history, view_of(FakeSlurm()))
    assert not len(ended_jobs(known, HOUR))


def test_a_job_that_vanished_ended_when_it_was_last_seen(known):
    keep(known.history, view_of(FakeSlurm(running=1, pending=0, taken_at=NOON - timedelta(minutes=20))))
    keep(known.history, view_of(FakeSlurm(running=0, pending=0, taken_at=NOON - timedelta(minutes=10))))
    (row,) = ended_jobs(known, HOUR).to_dict("records")

    assert row["state"] == "UNKNOWN"
    assert row["ended_at"] == NOON - timedelta(minutes=20)


def test_without_a_store_slurm_itself_remembers_a_few(tmp_path):
    extra = (
        {
            "job_id": "9",
            "state": "FAILED",
            "started_at": NOON - timedelta(hours=1),
            "ended_at": NOON - timedelta(minutes=2),
        },
    )
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    known = Known(view_of(FakeSlurm(extra=extra)), History(blocked / "jobs.duckdb", FakeClock(NOON)))

    assert ended_jobs(known, HOUR)["job_id"].tolist() == ["9"]
