"""What goes wrong when pods start: late networks, late heads, wrong secrets, deadlines nobody watches."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.pod.lab import TOKEN, head, until, worker

pytestmark = pytest.mark.integration


@contextlib.contextmanager
def running(*pods):
    try:
        yield pods
    finally:
        for pod in pods:
            pod.destroy()


def test_an_address_that_comes_late_is_waited_for(net):
    with running(worker(net, 1)) as (pod,):
        pod.start(address=False)
        until(lambda: pod.health().get("phase") == "network", 10, pod.tail)
        time.sleep(0.5)
        # sshd does not wait for the network of the pods.
        assert [(s["name"], s["state"]) for s in pod.health()["services"]] == [("base", "running")]
        pod.give_address()
        until(lambda: pod.health()["phase"] == "running", 10, pod.tail)
        assert pod.health()["address"] == pod.address


def test_a_network_that_never_comes_ends_the_container_with_a_word(net):
    with running(worker(net, 2, WATCHDOG_NETWORK_SECONDS="1")) as (pod,):
        pod.start(address=False)
        assert pod._process.wait(15) == 1
        until(lambda: any("return this pod and rent another" in line for line in pod.lines), 5, pod.tail)


def test_a_head_that_comes_after_its_workers_finds_them_and_so_does_its_successor(net):
    early, first, second = worker(net, 0), head(net), head(net)
    with running(early, first, second):
        early.start()
        until(lambda: early.service("slurmd").get("state") == "waiting", 15, early.tail)
        time.sleep(1)
        first.start()
        until(lambda: first.states() == {"lab-head": "idle", "lab-worker-0": "idle"}, 20, early.tail)
        assert early.service("slurmd")["restarts"] == 0
        # The pod is lost, and another takes its address; it knows nobody.
        first.destroy()
        second.start()
        until(lambda: second.states() == {"lab-head": "idle", "lab-worker-0": "idle"}, 40, early.tail)
        assert any("joining again" in line for line in early.lines)


def test_a_worker_with_another_secret_does_not_get_in(net):
    chief = head(net)
    stranger = worker(net, 3, WATCHDOG_CLUSTER_SECRET="another secret, just as long as the right one")
    with running(chief, stranger):
        chief.start()
        stranger.start()
        until(lambda: chief.states().get("lab-head") == "idle", 20, chief.tail)
        until(lambda: stranger.service("slurmd").get("restarts", 0) >= 1, 20, stranger.tail)
        until(lambda: any("Invalid credential" in line for line in chief.lines + stranger.lines), 20, chief.tail)
        assert set(chief.states()) == {"lab-head"}
        # Also in the moments in which its slurmd has been started once more and has not been turned away yet.
        seen = stranger.inside("env", "PYTHONPATH=/opt/watchdog", "python3", "-m", "pod", "health", check=False)
        assert seen.returncode == 1


class FakeRunPod(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self.server.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        code = self.server.codes.pop(0) if self.server.codes else 200
        body = json.dumps({"title": "no", "status": code, "detail": "not now"}).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_POST  # noqa: N815

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def fake_runpod(listening, codes=()):
    server = HTTPServer(("127.0.0.1", 0), FakeRunPod, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.seen, server.codes = [], list(codes)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_pod_with_broken_settings_and_no_network_still_stops_itself_at_its_deadline(net):
    pod = worker(net, 4, WATCHDOG_HEAD="", RUNPOD_API_BASE_URL="http://127.0.0.1:7777/v2", RUNPOD_API_KEY="pod-key-123")
    pod.env["WATCHDOG_DEADLINE"] = str(int(time.time()) + 2)
    with running(pod):
        pod.start(address=False)
        with fake_runpod(pod.listen(7777)) as api:
            until(lambda: pod.health().get("phase") == "broken", 10, pod.tail)
            assert pod.health()["problems"] == ["WATCHDOG_HEAD must be a host name, not ''"]
            assert pod.service("base")["state"] == "running"
            until(lambda: api.seen, 15, pod.tail)
            assert time.time() >= float(pod.env["WATCHDOG_DEADLINE"])
            method, path, headers, body = api.seen[0]
        assert (method, path, json.loads(body)) == ("POST", "/v2/pods/workerpod4/action", {"action": "stop"})
        assert headers["Authorization"] == "Bearer pod-key-123"
        assert not headers["User-Agent"].startswith("Python-urllib")
        assert not [line for line in pod.lines if "pod-key-123" in line]
        # As RunPod does then.
        assert pod.stop() == 0


def test_gpus_that_are_missing_and_a_model_too_big_for_them_are_told_and_the_rest_runs(net):
    profile = {"WATCHDOG_MODEL_PROFILE": "nemotron-30b-bf16-141gb", "WATCHDOG_VLLM_API_KEY": TOKEN}
    pod = head(net, gpus=(0,), WATCHDOG_GPU_COUNT="2", **profile)
    with running(pod):
        pod.start()
        until(lambda: pod.states().get("lab-head") == "idle", 20, pod.tail)
        assert pod.health()["problems"] == [
            "2 GPUs are rented, 1 are seen",
            "profile nemotron-30b-bf16-141gb needs 1 GPU(s) of 135 GiB or more; this pod has h100 79 GiB",
        ]
        assert "vllm" not in [service["name"] for service in pod.health()["services"]]
