"""The fake RunPod keeps RunPod's rules, so that a driver which works with it has met them."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.infra.fake_runpod import FakeRunpod, ManualClock
from tests.infra.fake_runpod.contract import document

A100, H100 = "NVIDIA A100 80GB PCIe", "NVIDIA H100 80GB HBM3"
NO_CAPACITY = "There are no longer any instances available"


class Caller:
    """Requests with the fake's key."""

    def __init__(self, fake):
        self.fake = fake
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {fake.key}"

    def __call__(self, method, path, body=None, **more):
        return self.session.request(method, self.fake.url + path, json=body, timeout=10, **more)

    def create(self, name="lab-head", gpu=A100, count=1, **more):
        body = {"name": name, "image": "image:1", "gpu": {"id": gpu, "count": count}, "globalNetworking": True}
        return self("POST", "/pods", body | more)

    def pod(self, **more):
        answer = self.create(**more)
        assert answer.status_code == 201, answer.text
        return answer.json()


@pytest.fixture
def fake():
    with FakeRunpod(ManualClock()) as runpod:
        yield runpod
        assert runpod.violations == []


@pytest.fixture
def call(fake):
    caller = Caller(fake)
    yield caller
    caller.session.close()


def test_a_pod_is_provisioned_then_has_a_runtime_then_a_network(fake, call):
    fake.fates.next(ready_after_s=60, network_after_s=90)
    pod = call.pod(ports=["8080/http", "22/tcp"])
    assert (pod["status"], pod["runtime"], pod["startedAt"]) == ("PROVISIONING", None, None)
    read = call("GET", f"/pods/{pod['id']}").json()
    # RunPod says RUNNING while the image is still being pulled.
    assert (read["status"], read["runtime"]) == ("RUNNING", None)
    fake.clock.advance(60)
    read = call("GET", f"/pods/{pod['id']}").json()
    assert (read["runtime"]["uptime"], read["globalNetworking"], read["ssh"]["direct"]) == (0, {"enabled": False}, None)
    fake.clock.advance(30)
    read = call("GET", f"/pods/{pod['id']}").json()
    assert read["globalNetworking"]["internalDns"] == f"{pod['id']}.runpod.internal"
    assert read["ssh"]["direct"]["port"] == 10_022


@pytest.mark.parametrize(
    ("fate", "runtime", "network"),
    [({"never_ready": True}, False, False), ({"dead_on_arrival": True}, True, False)],
)
def test_a_pod_may_never_be_of_use_and_is_billed_all_the_same(fake, call, fate, runtime, network):
    fake.fates.next(**fate)
    pod = call.pod()
    fake.clock.advance(86_400)
    read = call("GET", f"/pods/{pod['id']}").json()
    assert (read["runtime"] is not None, read["globalNetworking"]["enabled"]) == (runtime, network)
    assert pod["id"] in fake.account.billed()
    assert fake.account.spent() > 24 * 1.79


def test_the_host_may_take_a_pod_away(fake, call):
    fake.account.terminated_listed_s = 60
    fake.fates.next(terminated_after_s=600)
    pod = call.pod()
    fake.clock.advance(630)
    assert [(p["id"], p["status"], p["cost"]) for p in call("GET", "/pods").json()["pods"]] == [
        (pod["id"], "TERMINATED", 0.0)
    ]
    assert fake.account.billed() == {}
    fake.clock.advance(31)
    assert call("GET", "/pods").json() == {"pods": []}
    assert call("GET", f"/pods/{pod['id']}").status_code == 404
    assert fake.account.spent() == pytest.approx(600 / 3600 * (1.79 + 20 * 0.10 / 730))


def test_what_is_not_in_stock_is_refused_with_the_words_of_runpod(fake, call):
    fake.account.stock[H100] = 3
    assert call.create(gpu=H100, count=2).status_code == 201
    answer = call.create(gpu=H100, count=2)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["detail"].startswith(NO_CAPACITY)
    assert len(fake.account.billed()) == 1


