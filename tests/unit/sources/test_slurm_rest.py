import dataclasses
import json
import math
import socketserver
from datetime import UTC, datetime

import pytest

from tests.conftest import NOON
from tests.unit.sources.slurm_recorded import API, DATA, VERSIONS, Commands, recorded_answers, serving
from watchdog.base.clock import FakeClock
from watchdog.base.errors import ConfigError, SourceAuthError, SourceFormatError, SourceUnavailableError
from watchdog.model.slurm.records import JobState
from watchdog.model.telemetry import Window
from watchdog.sources.slurm_cli import SlurmCli
from watchdog.sources.slurm_rest import SlurmRest

DAY = Window(datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC))


def rest(url, user="ada", token="secret"):
    return SlurmRest(FakeClock(NOON), url, user=user, token=token, timeout_seconds=5)


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def server(version):
    with serving(recorded_answers(version)) as (url, asked):
        yield url, asked


def differences(theirs, ours, key):
    """Fields that differ between records of the same key: (key, field, theirs, ours)."""
    known = {key(record): record for record in ours}
    assert {key(record) for record in theirs} == set(known)
    return [
        (key(record), field.name, getattr(record, field.name), getattr(known[key(record)], field.name))
        for record in theirs
        for field in dataclasses.fields(record)
        if getattr(record, field.name) != getattr(known[key(record)], field.name)
    ]


def test_slurmrestd_and_the_commands_tell_the_same_of_the_same_moment(server, version):
    here, there = SlurmCli(FakeClock(NOON), run=Commands(version)).snapshot(), rest(server[0]).snapshot()
    # An estimate moves with each round of the scheduler; the two were read a second apart.
    moving = {"expected_start_at", "booted_at", "nodes"}
    found = differences(there.jobs, here.jobs, lambda job: job.raw_id)
    # JSON of 22.05 says null both of a job without a limit and of one with the partition's.
    unlimited = {"22.05.8": [("time_limit_seconds", None, math.inf)], "24.11.5": []}
    assert [row[1:] for row in found if row[1] not in moving] == unlimited[version]
    assert [row for row in differences(there.nodes, here.nodes, lambda node: node.node) if row[1] not in moving] == []
    # JSON says neither which partition is the default nor the cluster's own way to preempt.
    unsaid = {"is_default", "preempt_mode"}
    found = differences(there.partitions, here.partitions, lambda part: part.partition)
    assert [row for row in found if row[1] not in unsaid] == []


def test_accounting_agrees_with_sacct_but_for_what_one_of_them_lies_about(server, version):
    here, there = SlurmCli(FakeClock(NOON), run=Commands(version)).finished(DAY), rest(server[0]).finished(DAY)
    found = differences(there.jobs, here.jobs, lambda job: job.raw_id)
    names = {job.raw_id: job.name for job in here.jobs}
    lies = {(names[raw], field, theirs, ours) for raw, field, theirs, ours in found}
    if version == "22.05.8":
        # JSON of 22.05 says 0 for every failure; we say that we do not know. sacct takes 128 off a code above it.
        assert lies == {
            ("exit3", "exit_code", None, 3),
            ("exit3", "signal", None, 0),
            ("code139", "exit_code", None, 11),
            ("code139", "signal", None, 0),
        }
        assert any("exit code is not known" in problem for problem in there.problems)
    else:
        # sacct takes 128 off an exit code above it.
        assert lies == {("code139", "exit_code", 139, 11)}


def test_the_newest_version_that_both_know_is_spoken(server, version):
    url, asked = server
    rest(url).snapshot()
    assert [path for path, *_ in asked] == [
        "/openapi",
        *(f"/slurm/v0.0.{API[version]}/{what}" for what in ("jobs", "nodes", "partitions")),
    ]


def test_its_description_is_read_once_only(server):
    url, asked = server
    slurm = rest(url)
    slurm.snapshot()
    slurm.snapshot()
    assert [path for path, *_ in asked].count("/openapi") == 1


def test_no_request_asks_for_a_single_node_whose_allocation_would_be_stale(server):
    url, asked = server
    slurm = rest(url)
    slurm.snapshot()
    slurm.finished(DAY)
    assert not [path for path, *_ in asked if "/node/" in path]


def test_both_headers_are_sent(server):
    url, asked = server
    rest(url).snapshot()
    headers = {name.lower(): value for name, value in asked[-1][2].items()}
    assert (headers["x-slurm-user-name"], headers["x-slurm-user-token"]) == ("ada", "secret")


def test_the_token_is_never_shown(server):
    slurm = rest(server[0])
    slurm.snapshot()
    assert "secret" not in repr(slurm.status())


def test_times_are_asked_as_the_version_takes_them(server, version):
    url, asked = server
    rest(url).finished(DAY)
    query = asked[-1][1]
    since = int(DAY.since.timestamp())
    assert query["start_time"] == [f"uts{since}" if version == "22.05.8" else str(since)]


def test_jobs_that_did_not_change_are_kept_after_a_304():
    answers = recorded_answers("24.11.5")
    with serving(answers) as (url, asked):
        slurm = rest(url)
        first = slurm.snapshot()
        answers["/slurm/v0.0.42/jobs"] = (304, b"")
        second = slurm.snapshot()
    assert second.jobs == first.jobs
    last_update = json.loads((DATA / "24.11.5" / "slurm-v0.0.42-jobs.json").read_bytes().decode("utf-8", "replace"))
    polled = [query for path, query, _ in asked if path.endswith("/jobs")]
    assert polled == [{}, {"update_time": [str(last_update["last_update"]["number"])]}]


