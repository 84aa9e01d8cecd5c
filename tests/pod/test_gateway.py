"""The gateway of a pod: nothing without a token, little with one, streams at once."""

import http.client
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.pod.lab import MODEL_KEY, TOKEN, head, until, worker

pytestmark = pytest.mark.integration
METRICS = ["/metrics/gpu", "/metrics/slurm", "/metrics/vllm", "/deadline"]
MODEL = ["/v1/models", "/v1/", "/v1/chat/completions", "/v1/../v1/models", "//v1/models"]
CLOSED = [
    "/", "/v1", "/metrics", "/metrics/", "/metrics/gpu/", "/metrics/gpu/x", "/METRICS/GPU", "/health", "/healthz", "/ping",
    "/version", "/docs", "/openapi.json", "/tokenize", "/invocations", "/v2/models", "/nginx_status", "/.git/config",
    "/v1/../metrics", "/v1/%2e%2e/health", "/v1/..%2fhealth", "/metrics/gpu%00", "/deadline/", "/stub_status",
]  # fmt: skip
WRONG = [
    "",
    TOKEN[:-1],
    TOKEN + "x",
    TOKEN.lower(),
    TOKEN.upper(),
    MODEL_KEY.lower(),
    "null",
    ".*",
    f"{TOKEN} {MODEL_KEY}",
]


@pytest.fixture(scope="module")
def pod(net):
    made = head(net, WATCHDOG_MODEL_PROFILE="qwen3-4b-24gb", WATCHDOG_VLLM_API_KEY=MODEL_KEY, WATCHDOG_DEADLINE="1")
    made.env["WATCHDOG_DEADLINE"] = str(int(time.time()) + 3600)
    try:
        made.start()
        until(lambda: made.health().get("model") == "ready", 30, made.tail)
        until(lambda: made.states().get("lab-head") == "idle", 30, made.tail)
        until(lambda: made.ask("/metrics/slurm", TOKEN)[0] == 200, 10, made.tail)
        yield made
    finally:
        made.destroy()


def test_each_path_opens_to_its_own_token_only(pod):
    time.sleep(1)
    assert {path: pod.ask(path, TOKEN)[0] for path in METRICS} == dict.fromkeys(METRICS, 200)
    assert {path: pod.ask(path, MODEL_KEY)[0] for path in METRICS} == dict.fromkeys(METRICS, 401)
    assert pod.ask("/v1/models", MODEL_KEY)[0] == 200
    assert pod.ask("/v1/models", TOKEN)[0] == 401


@pytest.mark.parametrize("token", WRONG)
def test_without_the_right_token_nothing_opens(pod, token):
    assert {path: pod.ask(path, token)[0] for path in METRICS + MODEL} == dict.fromkeys(METRICS + MODEL, 401)


@pytest.mark.parametrize("scheme", ["Basic", "bearer", "Bearer ", "Token", ""])
def test_other_schemes_do_not_open(pod, scheme):
    for path, token in (("/metrics/gpu", TOKEN), ("/v1/models", MODEL_KEY)):
        assert pod.ask(path, headers={"Authorization": f"{scheme} {token}"})[0] == 401
        assert pod.ask(f"{path}?token={token}&api_key={token}")[0] == 401


@pytest.mark.parametrize("token", ["", TOKEN, MODEL_KEY])
def test_everything_else_is_not_there_with_any_token(pod, token):
    found = {path: pod.ask(path, token)[0] for path in CLOSED}
    assert {path: code for path, code in found.items() if code not in (404, 400)} == {}


def test_what_the_model_server_sees_is_the_path_that_was_allowed(pod):
    code, body = pod.ask("/metrics/../v1/nothing", MODEL_KEY)
    assert (code, body) == (404, '{"path": "/v1/nothing"}')


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_metrics_are_only_read(pod, method):
    assert pod.ask("/metrics/gpu", TOKEN, method)[0] in (403, 405)


def test_a_large_body_is_cut_and_one_that_is_large_enough_for_a_conversation_is_not(pod):
    assert pod.ask("/v1/chat/completions", MODEL_KEY, "POST", b"x" * (5 << 20))[0] == 413
    assert pod.ask("/deadline", TOKEN, "PUT", b"1" * 2000)[0] == 413
    assert pod.ask("/v1/chat/completions", MODEL_KEY, "POST", b"x" * (1 << 20))[0] == 200


def test_clients_that_send_slowly_are_cut_off_and_hold_nobody_up(pod):
    slow = [pod.connect(8080) for _ in range(40)]
    for number, connection in enumerate(slow):
        body = number % 2
        connection.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {MODEL_KEY}\r\n"
            f"Content-Length: 1000\r\n{'' if not body else chr(13) + chr(10) + 'a'}".encode()
        )
    assert pod.ask("/metrics/gpu", TOKEN)[0] == 200
    began = time.monotonic()
    ended = [threading.Thread(target=_until_closed, args=(connection,)) for connection in slow]
    for thread in ended:
        thread.start()
    for thread in ended:
        thread.join(15)
    assert time.monotonic() - began < 12
    assert not any(thread.is_alive() for thread in ended)


