"""From a rented head's model to who is signed in at the gateway: real nginx, a stand-in for RunPod, a fake vLLM with TLS."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import subprocess
import time
import urllib.parse
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from openai import OpenAI

from infra import acts, tokens
from infra.wiring import rewire
from tests.docker.fake_dns import name_server
from tests.docker.stack import USERS, Echo, ask, basic, echoed, gateway, htpasswd, new_ports
from tests.fake_vllm import FakeVllm, Reply, says
from tests.infra.kit import kit_at

pytestmark = pytest.mark.integration
CHAT = "/v1/chat/completions"
BODY = json.dumps({"model": "tiny", "stream": True}).encode()
JSON = {"Content-Type": "application/json"}


def certificate(folder: Path, names: str) -> Path:
    """A certificate and its key, good for `names`."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=pods", "-addext", f"subjectAltName={names}",
         "-keyout", folder / "pods.key", "-out", folder / "pods.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "pods.crt"


@contextmanager
def place(folder: Path, names: str = "DNS:*.pods.test", **changes: object):
    """A gateway, a rented cluster whose model nobody knows of yet, and the model."""
    ports, echo = new_ports(), Echo(echoed)
    ports |= dict.fromkeys(("app", "prometheus", "grafana", "alertmanager"), echo.port)
    htpasswd(folder)
    trusted = certificate(folder, names)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(trusted, folder / "pods.key")
    asked: list[str | None] = []
    tls.sni_callback = lambda _, name, __: asked.append(name)
    services = folder / "docker"
    with name_server() as names_at, FakeVllm(says("hello there"), tls=tls) as vllm:
        port = vllm.base_url.split(":")[2].split("/")[0]
        proxy = f"https://{{pod}}-{{port}}.pods.test:{port}"
        settings = {"CA_FILE": trusted, "RESOLVER": names_at, "LOOK_SECONDS": 0.1} | changes
        with (
            kit_at(folder / "data", services=services, proxy=proxy) as kit,
            gateway(folder, ports, MODEL=services / ".secrets" / "model", **settings),
        ):
            made = tokens.make(kit.office.settings.state / "gpuwd", "")
            yield SimpleNamespace(
                url=f"http://127.0.0.1:{ports['gateway']}", port=ports["gateway"], kit=kit, vllm=vllm, sni=asked,
                key=made["WATCHDOG_VLLM_API_KEY"], folder=folder,
            )  # fmt: skip
    echo.stop()


def rented(kit):
    """Pods that serve a model, as Terraform's file describes them."""
    pods = kit.up(workers=1)
    for pod in pods:
        pod.env["WATCHDOG_MODEL_PROFILE"] = "tiny"
    return pods


def wire(here) -> None:
    """What `up` does, and the gateway has read it."""
    assert rewire(here.kit.office.settings, "gpuwd", rented(here.kit)) == "Wired 2 pods to the app and to Prometheus."
    settled(here, lambda answer: answer.status != 404)


def settled(here, condition, headers=None):
    until = time.monotonic() + 15
    while not condition(answer := ask(f"{here.url}/v1/models", headers or basic("carl"))):
        assert time.monotonic() < until, answer
        time.sleep(0.1)
    return answer


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with place(tmp_path_factory.mktemp("model")) as made:
        before = ask(f"{made.url}/v1/models", basic("carl"))
        assert before.status == 404
        assert b"No cluster that serves a model is wired" in before.body
        assert ask(f"{made.url}/v1/models").status == 401
        wire(made)
        yield made


@pytest.fixture
def vllm(here):
    return here.vllm.play(says("hello there"))


def post(here, headers, body=BODY, path=CHAT):
    return ask(f"{here.url}{path}", JSON | headers, data=body)