def test_returned_gpus_are_in_stock_again(fake, call):
    fake.account.stock[H100] = 1
    pod = call.pod(gpu=H100)
    assert call("DELETE", f"/pods/{pod['id']}").status_code == 204
    assert fake.account.stock[H100] == 1
    assert call.create(gpu=H100).status_code == 201


def test_a_stopped_pod_may_find_its_gpu_rented_away(fake, call):
    fake.account.stock[H100] = 1
    pod = call.pod(gpu=H100)
    assert call("POST", f"/pods/{pod['id']}/action", {"action": "stop"}).json()["status"] == "EXITED"
    call.pod(name="other", gpu=H100)
    answer = call("POST", f"/pods/{pod['id']}/action", {"action": "start"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "Failed to resume pod.")


def test_the_catalogue_tells_price_and_availability_and_may_be_wrong(fake, call):
    fake.account.stock |= {H100: 0, A100: 1}
    fake.account.shown["NVIDIA L40S"] = "HIGH"
    fake.account.stock["NVIDIA L40S"] = 0
    query = {"include": "AVAILABILITY", "product": "POD", "unknown": "ignored"}
    gpus = {gpu["id"]: gpu for gpu in call("GET", "/catalog/gpus", params=query).json()["gpus"]}
    assert [gpus[gpu]["availability"] for gpu in (H100, A100, "NVIDIA H200")] == ["NONE", "LOW", "HIGH"]
    assert "dataCenters" not in gpus[H100]
    assert gpus["NVIDIA L40S"]["availability"] == "HIGH"
    assert call.create(gpu="NVIDIA L40S").status_code == 400
    assert call("GET", "/catalog/gpus", params={"include": "AVAILABILITY"}).status_code == 400


def test_a_new_price_is_for_new_pods(fake, call):
    old = call.pod()
    fake.account.set_price(A100, secure=3.0)
    assert call.pod(count=2)["cost"] == 6.0
    assert call("GET", f"/pods/{old['id']}").json()["cost"] == 1.79
    assert call("GET", f"/catalog/gpus/{A100}").json()["price"]["secure"] == 3.0


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"image": "x"}, "name"),
        ({"name": "x"}, "image"),
        ({"gpuTypeIds": [A100]}, "gpuTypeIds"),
        ({"ports": ["80"]}, "ports"),
        ({"env": {"A": 1}}, "env.A"),
        ({"env": {f"V{n}": "" for n in range(51)}}, "env"),
        ({"mounts": {"persistent": {"size": 5, "path": "/w"}}}, "mounts"),
        ({"gpu": {"id": A100, "count": 0}}, "gpu.count"),
        ({"cloud": "ALL"}, "cloud"),
        ({"disk": "50"}, "disk"),
    ],
)
def test_a_body_that_does_not_fit_is_422_and_names_what(fake, call, body, word):
    fine = {"name": "x", "image": "x", "gpu": {"id": A100}}
    sent = body if body.keys() & {"name", "image"} else fine | body
    answer = call("POST", "/pods", sent | ({"gpu": {"id": A100}} if "gpu" not in sent else {}))
    assert answer.status_code == 422
    assert any(error.startswith(word) for error in answer.json()["errors"])
    assert fake.account.pods == {}


@pytest.mark.parametrize(
    "body",
    [
        {"cloud": "COMMUNITY", "globalNetworking": True},
        {"gpu": {"id": "AMD Instinct MI300X OAM"}, "globalNetworking": True},
        {"dataCenterIds": ["EU-SE-2"], "globalNetworking": True},
        {"gpu": {"id": A100, "count": 9}},
        {"gpu": {"id": "NVIDIA NONE"}},
        {"cpu": {"id": "cpu3c", "vcpuCount": 2}},
    ],
)
def test_a_body_that_breaks_a_rule_is_400(call, body):
    answer = call("POST", "/pods", {"name": "x", "image": "x", "gpu": {"id": A100}} | body)
    assert answer.status_code == 400
    assert NO_CAPACITY not in answer.json()["detail"]