def _until_closed(connection):
    connection.settimeout(20)
    try:
        while connection.recv(4096):
            continue
    except ConnectionResetError:
        pass
    finally:
        connection.close()


# nginx hands on each chunk even where it buffers; what has no chunks it then keeps until the end.
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/unframed"])
def test_a_stream_passes_word_by_word(pod, path):
    connection = http.client.HTTPConnection("pod")
    connection.sock = pod.connect(8080)
    connection.request("POST", path, b"{}", {"Authorization": f"Bearer {MODEL_KEY}"})
    answer = connection.getresponse()
    late = []
    while line := answer.readline():
        if line.startswith(b"data:"):
            late.append(time.time() - float(line.split()[2]))
    connection.close()
    # It takes a second: what is kept until the end is half a second late at the median.
    assert len(late) == 20
    assert statistics.median(late) < 0.15
    assert max(late) < 0.8


def test_a_flood_is_slowed_and_others_still_get_in(pod):
    time.sleep(3)
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: pod.ask("/metrics/gpu", TOKEN)[0], range(120)))
    assert codes.count(429) > 20
    assert codes.count(200) >= 20
    assert pod.ask("/v1/models", MODEL_KEY)[0] == 200


def test_the_gateway_adds_under_2_ms_at_the_median(pod):
    # Past the flood's limit; 60 requests at the permitted rate.
    time.sleep(2.5)
    own, through = [], []
    paths = [(8000, "/v1/models", own), (8080, "/v1/models", through)]
    connections = [_keeping(pod, port) for port, _, _ in paths]
    for _ in range(50):
        for connection, (_, path, times) in zip(connections, paths, strict=True):
            began = time.perf_counter()
            connection.request("GET", path, headers={"Authorization": f"Bearer {MODEL_KEY}"})
            answer = connection.getresponse()
            answer.read()
            times.append(time.perf_counter() - began)
            assert answer.status == 200
        time.sleep(0.02)
    for connection in connections:
        connection.close()
    assert statistics.median(through) - statistics.median(own) < 0.002


def _keeping(pod, port):
    connection = http.client.HTTPConnection("pod", port)
    connection.sock = pod.connect(port)
    return connection


def test_the_deadline_is_moved_later_and_never_earlier(pod):
    first = int(pod.env["WATCHDOG_DEADLINE"])
    time.sleep(0.5)
    assert pod.ask("/deadline", TOKEN)[1] == f'{{"deadline": {first:.1f}}}'
    assert pod.ask("/deadline", TOKEN, "PUT", str(first + 600).encode())[1] == f'{{"deadline": {first + 600:.1f}}}'
    assert pod.ask("/deadline", TOKEN, "PUT", b"5")[1] == f'{{"deadline": {first + 600:.1f}}}'
    assert pod.read("/srv/volume/.watchdog/headpod/deadline") == f"{first + 600}\n"
    for wrong in (b"soon", b"9999999999999", b"-1", b"nan", b""):
        assert pod.ask("/deadline", TOKEN, "PUT", wrong)[0] == 400


def test_tokens_are_in_no_log_line(pod):
    pod.ask(f"/v1/models?key={MODEL_KEY}", MODEL_KEY)
    until(lambda: any("gateway | GET /v1/models" in line for line in pod.lines), 5, pod.tail)
    assert not [line for line in pod.lines if TOKEN in line or MODEL_KEY in line or "key=" in line]


def test_a_model_that_is_not_there_yet_is_told_from_one_that_fails(pod):
    pod.inside("sh", "-c", f"kill -STOP {pod.service('vllm')['pid']}")
    pod.inside("sh", "-c", f"kill -KILL {pod.service('vllm')['pid']}")
    code, body = pod.ask("/v1/models", MODEL_KEY)
    assert (code, "not there yet" in body) == (503, True)
    until(lambda: pod.ask("/v1/models", MODEL_KEY)[0] == 200, 20, pod.tail)


def test_a_worker_shows_its_gpus_and_nothing_else(net):
    alone = worker(net, 5)
    try:
        alone.start()
        until(lambda: alone.service("gateway").get("state") == "running", 20, alone.tail)
        until(lambda: 'Hostname="lab-worker-5"' in alone.ask("/metrics/gpu", TOKEN)[1], 10, alone.tail)
        others = ["/metrics/slurm", "/metrics/vllm", "/v1/models"]
        assert {path: alone.ask(path, TOKEN)[0] for path in others} == dict.fromkeys(others, 404)
    finally:
        alone.destroy()
