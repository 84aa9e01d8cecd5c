"""The client of RunPod's API: what it does with every answer, and that the key stays where it belongs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from infra import errors
from infra.http import Patience, Wire, translated
from infra.pace import Pace
from infra.runpod import RunPod
from infra.settings import Settings, load_settings
from infra.wire import CreatePod, Gpu
from tests.infra.fake_runpod import FakeRunpod, ManualClock
from tests.infra.kit import A100, IMAGE, KEY, FakeTime
from watchdog.base.clock import FakeClock
from watchdog.base.errors import ConfigError, InfraError

SECRET = "rpa_VERYSECRETKEY123"
WANTED = CreatePod(name="gpuwd-head", image=IMAGE, gpu=Gpu(A100), env={"WATCHDOG_MARKER": "m"}, global_networking=True)


@pytest.fixture
def fake():
    with FakeRunpod(clock=ManualClock(), key=SECRET) as runpod:
        yield runpod
        assert runpod.violations == []


def client(fake, key=SECRET, tries=3, answer=10.0):
    wire = Wire(key, FakeTime(fake.clock), Patience(connect=5, answer=answer, tries=tries))
    return RunPod(wire, fake.url, fake.graphql_url)


def test_a_pod_is_rented_listed_and_returned(fake):
    runpod = client(fake)
    made = runpod.create(WANTED)
    assert [(pod.id, pod.cost, pod.ready) for pod in runpod.pods()] == [(made.id, 1.79, True)]
    runpod.terminate(made.id)
    assert runpod.pods() == []
    runpod.terminate(made.id)  # returning it twice is fine


def test_a_pod_is_stopped_and_started(fake):
    runpod = client(fake)
    made = runpod.create(WANTED)
    runpod.stop(made.id)
    assert runpod.pod(made.id).status == "EXITED"
    assert runpod.pod(made.id).billed  # its disk is
    runpod.start(made.id)
    assert runpod.pod(made.id).status == "RUNNING"


def test_the_catalogue_tells_prices_and_what_is_free(fake):
    fake.account.stock[A100] = 0
    gpus = {gpu.id: gpu for gpu in client(fake).gpus(1, "SECURE")}
    assert gpus[A100].availability == "NONE"
    assert gpus["NVIDIA H100 PCIe"].price.secure == 2.89
    assert any(center.global_network for center in client(fake).data_centers())


def test_balance_and_limit_come_from_graphql(fake):
    runpod = client(fake)
    runpod.create(WANTED)
    assert runpod.balance().usd == 500.0
    assert runpod.balance().usd_per_hour == pytest.approx(1.79 + 20 * 0.10 / 730, abs=1e-6)
    assert runpod.spend_limit() == 80


def test_bills_are_read_by_pod(fake):
    runpod = client(fake)
    made = runpod.create(WANTED)
    start = datetime.fromtimestamp(fake.clock.now, UTC)
    fake.clock.advance(3600)
    bills = runpod.bills(start, datetime.fromtimestamp(fake.clock.now, UTC))
    assert sum(bill.total_amount for bill in bills if bill.pod_id == made.id) == pytest.approx(1.79, abs=0.01)


@pytest.mark.parametrize(
    ("status", "kind", "word"),
    [
        (400, errors.InvalidRequestError, "rule"),
        (402, errors.PaymentError, "credit"),
        (403, errors.ForbiddenError, "write access"),
        (409, errors.RefusedStateError, "unlocked"),
        (410, errors.GoneError, "retired"),
        (418, errors.InvalidRequestError, "418"),
        (422, errors.InvalidRequestError, "rule"),
        (429, errors.LimitError, "minutes"),
        (500, errors.UnavailableError, "trouble"),
        (503, errors.UnavailableError, "trouble"),
    ],
)
def test_each_refusal_has_its_error_with_what_to_do(fake, status, kind, word):
    fake.faults.refuse("POST", "/v2/pods", status, detail="because", times=9)
    with pytest.raises(kind) as caught:
        client(fake).create(WANTED)
    assert type(caught.value) is kind
    assert "because" in str(caught.value)
    assert word in caught.value.hint


def test_no_capacity_is_told_from_a_broken_rule_by_its_words(fake):
    fake.account.stock[A100] = 0
    with pytest.raises(errors.NoCapacityError):
        client(fake).create(WANTED)


@pytest.mark.parametrize("key", ["", "wrong-key"])
def test_a_wrong_key_is_refused_with_where_to_get_one(fake, key):
    with pytest.raises(errors.KeyRefusedError) as caught:
        client(fake, key=key).pods()
    assert ".env" in caught.value.hint


def test_a_pod_that_is_not_there_is_not_found(fake):
    with pytest.raises(errors.NotFoundError):
        client(fake).pod("nosuchpod")


def test_a_lost_create_is_never_sent_twice(fake):
    fake.faults.drop("POST", "/v2/pods")
    with pytest.raises(errors.UnavailableError):
        client(fake).create(WANTED)
    assert fake.asked("POST", "/v2/pods") == 1
    assert len(fake.account.billed()) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_create_that_met_trouble_is_never_sent_twice(fake, status):
    fake.faults.refuse("POST", "/v2/pods", status, done=True)
    with pytest.raises(errors.UnavailableError):
        client(fake).create(WANTED)
    assert fake.asked("POST", "/v2/pods") == 1


def test_a_listing_is_asked_for_again_until_it_comes(fake):
    fake.faults.drop("GET", "/v2/pods")
    fake.faults.refuse("GET", "/v2/pods", 503)
    assert client(fake).pods() == []
    assert fake.asked("GET", "/v2/pods") == 3


def test_a_listing_that_never_comes_is_no_empty_list(fake):
    fake.faults.refuse("GET", "/v2/pods", 503, times=9)
    with pytest.raises(errors.UnavailableError):
        client(fake).pods()


@pytest.mark.parametrize("body", ["<html>", '{"pods": null}', "{}", '{"pods": [{"id": 3}]}'])
def test_a_listing_that_cannot_be_read_is_no_empty_list(monkeypatch, body):
    answer = requests.Response()
    answer.status_code, answer._content = 200, body.encode()
    monkeypatch.setattr(requests.Session, "request", lambda *_, **__: answer)
    with pytest.raises(errors.UnavailableError, match="list of pods"):
        RunPod(Wire(KEY, FakeClock(datetime.now(UTC)))).pods()


def test_a_state_that_is_new_to_us_counts_as_billed(fake, monkeypatch):
    made = client(fake).create(WANTED)
    raw = requests.get(f"{fake.url}/pods", headers={"Authorization": f"Bearer {SECRET}"}, timeout=5).text
    answer = requests.Response()
    answer.status_code, answer._content = 200, raw.replace('"RUNNING"', '"HIBERNATING"').encode()
    monkeypatch.setattr(requests.Session, "request", lambda *_, **__: answer)
    assert [(pod.id, pod.billed, pod.ready) for pod in client(fake).pods()] == [(made.id, True, False)]


def test_retry_after_is_obeyed(fake):
    fake.faults.refuse("POST", "/v2/pods", 429, retry_after=17)
    before = fake.clock.now
    client(fake).create(WANTED)
    assert fake.clock.now - before == 17
    assert len(fake.account.billed()) == 1


def test_retry_after_of_a_day_is_not_waited_for(fake):
    fake.faults.refuse("GET", "/v2/pods", 429, retry_after=86400, times=9)
    before = fake.clock.now
    with pytest.raises(errors.LimitError):
        client(fake).pods()
    assert fake.clock.now - before <= 120


def test_a_slow_answer_is_given_up(fake):
    fake.faults.delay("GET", "/v2/pods", 0.8, times=1)
    with pytest.raises(errors.UnavailableError, match="in time"):
        client(fake, tries=1, answer=0.4).pods()


def test_the_pace_stays_under_the_limit():
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    pace = Pace(clock, per_minute=120)
    sent = []
    for _ in range(500):
        pace.wait()
        sent.append(clock.monotonic())
    busiest = max(sum(start <= at < start + 60 for at in sent) for start in sent)
    assert busiest == 120


@pytest.mark.parametrize("status", [400, 401, 403, 410, 422, 500])
def test_the_key_is_in_no_message_and_no_address(fake, status):
    fake.faults.refuse("GET", "/v2/pods", status, detail="no", times=9)
    with pytest.raises(InfraError) as caught:
        client(fake).pods()
    said = f"{caught.value!r} {caught.value.hint} {caught.value.__cause__} {caught.value.__context__}"
    assert SECRET not in said
    assert all(SECRET not in path for _, path in fake.requests)


def test_settings_show_no_key(tmp_path):
    settings = load_settings({"RUNPOD_API_KEY": SECRET, "HF_TOKEN": "hf_secret"}, tmp_path)
    assert SECRET not in repr(settings)
    assert "hf_secret" not in repr(settings)
    assert settings.scrubbed(f"x {SECRET} y hf_secret") == "x *** y ***"


def test_the_key_comes_from_a_file_and_the_environment_wins(tmp_path):
    (tmp_path / ".env").write_text("RUNPOD_API_KEY='from-file'\nRUNPOD_IMAGE=a/b:1\n")
    assert load_settings({}, tmp_path).key == "from-file"
    assert load_settings({}, tmp_path).image == "a/b:1"
    assert load_settings({"RUNPOD_API_KEY": "from-env"}, tmp_path).key == "from-env"
    nowhere = load_settings({}, tmp_path / "nowhere")
    assert nowhere == Settings(services=nowhere.services)


@pytest.mark.parametrize("key", ["two words", "zwölf", "a\x07b"])
def test_a_key_that_is_none_is_refused_before_it_is_sent(tmp_path, key):
    with pytest.raises(ConfigError) as caught:
        load_settings({"RUNPOD_API_KEY": key}, tmp_path)
    assert key not in str(caught.value)


def _all_of(kind):
    return {kind} | {deep for sub in kind.__subclasses__() for deep in _all_of(sub)}


def test_every_exception_of_requests_becomes_one_of_ours():
    for kind in _all_of(requests.RequestException):
        error = kind.__new__(kind)
        Exception.__init__(error, f"Bearer {SECRET}")
        ours = translated(error, "list pods")
        assert isinstance(ours, (InfraError, ConfigError)), kind
        assert SECRET not in str(ours)


@given(st.integers(300, 599), st.text(max_size=60))
def test_every_status_becomes_an_error_that_names_it(status, said):
    error = errors.of_answer(status, said, "rent a pod")
    assert str(status) in str(error)
    assert error.hint


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Error creating pod: 400 There are no longer any instances available with the requested specifications.", errors.NoCapacityError),
        ("HTTP 500: create pod: There are no instances currently available", errors.NoCapacityError),
        ("unexpected status code 402: insufficient balance", errors.PaymentError),
        ("status 422 Unprocessable", errors.InvalidRequestError),
        ("401 missing bearer token", errors.KeyRefusedError),
        ("API error: 503", errors.UnavailableError),
        ("Post https://api: context deadline exceeded", errors.UnavailableError),
        ("read: connection reset by peer", errors.UnavailableError),
        ("Plugin did not respond", errors.TerraformError),
        ("Invalid value for variable", errors.TerraformError),
    ],
)  # fmt: skip
def test_words_of_a_provider_are_understood_or_stop(text, kind):
    assert type(errors.of_text(text, "rent pods")) is kind


@given(st.text(max_size=80))
def test_unknown_words_never_count_as_no_capacity(text):
    error = errors.of_text(text, "rent pods")
    assert not isinstance(error, errors.NoCapacityError) or "capacity" in text.lower() or "instance" in text.lower()
