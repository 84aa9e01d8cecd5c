"""Scraping: each target for itself."""

import threading
from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.unit.sources.peers import Says, peer
from watchdog.base.clock import FakeClock
from watchdog.base.errors import ConfigError, SourceUnavailableError
from watchdog.model.frames import SAMPLES
from watchdog.sources.scrape import Scraper, Target, full_url, http_target

PAGE = (
    'DCGM_FI_DEV_GPU_UTIL{{gpu="0",UUID="GPU-{0}",Hostname="{0}"}} 50\n'
    'DCGM_FI_DEV_FB_USED{{gpu="0",UUID="GPU-{0}",Hostname="{0}"}} 10\n'
    'DCGM_FI_DEV_FB_FREE{{gpu="0",UUID="GPU-{0}",Hostname="{0}"}} 90\n'
)


def page(node):
    return PAGE.format(node).encode()


def scraper(*targets, **options):
    return Scraper(targets, FakeClock(NOON), **options)


def only(result):
    (status,) = result.statuses
    return status


def test_pages_of_all_targets_become_one_frame():
    result = scraper(Target("a", lambda: page("n1")), Target("b", lambda: page("n2"))).scrape()
    SAMPLES.check(result.frame)
    assert set(result.frame["node"]) == {"n1", "n2"}
    assert set(result.frame["sampled_at"]) == {NOON}
    assert [status.samples for status in result.statuses] == [3, 3]
    assert all(status.error == "" and status.last_success_at == NOON for status in result.statuses)


def test_the_total_memory_that_dcgm_leaves_out_is_made_of_its_parts():
    frame = scraper(Target("a", lambda: page("n1"))).scrape().frame
    assert frame.set_index("metric")["value"]["memory_total_bytes"] == 100 * 2**20


def test_a_dead_target_costs_only_itself():
    def dead():
        raise SourceUnavailableError("exporter b does not answer", hint="Look at the node.")

    result = scraper(Target("a", lambda: page("n1")), Target("b", dead)).scrape()
    assert len(result.frame) == 4
    good, bad = result.statuses
    assert good.error == ""
    assert (bad.error, bad.hint, bad.last_success_at) == ("exporter b does not answer", "Look at the node.", None)


def test_a_slow_target_is_not_waited_for_and_not_asked_twice():
    release, calls = threading.Event(), []

    def slow():
        calls.append(1)
        release.wait(10)
        return page("n2")

    some = scraper(Target("a", lambda: page("n1")), Target("b", slow), deadline_seconds=0.05)
    for _ in range(2):
        result = some.scrape()
        assert set(result.frame["node"]) == {"n1"}
        assert "still waiting" in result.statuses[1].error
    assert len(calls) == 1
    release.set()
    some._deadline = 10.0
    late = some.scrape()
    assert set(late.frame["node"]) == {"n1", "n2"}
    assert late.statuses[1].error == ""


def test_the_same_gpu_from_two_targets_is_there_once():
    assert len(scraper(Target("a", lambda: page("n1")), Target("b", lambda: page("n1"))).scrape().frame) == 4


def test_values_that_are_no_measurement_are_told():
    text = page("n1") + b'DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-n1"} 9223372036854775794\n'
    assert only(scraper(Target("a", lambda: text)).scrape()).note == "1 values were no measurement"


def test_a_page_without_gpus_is_told():
    assert "no GPU metrics" in only(scraper(Target("a", lambda: b"up 1\n")).scrape()).note


def test_values_that_the_exporter_read_long_ago_are_dropped():
    def told(age):
        return page("n1") + f"watchdog_exporter_last_success_timestamp_seconds {NOON.timestamp() - age}\n".encode()

    assert len(scraper(Target("a", lambda: told(30))).scrape().frame) == 4
    stale = scraper(Target("a", lambda: told(300))).scrape()
    assert stale.frame.empty
    assert "300 s ago" in only(stale).error


def test_a_bug_in_one_target_costs_only_itself():
    def broken():
        return {}["no"]

    result = scraper(Target("a", lambda: page("n1")), Target("b", broken)).scrape()
    assert len(result.frame) == 4
    assert "KeyError" in result.statuses[1].error


def test_a_target_of_this_process_may_fail_like_a_file():
    def broken():
        raise FileNotFoundError(2, "No such file or directory")

    assert "No such file" in only(scraper(Target("a", broken)).scrape()).error


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("n1:9400", "http://n1:9400/metrics"),
        (" http://n1:9400/ ", "http://n1:9400/metrics"),
        ("https://n1/gpu", "https://n1/gpu"),
        ("[::1]:9400", "http://[::1]:9400/metrics"),
    ],
)
def test_what_people_leave_out_of_an_address_is_filled_in(text, url):
    assert full_url(text) == url


@pytest.mark.parametrize("text", ["", "http://", "ftp://n1", "n1:99999", "n1:port"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ConfigError):
        full_url(text)


def test_an_exporter_is_read_over_http_with_its_token_and_tells_its_clock():
    with peer(Says(page("n1"))) as exporter:
        target = http_target(f"http://me:pw@{exporter.url[7:]}", token="sEcReT")
        http_target(f"http://me:pw@{exporter.url[7:]}").fetch()
        result = scraper(target).scrape()
    assert len(result.frame) == 4
    assert [asked.headers["Authorization"] for asked in exporter.asked] == ["Basic bWU6cHc=", "Bearer sEcReT"]
    assert exporter.asked[0].path == "/metrics"
    assert "sEcReT" not in repr(result.statuses) + repr(target)
    assert "pw" not in target.name
    assert only(result).clock_skew_seconds is not None


def test_series_that_name_no_node_belong_to_the_target_s_host():
    with peer(Says('DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1"} 50\n')) as exporter:
        frame = scraper(http_target(exporter.url)).scrape().frame
    assert list(frame["node"]) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (Says("no", 401), "401"),
        (Says("no", 403), "403"),
        (Says("no", 404), "404"),
        (Says("no", 429), "429"),
        (Says("no", 503), "503"),
        (Says("", 302, {"Location": "http://elsewhere"}), "elsewhere"),
        (Says("<html>Sign in</html>"), "web page"),
        (Says(page("n1"), declared=5000), "broke off"),
        (Says(page("n1"), wait=2), "in time"),
        (Says(page("n1"), drip=0.05), "within"),
        (Says(b"\xff\xfe\x00junk\n"), "no line"),
    ],
)
def test_each_bad_answer_has_its_own_words_and_a_hint(says, words):
    with peer(says) as exporter:
        status = only(scraper(http_target(exporter.url, timeout=0.4)).scrape())
    assert words in status.error
    assert status.hint


def test_a_refused_connection_is_told():
    with peer(Says()) as gone:
        pass
    status = only(scraper(http_target(gone.url)).scrape())
    assert "connection refused" in status.error
    assert "firewall" in status.hint


def test_the_status_remembers_the_last_success():
    pages = iter([page("n1"), b"<html>"])
    clock = FakeClock(NOON)
    some = Scraper([Target("a", lambda: next(pages))], clock)
    some.scrape()
    clock.sleep(15)
    status = only(some.scrape())
    assert status.last_success_at == NOON
    assert status.last_attempt_at == NOON + timedelta(seconds=15)
