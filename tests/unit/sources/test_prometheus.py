"""PrometheusTelemetry against a server that answers as told, well or badly."""

import json
from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.unit.sources.peers import Says, peer
from watchdog.base.clock import FakeClock
from watchdog.base.config import Config
from watchdog.base.errors import (
    ConfigError,
    SourceAuthError,
    SourceError,
    SourceFormatError,
    SourceLimitError,
    SourceUnavailableError,
)
from watchdog.model.frames import SAMPLES, SERIES
from watchdog.model.telemetry import By, Statistic, Where, Window
from watchdog.sources.prometheus import PrometheusTelemetry

NAMES = ["up", "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE"]
MINUTE = timedelta(minutes=1)
WINDOW = Window(NOON, NOON + 10 * MINUTE)
T0 = NOON.timestamp()


def data(result, kind="matrix", **more):
    return {"status": "success", "data": {"resultType": kind, "result": result}, **more}


def matrix(*values, **labels):
    return {"metric": {"gpu": "0", "UUID": "GPU-a", "Hostname": "n1", **labels}, "values": [list(v) for v in values]}


def server(answer, names=NAMES, labels=("UUID", "Hostname")):
    """Answers discovery by itself and queries as told."""

    def say(asked):
        if asked.path.endswith("/label/__name__/values"):
            return Says({"status": "success", "data": list(names)})
        if asked.path.endswith("/labels"):
            return Says({"status": "success", "data": list(labels)})
        got = answer(asked) if callable(answer) else answer
        return got if isinstance(got, Says) else Says(got)

    return peer(say)


def telemetry(url, clock=None, **config):
    return PrometheusTelemetry(Config(prometheus_url=url, **config), clock or FakeClock(NOON + 10 * MINUTE))


def queries(server):
    return [asked.form["query"] for asked in server.asked if "query" in asked.form]


def test_samples_are_the_server_s_with_their_own_instants():
    with server(data([matrix((T0 + 1.024, "40"), (T0 + 16.024, "41"))])) as prom:
        got = telemetry(prom.url).samples(["gpu_temperature_celsius"], WINDOW)
    SAMPLES.check(got.frame)
    assert list(got.frame["value"]) == [40, 41]
    assert got.frame["sampled_at"][0] == NOON + timedelta(seconds=1.024)
    assert got.incomplete == ()


def test_samples_outside_the_window_are_cut_whatever_the_server_thinks_of_its_ends():
    with server(data([matrix((T0 - 0.001, "1"), (T0, "2"), (T0 + 599.999, "3"), (T0 + 600, "4"))])) as prom:
        got = telemetry(prom.url).samples(["gpu_temperature_celsius"], WINDOW)
    assert list(got.frame["value"]) == [2, 3]


def test_only_names_that_exist_are_asked_for():
    with server(data([])) as prom:
        got = telemetry(prom.url).samples(["gpu_temperature_celsius", "sm_active_ratio"], WINDOW)
    assert got.not_exported == {"sm_active_ratio"}
    assert [q.partition("[")[0] for q in queries(prom)] == ["DCGM_FI_DEV_GPU_TEMP"]


def test_nothing_exported_is_no_question_and_no_error():
    with server(data([]), names=["up"]) as prom:
        got = telemetry(prom.url).range(["sm_active_ratio"], WINDOW, MINUTE)
    assert queries(prom) == []
    assert got.frame.empty
    assert got.not_exported == {"sm_active_ratio"}


def test_a_bucket_holds_its_start_and_not_its_end():
    values = [(T0 + second, str(second)) for second in (0, 15, 30, 45, 60)]
    with server(data([matrix(*values)])) as prom:
        got = telemetry(prom.url).range(["power_watts"], Window(NOON, NOON + MINUTE), timedelta(seconds=30))
    SERIES.check(got.frame)
    assert list(got.frame["value"]) == [7.5, 37.5]