def test_who_is_signed_in_gets_the_models_answer_with_the_pods_token_added(here, vllm):
    answer = post(here, basic("carl"))

    assert answer.status == 200
    assert b"hello" in answer.body
    assert vllm.keys == [f"Bearer {here.key}"]
    assert vllm.requests == [json.loads(BODY)]
    assert here.sni[-1].endswith("-8080.pods.test")
    assert ask(f"{here.url}/v1/models", basic("carl")).json()["data"][0]["id"] == "tiny"


@pytest.mark.parametrize(
    "headers", [{}, basic("carl", "wrong"), {"Authorization": "Bearer x"}, {"X-Remote-User": "admin"}]
)
def test_who_is_not_signed_in_reaches_no_model(here, vllm, headers):
    assert post(here, headers).status == 401
    assert post(here, headers | {"Authorization": f"Bearer {here.key}"}).status == 401
    assert vllm.requests == []


def test_a_page_of_another_site_cannot_spend_the_models_time(here, vllm):
    assert post(here, basic("carl") | {"Origin": "https://evil.example"}).status == 403
    assert vllm.requests == []


def test_words_come_one_by_one_while_the_model_still_writes(here, vllm):
    vllm.play(says("one two three four five", size=4, every=0.3))
    connection = http.client.HTTPConnection("127.0.0.1", here.port, timeout=20)
    began = time.monotonic()
    connection.request("POST", CHAT, BODY, JSON | basic("carl"))
    answer = connection.getresponse()
    line = answer.readline()
    first = time.monotonic() - began
    answer.read()
    whole = time.monotonic() - began
    connection.close()

    assert line.startswith(b"data: ")
    assert whole > 1.5
    assert first < whole - 1.0


def test_openais_library_streams_with_the_sign_in_in_its_address(here, vllm):
    vllm.play(says("hello there"))
    word = urllib.parse.quote(USERS["carl"])
    with OpenAI(base_url=f"http://carl:{word}@127.0.0.1:{here.port}/v1", api_key="unused", max_retries=0) as client:
        asked = [{"role": "user", "content": "hi"}]
        stream = client.chat.completions.create(model="tiny", messages=asked, stream=True)
        said = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)

    assert said == "hello there"
    assert vllm.keys == [f"Bearer {here.key}"]


def test_the_pod_sees_neither_password_nor_name_nor_cookie(here, vllm):
    seen = {}

    class Handler(vllm._server.RequestHandlerClass):  # the same server, which also keeps the headers
        def do_POST(self):  # noqa: N802
            seen.update({name.lower(): value for name, value in self.headers.items()})
            super().do_POST()

    vllm._server.RequestHandlerClass, before = Handler, vllm._server.RequestHandlerClass
    try:
        post(here, basic("carl") | {"Cookie": "a=b", "X-Remote-User": "root", "X-Watchdog-Proxy-Secret": "x"})
    finally:
        vllm._server.RequestHandlerClass = before

    assert set(seen) <= {
        "host",
        "authorization",
        "content-type",
        "content-length",
        "connection",
        "user-agent",
        "accept",
    }
    assert seen["user-agent"] == "gpu-watchdog"
    assert base64.b64encode(b"carl:").decode()[:6] not in str(seen)


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/../deadline", "/v1/%2e%2e/deadline", "/v1/..%2fdeadline", "/v1/x/../../metrics/gpu", "/v1/a%0d%0ab",
     "//v1/models", "/%761/models", "/v1/%252e%252e/deadline", "/x/../v1/models"],
)  # fmt: skip
def test_no_way_of_writing_leads_elsewhere_on_the_pod(here, vllm, path):
    connection = http.client.HTTPConnection("127.0.0.1", here.port, timeout=20)
    connection.request("POST", path, BODY, JSON | basic("carl"))
    answer = connection.getresponse()
    said = answer.read()
    connection.close()

    assert vllm.requests == []
    # What is not /v1/ is the app's, as ever.
    assert answer.status == 404 or json.loads(said)["x-remote-user"] == "carl"


def test_large_bodies_and_other_methods_are_refused(here, vllm):
    assert post(here, basic("carl"), b"x" * 5_000_000).status == 413
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert ask(f"{here.url}/v1/models", basic("carl"), method=method).status == 403
    assert vllm.requests == []