def test_a_key_and_a_user_agent_are_needed(fake):
    agent = {"User-Agent": "test"}
    assert requests.get(f"{fake.url}/pods", headers=agent, timeout=10).json()["detail"] == "missing bearer token"
    wrong = requests.get(f"{fake.url}/pods", headers=agent | {"Authorization": "Bearer no"}, timeout=10)
    assert wrong.status_code == 401
    key = {"Authorization": f"Bearer {fake.key}"}
    bare = requests.get(f"{fake.url}/pods", headers=key | {"User-Agent": "Python-urllib/3.11"}, timeout=10)
    assert (bare.status_code, bare.text) == (403, "error code: 1010")


def test_a_create_whose_answer_is_lost_leaves_a_pod(fake, call):
    fake.faults.drop("POST", "/v2/pods")
    with pytest.raises(requests.ConnectionError):
        call.create()
    assert [pod.name for pod in fake.account.billed().values()] == ["lab-head"]
    assert call.create(name="lab-worker-0").status_code == 201


def test_a_create_may_answer_late(fake, call):
    fake.faults.delay("POST", "/v2/pods", 0.3)
    with pytest.raises(requests.ReadTimeout):
        call.session.post(f"{fake.url}/pods", json={"name": "x", "image": "x", "gpu": {"id": A100}}, timeout=0.1)
    assert len(fake.account.billed()) == 1


@pytest.mark.parametrize(("done", "left"), [(False, 1), (True, 0)])
def test_a_delete_may_say_404_or_409_whatever_becomes_of_the_pod(fake, call, done, left):
    pod = call.pod()
    for status in (404, 409):
        fake.faults.refuse("DELETE", "/v2/pods/.*", status, done=done and status == 404)
        assert call("DELETE", f"/pods/{pod['id']}").status_code == status
    assert len(fake.account.billed()) == left
    assert call("DELETE", f"/pods/{pod['id']}").status_code == (404 if done else 204)


def test_a_delete_may_say_that_it_worked_although_it_did_not(fake, call):
    pod = call.pod()
    fake.faults.refuse("DELETE", "/v2/pods/.*", 204)
    assert call("DELETE", f"/pods/{pod['id']}").status_code == 204
    assert call("GET", f"/pods/{pod['id']}").json()["status"] == "RUNNING"


def test_faults_count_down_and_may_ask_to_wait(fake, call):
    fake.faults.refuse("GET", "/v2/pods", 429, retry_after=7, times=2)
    fake.faults.refuse("GET", "/v2/pods", 503)
    answers = [call("GET", "/pods") for _ in range(4)]
    assert [(a.status_code, a.headers.get("Retry-After")) for a in answers] == [
        (429, "7"),
        (429, "7"),
        (503, None),
        (200, None),
    ]


def test_the_rate_limit_is_that_of_a_minute_and_told_in_every_answer(call, fake):
    fake.per_minute = 3
    assert call("GET", "/pods").headers["RateLimit"] == '"minute";r=2;t=60'
    assert [call("GET", "/pods").status_code for _ in range(3)] == [200, 200, 429]
    wait = int(call("GET", "/pods").headers["Retry-After"])
    fake.clock.advance(wait)
    assert call("GET", "/pods").status_code == 200


def test_actions_follow_the_state_and_a_locked_pod_is_not_stopped(call):
    pod = call.pod()
    act = f"/pods/{pod['id']}/action"
    assert call("POST", act, {"action": "start"}).status_code == 409
    call("PATCH", f"/pods/{pod['id']}", {"locked": True})
    assert call("POST", act, {"action": "stop"}).status_code == 409
    call("PATCH", f"/pods/{pod['id']}", {"locked": False})
    assert call("POST", act, {"action": "stop"}).json()["actions"] == ["start", "terminate"]
    assert call("POST", act, {"action": "terminate"}).status_code == 204
    assert call("POST", act, {"action": "terminate"}).status_code == 404
    assert call("POST", act, {"action": "sleep"}).status_code == 422


