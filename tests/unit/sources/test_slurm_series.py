import dataclasses
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import NOON
from tests.unit.slurm_snapshots import job, node, snapshot, snapshots
from watchdog.base.clock import FakeClock
from watchdog.base.errors import SourceFormatError, SourceUnavailableError
from watchdog.model.slurm.records import JobState, Snapshot
from watchdog.model.slurm.series_text import snapshot_text
from watchdog.model.telemetry import Window
from watchdog.sources.scrape import Fetched, Target
from watchdog.sources.slurm_series import SlurmSeries
from watchdog.sources.slurm_series_fetch import from_prometheus


def over(*pages: str | bytes | Exception) -> SlurmSeries:
    """A source that scrapes these pages."""

    def target(number, page):
        def fetch():
            if isinstance(page, Exception):
                raise page
            return page.encode() if isinstance(page, str) else page

        return Target(f"head{number}:9341", fetch)

    return SlurmSeries.scraped([target(number, page) for number, page in enumerate(pages)], FakeClock(NOON))


def read(text: str) -> Snapshot:
    return over(text).snapshot()


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None, max_examples=60)
@given(snapshots())
def test_what_the_exporter_writes_is_read_back_equal(before):
    after = read(snapshot_text(before))
    for field in dataclasses.fields(Snapshot):
        assert getattr(after, field.name) == getattr(before, field.name)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None, max_examples=25)
@given(snapshots())
def test_prometheus_own_reader_understands_the_page_and_finds_no_series_twice(before):
    text = snapshot_text(before)
    if "\r" in text:
        return
    seen = [(s.name, tuple(sorted(s.labels.items()))) for f in text_string_to_metric_families(text) for s in f.samples]
    assert len(set(seen)) == len(seen) >= 1


def test_a_job_that_is_named_twice_is_written_once():
    text = snapshot_text(snapshot(job("7", name="first"), job("7", name="second")))
    assert [one.name for one in read(text).jobs] == ["first"]


def test_a_job_without_known_places_keeps_the_number_of_its_gpus():
    held = dataclasses.replace(job().holds[0], indexes=())
    assert read(snapshot_text(snapshot(job(holds=(held,))))).jobs[0].holds == (held,)


def test_what_is_not_known_is_null_and_not_zero():
    bare = dataclasses.replace(job(), cpus=None, exit_code=None, memory_bytes=None, time_limit_seconds=None)
    after = read(snapshot_text(snapshot(bare))).jobs[0]
    assert (after.cpus, after.exit_code, after.memory_bytes, after.time_limit_seconds) == (None, None, None, None)


def test_jobs_that_the_exporter_cut_are_told():
    text = snapshot_text(snapshot(job())) + "slurm_exporter_jobs_cut 12\n"
    assert read(text).problems == ("the exporter left out 12 jobs: raise its --max-jobs",)


def test_the_status_tells_when_the_exporter_read_slurm():
    source = SlurmSeries.scraped(
        [Target("head:9341", lambda: Fetched(snapshot_text(snapshot(job())).encode(), NOON + timedelta(seconds=90)))],
        FakeClock(NOON + timedelta(seconds=30)),
    )
    source.snapshot()
    status = source.status()
    assert (status.name, status.newest_sample_at) == ("Slurm exporter head:9341", NOON)
    assert (status.clock_skew_seconds, status.error) == (60.0, "")


def test_an_exporter_that_cannot_read_slurm_is_no_empty_cluster():
    page = (
        'slurm_exporter_commands_total{part="jobs"} 4\n'
        f"watchdog_exporter_last_success_timestamp_seconds {NOON.timestamp() - 400}\n"
    )
    source = over(page)
    with pytest.raises(SourceUnavailableError, match="could not read Slurm for 400 s"):
        source.snapshot()
    assert "scontrol ping" in source.status().hint


@pytest.mark.parametrize("page", ["up 1\n", "", "<html>\n", 'DCGM_FI_DEV_GPU_UTIL{gpu="0"} 3\n'])
def test_a_page_without_slurm_is_refused(page):
    with pytest.raises(SourceFormatError, match="no series of Slurm"):
        over(page).snapshot()