def test_long_steps_are_counted_by_the_server_but_blank_values_are_not():
    def answer(asked):
        query = asked.form["query"]
        if query.startswith("count_over_time"):
            return data([{"metric": {}, "value": [1700000000, "1"]}], "vector")
        if asked.path.endswith("/query"):
            return data([matrix((T0, "40"), (T0 + 60, "0"), (T0 + 300, "42"))])
        value = {"avg": "20", "min": "0", "max": "42"}[query[:3]]
        ends = [T0 + 299.999, T0 + 599.999] if query[:3] == "avg" else [T0 + 599.999]
        return data([matrix(*((end, value) for end in ends))])

    with server(answer) as prom:
        got = telemetry(prom.url).range(["gpu_temperature_celsius"], WINDOW, 5 * MINUTE)
    assert list(got.frame["value"]) == [40, 42]
    assert any("UUID=~" in query for query in queries(prom))


def test_the_newest_sample_of_each_series_is_the_latest():
    with server(data([matrix((T0 + 570, "40"), (T0 + 585, "41"), (T0 + 600, "2147483632"))])) as prom:
        got = telemetry(prom.url).latest(["gpu_temperature_celsius"], NOON + 10 * MINUTE)
    assert list(got.frame["value"]) == [41]
    assert list(got.frame["sampled_at"]) == [NOON + timedelta(seconds=585)]


def test_filters_are_put_to_the_server_and_applied_again_here():
    two = data([matrix((T0, "40")), matrix((T0, "50"), UUID="GPU-b", Hostname="n2")])
    with server(two) as prom:
        source = telemetry(prom.url)
        by_node = source.samples(["gpu_temperature_celsius"], WINDOW, Where(nodes=("n2",))).frame
        by_gpu = source.samples(["gpu_temperature_celsius"], WINDOW, Where(gpus=("GPU-a",))).frame
    assert list(by_node["value"]) == [50]
    assert list(by_gpu["value"]) == [40]
    assert 'Hostname=~"' in queries(prom)[0]
    assert 'UUID=~"' in queries(prom)[1]


def test_warnings_and_partial_answers_are_told():
    with server(data([], warnings=["store-3 is down"], isPartial=True)) as prom:
        source = telemetry(prom.url)
        got = source.samples(["power_watts"], WINDOW)
        assert got.incomplete == ("some storage nodes did not answer", "store-3 is down")
        assert "store-3" in source.status()[0].note


def test_a_question_that_is_too_large_is_asked_in_halves():
    def answer(asked):
        length = int(asked.form["query"].partition("[")[2].removesuffix("ms]"))
        if length > 150_000:
            return Says({"status": "error", "errorType": "execution", "error": "would load too many samples"}, 422)
        end = float(asked.form["time"])
        return data([matrix((end, "1"))])

    with server(answer) as prom:
        got = telemetry(prom.url).samples(["power_watts"], WINDOW)
    assert len(got.frame) == 6


def test_too_many_series_are_asked_in_parts():
    def answer(asked):
        if "UUID" not in asked.form["query"]:
            text = "the number of matching timeseries exceeds 3"
            return Says({"status": "error", "errorType": "422", "error": text}, 422)
        return data([matrix((T0, "1"))] if "!~" in asked.form["query"] else [])

    with server(answer) as prom:
        assert len(telemetry(prom.url).samples(["power_watts"], WINDOW).frame) == 1


def test_what_is_too_large_however_small_is_a_limit():
    refusal = Says({"status": "error", "errorType": "422", "error": "too many samples"}, 422)
    with server(refusal) as prom, pytest.raises(SourceLimitError) as caught:
        telemetry(prom.url).samples(["power_watts"], Window(NOON, NOON + MINUTE))
    assert caught.value.hint


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again_after_a_pause(status):
    answers = iter([Says("busy", status, {"Retry-After": "2"}), Says(data([matrix((T0, "40"))]))])
    clock = FakeClock(NOON)
    with server(lambda _: next(answers)) as prom:
        assert len(telemetry(prom.url, clock).samples(["power_watts"], WINDOW).frame) == 1
    assert clock.now() == NOON + timedelta(seconds=2)