def test_a_change_of_the_environment_restarts_a_pod(fake, call):
    pod = call.pod(env={"A": "1"})
    first = call("GET", f"/pods/{pod['id']}").json()["startedAt"]
    fake.clock.advance(10)
    assert call("PATCH", f"/pods/{pod['id']}", {"name": "other"}).json()["startedAt"] == first
    assert call("PATCH", f"/pods/{pod['id']}", {"env": {"A": "2"}}).json()["startedAt"] > first
    assert (
        call("PATCH", f"/pods/{pod['id']}", {"mounts": {"persistent": {"size": 10, "path": "/w"}}}).status_code == 400
    )


def test_the_bill_is_that_of_the_hours(fake, call):
    """Two A100 for two hours, stopped for ten with a volume of 100 GB: hand-computed."""
    pod = call.pod(count=2, disk=50, mounts={"persistent": {"size": 100, "path": "/workspace"}})
    fake.clock.advance(2 * 3600)
    call("POST", f"/pods/{pod['id']}/action", {"action": "stop"})
    fake.clock.advance(10 * 3600)
    gpus, running, stopped = 2 * 2 * 1.79, 2 * 150 * 0.10 / 730, 10 * 100 * 0.20 / 730
    assert fake.account.spent() == pytest.approx(gpus + running + stopped)
    assert fake.account.spend_per_hour() == pytest.approx(100 * 0.20 / 730)
    bill = call("GET", "/billing/pods", params={"bucketSize": "hour", "lastN": 24}).json()
    assert bill["metadata"]["totals"]["gpuAmount"] == pytest.approx(gpus)
    assert bill["metadata"]["totals"]["totalAmount"] == pytest.approx(fake.account.spent())
    call("DELETE", f"/pods/{pod['id']}")
    assert fake.account.billed() == {}


def test_the_balance_is_read_by_graphql_alone(fake, call):
    call.pod()
    fake.clock.advance(3600)
    query = {"query": "query { myself { currentSpendPerHr clientBalance } }"}
    myself = call.session.post(fake.graphql_url, json=query, timeout=10).json()["data"]["myself"]
    assert myself["clientBalance"] == pytest.approx(500 - fake.account.spent())
    assert myself["currentSpendPerHr"] == pytest.approx(fake.account.spend_per_hour())
    unknown = call.session.post(fake.graphql_url, json={"query": "{ myself { shoeSize } }"}, timeout=10)
    assert unknown.status_code == 400
    assert requests.post(fake.graphql_url, json=query, timeout=10).status_code == 401


def test_without_an_hour_of_credit_nothing_is_rented(call, fake):
    fake.account.credit = 1.0
    assert call.create().status_code == 402


def test_unknown_paths_and_methods_are_refused(call):
    assert call("GET", "/nothing").status_code == 404
    assert call("PUT", "/pods").headers["Allow"] == "GET, POST"


def test_what_does_not_fit_the_document_is_noted():
    if document() is None:
        pytest.skip("RunPod's OpenAPI document (../shared/facts) or jsonschema is not at hand")
    with FakeRunpod(ManualClock()) as fake:
        pod = fake.account.create({"name": "x", "image": "x", "gpu": {"id": A100}})
        pod.spec["registry"] = 5
        fake.answer("GET", f"/v2/pods/{pod.id}", {}, None)
        assert fake.violations == ["Pod $.registry: 5 is not of type 'string', 'null'"]


def test_it_runs_by_hand():
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.infra.fake_runpod", "--key", "by-hand"], stdout=subprocess.PIPE, text=True
    )
    with process:
        url = process.stdout.readline().strip().removeprefix("RUNPOD_API_BASE_URL=")
        answer = requests.get(f"{url}/pods", headers={"Authorization": "Bearer by-hand"}, timeout=10)
        process.terminate()
    assert answer.json() == {"pods": []}


def test_many_may_ask_at_once(fake, call):
    """No pod is lost or rented twice between threads."""
    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda n: call.pod(name=f"lab-worker-{n}")["id"], range(40)))
    assert len(set(ids)) == 40 == len(fake.account.billed())