def test_a_server_that_does_not_say_when_it_answered_is_asked_for_all_each_time():
    with serving(recorded_answers("22.05.8")) as (url, asked):
        slurm = rest(url)
        slurm.snapshot()
        slurm.snapshot()
    assert all(query == {} for path, query, _ in asked if path.endswith("/jobs"))


def test_an_old_version_without_node_flags_takes_a_reason_as_drained():
    answers = recorded_answers("22.05.8")
    answers["/slurm/v0.0.38/nodes"] = (200, (DATA / "22.05.8" / "slurm-v0.0.36-nodes.json").read_bytes())
    with serving(answers) as (url, _):
        snapshot = rest(url).snapshot()
    node = next(node for node in snapshot.nodes if node.reason)
    assert "DRAIN" in node.flags
    assert any("no node flags" in problem for problem in snapshot.problems)


ERROR = {"description": "Failed while looking for jobs", "error_number": -1, "error": "Unspecified error"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"Authentication failure", SourceAuthError),
        (511, b'{"errors": [{"description": "", "error_number": 1007, "error": "Protocol authentication error"}]}',
         SourceAuthError),
        (500, json.dumps({"errors": [ERROR], "jobs": []}).encode(), SourceUnavailableError),
        (200, json.dumps({"errors": [ERROR | {"error_number": 1801}], "jobs": []}).encode(), SourceUnavailableError),
        (500, b"", SourceUnavailableError),
        (404, b"Unable find requested URL.", SourceFormatError),
        (200, b"<html>a proxy</html>", SourceFormatError),
        (200, b'{"jobs": 5}', SourceFormatError),
        (200, b'{"jobs": [', SourceFormatError),
        (302, b"", SourceFormatError),
    ],
)  # fmt: skip
def test_refusals_and_broken_answers_are_errors_with_a_hint(status, body, kind):
    with serving(recorded_answers("24.11.5") | {"/slurm/v0.0.42/jobs": (status, body)}) as (url, _):
        slurm = rest(url)
        with pytest.raises(kind):
            slurm.snapshot()
    assert slurm.status().error
    assert "secret" not in slurm.status().error


def test_a_bad_token_of_22_05_says_that_it_may_be_the_token():
    with (
        serving(
            recorded_answers("22.05.8") | {"/slurm/v0.0.38/jobs": (500, json.dumps({"errors": [ERROR]}).encode())}
        ) as (url, _),
        pytest.raises(SourceUnavailableError) as caught,
    ):
        rest(url).snapshot()
    assert "TOKEN" in caught.value.hint


def test_nothing_found_in_the_accounting_is_no_error():
    body = json.dumps({"errors": [{"error_number": 9003, "error": "Nothing found with query"}], "jobs": []}).encode()
    with serving(recorded_answers("22.05.8") | {"/slurmdb/v0.0.38/jobs": (200, body)}) as (url, _):
        assert rest(url).finished(DAY).jobs == ()


def test_a_server_without_accounting_says_so_in_a_problem():
    answers = recorded_answers("24.11.5")
    answers["/openapi"] = (200, answers["/openapi"][1].replace(b"slurmdb", b"other"))
    with serving(answers) as (url, _):
        assert "no slurmdb" in rest(url).finished(DAY).problems[0]


def test_a_server_that_was_upgraded_is_asked_again_for_its_versions():
    answers = recorded_answers("22.05.8")
    with serving(answers) as (url, _):
        slurm = rest(url)
        slurm.snapshot()
        answers.clear()
        answers.update(recorded_answers("24.11.5"))
        with pytest.raises(SourceFormatError):
            slurm.snapshot()
        assert slurm.snapshot().jobs


@pytest.mark.parametrize("body", [b"{}", b"not json", b'{"paths": {"/slurm/v0.0.99/jobs": {}}}'])
def test_a_server_of_no_known_version_is_an_error(body):
    with serving({"/openapi": (200, body)}) as (url, _), pytest.raises(SourceFormatError, match=r"v0\.0\.36"):
        rest(url).snapshot()


def test_nobody_there_is_an_error_with_a_hint():
    with pytest.raises(SourceUnavailableError) as caught:
        rest("http://127.0.0.1:1").snapshot()
    assert "WATCHDOG_SLURM_REST_URL" in caught.value.hint


@pytest.mark.parametrize("url", ["", "head:6820", "ftp://head", "unix://"])
def test_an_address_that_is_none_is_a_setting_to_correct(url):
    with pytest.raises(ConfigError):
        rest(url)


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        request, _ = super().get_request()
        return request, ("local", 0)


def test_a_unix_socket_is_read_without_any_header(tmp_path):
    path = str(tmp_path / "restd.sock")
    with serving(recorded_answers("22.05.8"), lambda handler: UnixServer(path, handler)) as (_, asked):
        slurm = rest(f"unix://{path}", user="", token="")
        assert len(slurm.snapshot().jobs) == 17
        assert path in slurm.status().name
    assert not [name for name in asked[0][2] if name.lower().startswith("x-slurm")]


def test_a_missing_socket_is_an_error_with_a_hint(tmp_path):
    with pytest.raises(SourceUnavailableError):
        rest(f"unix://{tmp_path}/none.sock").snapshot()


def test_a_job_in_json_may_hold_bytes_that_are_no_text(server):
    assert "\x1b[31mred\ufffd" in {job.name for job in rest(server[0]).snapshot().jobs}


def test_a_job_that_ended_is_only_what_ended(server):
    states = {job.state for job in rest(server[0]).finished(DAY).jobs}
    assert JobState.RUNNING not in states
    assert JobState.PENDING not in states