def test_a_server_that_stays_busy_is_given_up():
    with server(Says("busy", 503)) as prom, pytest.raises(SourceUnavailableError):
        telemetry(prom.url).samples(["power_watts"], WINDOW)
    assert len(queries(prom)) == 3


BAD = [
    (Says("<html>Sign in</html>", 401), SourceAuthError, "WATCHDOG_PROMETHEUS_TOKEN"),
    (Says({"status": "error", "error": "no org id"}, 401), SourceAuthError, "WATCHDOG_PROMETHEUS_ORG_ID"),
    (Says("no", 403), SourceAuthError, "WATCHDOG_PROMETHEUS_TOKEN"),
    (Says("404 page not found", 404), SourceFormatError, "WATCHDOG_PROMETHEUS_URL"),
    (Says("slow down", 429), SourceLimitError, "busy"),
    (Says("", 302, {"Location": "https://login"}), SourceFormatError, "WATCHDOG_PROMETHEUS_URL"),
    (Says("<html>Sign in</html>"), SourceFormatError, "WATCHDOG_PROMETHEUS_URL"),
    (Says("[1,2]"), SourceFormatError, "WATCHDOG_PROMETHEUS_URL"),
    (Says({"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}), SourceFormatError, "URL"),
    (Says(data([]), wait=1), SourceUnavailableError, "WATCHDOG_PROMETHEUS_URL"),
    (Says(data([matrix((T0, "40"))]), declared=9000), SourceUnavailableError, "WATCHDOG_PROMETHEUS_URL"),
    (Says("oops", 500), SourceUnavailableError, "log"),
]


@pytest.mark.parametrize("path", ["query", "discovery"])
@pytest.mark.parametrize(("says", "kind", "hint"), BAD)
def test_each_bad_answer_is_its_own_error_with_a_hint(says, kind, hint, path):
    if path == "discovery" and isinstance(says.body, dict) and "data" in says.body:
        pytest.skip("a query's answer")
    with server(says) if path == "query" else peer(says) as prom:
        source = telemetry(prom.url, prometheus_timeout_seconds=0.3, prometheus_token="sEcReT")
        with pytest.raises(kind) as caught:
            source.samples(["power_watts"], WINDOW)
        (status,) = source.status()
    assert hint in caught.value.hint
    assert status.error == str(caught.value)
    assert "sEcReT" not in str(caught.value) + repr(status)


def test_nobody_there_is_told():
    with peer(Says()) as gone:
        pass
    with pytest.raises(SourceUnavailableError, match="connection refused"):
        telemetry(gone.url).latest(["power_watts"], NOON)


def test_credentials_are_sent_and_never_shown():
    with server(data([])) as prom:
        source = telemetry(
            prom.url.replace("http://", "http://someone:pAsS@"),
            prometheus_token="sEcReT",
            prometheus_org_id="team|b",
            prometheus_headers="X-A: hEaDeR; X-B: 2",
        )
        source.samples(["power_watts"], WINDOW)
        for asked in prom.asked:
            assert asked.headers["Authorization"] == "Bearer sEcReT"
            assert asked.headers["X-Scope-OrgID"] == "team|b"
            assert asked.headers["X-A"] == "hEaDeR"
        shown = repr(source.status()) + source.name + repr(vars(source))
        assert not [word for word in ("pAsS", "sEcReT", "hEaDeR") if word in shown]


def test_basic_authentication_comes_from_settings_or_the_url():
    with server(data([])) as prom:
        telemetry(prom.url, prometheus_user="me", prometheus_password="pw").samples(["power_watts"], WINDOW)
        telemetry(prom.url.replace("//", "//me:pw@")).samples(["power_watts"], WINDOW)
        assert {asked.headers["Authorization"] for asked in prom.asked} == {"Basic bWU6cHc="}


@pytest.mark.parametrize(
    "config", [{"prometheus_headers": "nonsense"}, {"prometheus_cert_file": "a.pem"}, {"prometheus_token": "a\nb"}]
)
def test_settings_that_cannot_work_are_config_errors(config):
    with server(data([])) as prom, pytest.raises(ConfigError) as caught:
        telemetry(prom.url, **config).samples(["power_watts"], WINDOW)
    assert "WATCHDOG_PROMETHEUS_" in caught.value.hint


def test_of_two_exporters_of_one_gpu_dcgm_is_believed():
    def answer(asked):
        query = asked.form["query"]
        if "gpu_info" in query:
            return data([{"metric": {"uuid": BARE, "index": "0", "name": "H100"}, "value": [T0, "1"]}], "vector")
        if query.startswith("nvidia_smi"):
            return data([{"metric": {"uuid": BARE, "instance": "10.0.0.5:9835"}, "values": [[T0 + 3, "99"]]}])
        return data([matrix((T0 + 5, "40"), UUID=f"GPU-{BARE}")])

    names = [*NAMES, "nvidia_smi_temperature_gpu", "nvidia_smi_gpu_info", "nvidia_smi_power_draw_watts"]
    with server(answer, names=names) as prom:
        got = telemetry(prom.url).samples(["gpu_temperature_celsius"], WINDOW).frame
    assert list(got["value"]) == [40]
    assert list(got["node"]) == ["n1"]


BARE = "5b4e07f6-3a86-4340-039d-25f2a83cdc43"


def test_increase_counts_from_the_sample_before_the_window_and_takes_resets():
    values = [(T0 - 15, "1000"), (T0, "3000"), (T0 + 15, "500"), (T0 + 60, "1500")]
    with server(data([matrix(*values)]), names=["DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"]) as prom:
        got = telemetry(prom.url).range(["energy_joules"], WINDOW, MINUTE, statistic=Statistic.INCREASE, by=By.CLUSTER)
    assert list(got.frame["value"]) == [2.5, 1.0]


def test_a_bit_mask_is_decoded_before_it_is_averaged():
    values = [(T0 + n * 15, str(mask)) for n, mask in enumerate([4, 0, 68, 64])]
    with server(data([matrix(*values)]), names=["DCGM_FI_DEV_CLOCKS_EVENT_REASONS"]) as prom:
        keys = ["throttle_power_cap_flag", "throttle_hw_thermal_flag", "throttle_idle_flag"]
        got = telemetry(prom.url).range(keys, WINDOW, MINUTE)
    assert got.frame.set_index("metric")["value"].to_dict() == {
        "throttle_power_cap_flag": 0.5,
        "throttle_hw_thermal_flag": 0.5,
        "throttle_idle_flag": 0.0,
    }


def recorded_error(path, prom):
    """The error that a recorded answer becomes; None for success."""
    try:
        got = telemetry(prom.url).samples(["power_watts"], Window(NOON, NOON + MINUTE))
    except SourceError as error:
        return error
    assert got.frame.empty, path.name  # none of them is about a GPU
    return None


def test_every_recorded_answer_is_read_or_refused_in_words(fixtures):
    recorded = sorted((fixtures / "prom-api").glob("*.json"))
    assert recorded
    for path in recorded:
        seen = json.loads(path.read_text(encoding="utf-8"))
        body = seen["body"] if isinstance(seen["body"], str) else json.dumps(seen["body"])
        with server(Says(body, seen["status"])) as prom:
            error = recorded_error(path, prom)
        is_limit = "limit" in path.name and "parse" not in path.name
        is_series = "shape" in path.name or "samples" in path.name or "partial" in path.name
        expected = SourceLimitError if is_limit else type(None) if is_series else SourceFormatError
        assert isinstance(error, expected), path.name
        assert error is None or error.hint