def test_a_pod_cannot_act_on_the_gateways_address(here, vllm):
    vllm.play(
        Reply(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nset-cookie: a=b\r\nx-accel-redirect: /prometheus/metrics\r\n"
            b'content-security-policy: default-src *\r\nclear-site-data: "*"\r\naccess-control-allow-origin: *\r\n'
            b"www-authenticate: Basic\r\ncontent-length: 14\r\nconnection: close\r\n\r\n",
            [b"<b>from pod</b>"[:14]],
            chunked=False,
        )
    )
    answer = post(here, basic("carl"))

    assert (answer.status, answer.body) == (200, b"<b>from pod</b"), "an internal redirect was followed"
    for name in ("Set-Cookie", "Clear-Site-Data", "Access-Control-Allow-Origin", "WWW-Authenticate"):
        assert name not in answer.headers
    assert answer.headers.get_all("Content-Security-Policy") == ["default-src 'none'; frame-ancestors 'none'; sandbox"]


def test_the_token_is_in_no_log_no_answer_and_not_in_the_environment(here, vllm):
    answers = [post(here, basic("carl")), ask(f"{here.url}/v1/models", basic("carl"))]
    shown = (here.folder / "gateway.log").read_text() + str([(each.headers.items(), each.body) for each in answers])
    assert here.key not in shown
    kept = [path for path in here.folder.rglob("*") if path.is_file() and here.key in path.read_text(errors="replace")]
    inside = {str(path.relative_to(here.folder)) for path in kept}
    assert inside == {
        "docker/.secrets/model/upstream.conf", "docker/.secrets/cluster.env", "data/infra/gpuwd/app.json",
        "data/infra/gpuwd/secrets.json",
    }  # fmt: skip


def test_the_file_opens_to_the_gateways_user_and_its_folder_to_nobody_else(here):
    kept = here.folder / "docker" / ".secrets"
    modes = [path.stat().st_mode & 0o777 for path in (kept, kept / "model", kept / "model" / "upstream.conf")]
    assert [oct(mode) for mode in modes] == ["0o700", "0o755", "0o644"]


def test_under_openid_connect_only_who_is_signed_in_reaches_the_model(tmp_path):
    def oauth2_proxy(path, headers):
        if path.startswith("/oauth2/start"):
            return 302, {"Location": "https://idp.example/authorize"}, b""
        return (
            (202, {"X-Auth-Request-Email": "ann@example.com"}, b"")
            if headers.get("Cookie") == "s=good"
            else (401, {}, b"")
        )

    provider = Echo(oauth2_proxy)
    with place(tmp_path, SIGN_IN="oidc", OAUTH2_PROXY=f"127.0.0.1:{provider.port}") as there:
        rewire(there.kit.office.settings, "gpuwd", rented(there.kit))
        settled(there, lambda answer: answer.status != 404, {"Cookie": "s=good"})
        there.vllm.keys.clear()
        out = post(there, {"Cookie": "s=bad"})
        good = post(there, {"Cookie": "s=good"})
    provider.stop()

    assert out.status == 302
    assert good.status == 200
    assert there.vllm.keys == [f"Bearer {there.key}"]


def test_a_pod_whose_certificate_is_for_another_name_gets_nothing(tmp_path):
    with place(tmp_path, names="DNS:*.elsewhere.test") as there:
        wire(there)
        answer = post(there, basic("carl"))

    assert answer.status == 502
    assert there.vllm.requests == []


# Last: it takes the cluster away.
def test_after_a_teardown_the_way_is_gone(here, vllm):
    acts.teardown("gpuwd")(here.kit.office)

    gone = settled(here, lambda answer: answer.status == 404)
    assert b"No cluster that serves a model is wired" in gone.body
    assert not (here.folder / "docker" / ".secrets" / "model" / "upstream.conf").exists()