def test_slurm_series_of_nobody_we_know_are_told():
    with pytest.raises(SourceUnavailableError, match="no exporter's series"):
        over("slurm_something_else 1\n").snapshot()


def test_a_page_that_was_cut_off_is_refused():
    whole = snapshot_text(snapshot(job(), nodes=[node()]))
    with pytest.raises(SourceFormatError, match="cut off"):
        over(whole[:-5]).snapshot()


def test_lines_that_are_no_samples_are_left_out():
    text = (
        snapshot_text(snapshot(job())) + 'slurm_job_info{job_id="2 1\nslurm_job_gpus{job_id="1"} many\nslurm_job_cpus\n'
    )
    assert [one.job_id for one in read(text).jobs] == ["1"]


def test_a_number_that_is_none_is_refused_with_the_reason():
    text = snapshot_text(snapshot()) + 'slurm_job_info{job_id="1",raw_id="one"} 1\n'
    with pytest.raises(SourceFormatError, match="'one' for a number"):
        read(text)


def test_of_two_exporters_the_one_that_read_last_counts():
    old = snapshot_text(snapshot(job("1")))
    new = snapshot_text(dataclasses.replace(snapshot(job("2")), taken_at=NOON + timedelta(seconds=60)))
    assert [one.job_id for one in over(old, new).snapshot().jobs] == ["2"]


def test_an_error_of_the_target_is_kept_for_the_status_and_raised():
    source = over(SourceUnavailableError("nobody there", hint="start it"))
    with pytest.raises(SourceUnavailableError):
        source.snapshot()
    assert (source.status().error, source.status().hint) == ("nobody there", "start it")


def test_finished_jobs_are_those_of_the_window_with_a_word_on_the_rest():
    ended = [
        job(str(number), JobState.COMPLETED, ended_at=NOON + timedelta(minutes=number), nodes=("gn001",))
        for number in (1, 2, 3)
    ]
    answer = over(snapshot_text(snapshot(*ended, job("9")))).finished(
        Window(NOON + timedelta(minutes=1), NOON + timedelta(minutes=3))
    )
    assert [one.job_id for one in answer.jobs] == ["1", "2"]
    assert "MinJobAge" in answer.problems[0]


class FakeApi:
    """Answers an instant query with the series of these pages, as a server with `honor_labels: false` has them."""

    def __init__(self, **pages: str) -> None:
        self.name, self.pages, self.queries = "Prometheus http://prom:9090", pages, []

    def query(self, query):
        import msgspec
        import numpy as np

        from watchdog.sources.decode import Series

        self.queries.append(query)
        labels, values = [], []
        for instance, text in self.pages.items():
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    given = {("exported_node" if k == "node" else k): v for k, v in sample.labels.items()}
                    full = {"__name__": sample.name, "instance": instance, "job": "slurm", "node": "scraper", **given}
                    labels.append(msgspec.json.encode(full))
                    values.append(sample.value)
        count = len(values)
        return Series(labels, np.ones(count, dtype=np.int64), np.zeros(count, dtype=np.int64), np.array(values))


def test_a_prometheus_server_gives_the_same_snapshot_in_one_query():
    before = snapshot(job(), job("2", JobState.PENDING), nodes=[node(), node("gn002", "DOWN", reason='"dead"')])
    api = FakeApi(head=snapshot_text(before))
    source = SlurmSeries("prom", from_prometheus(api, FakeClock(NOON)), FakeClock(NOON))
    assert source.snapshot() == before
    assert len(api.queries) == 1


def test_exporters_behind_one_server_are_not_mixed():
    old = snapshot_text(snapshot(job("1"), nodes=[node()]))
    new = snapshot_text(dataclasses.replace(snapshot(job("2")), taken_at=NOON + timedelta(seconds=1)))
    source = SlurmSeries("prom", from_prometheus(FakeApi(a=old, b=new), FakeClock(NOON)), FakeClock(NOON))
    after = source.snapshot()
    assert ([one.job_id for one in after.jobs], after.nodes) == (["2"], ())
