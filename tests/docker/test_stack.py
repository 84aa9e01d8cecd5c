"""The services alive: real Prometheus, Alertmanager, nginx and app, with the very files of docker/."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import ssl
import subprocess
import sys
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect

from docker.grafana.build import queries
from tests.conftest import ROOT
from tests.docker.stack import (
    MCP_TOKEN,
    SECRET,
    USERS,
    VLLM_PAGE,
    Echo,
    Stack,
    app_env,
    ask,
    basic,
    clean_env,
    echoed,
    gateway,
    htpasswd,
    new_ports,
    process,
    running_stack,
    wait_for,
)
from tests.docker.test_files import certificate
from tests.integration.servers import PROMETHEUS, program
from watchdog.base.config import load_config
from watchdog.base.errors import SourceUnavailableError, StoreLockedError
from watchdog.services.backup_command import run_backup, run_restore
from watchdog.store.backup import looked_at
from watchdog.ui.page_check import check_page

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


def until(condition, seconds: float = 30):
    """The first true value of `condition()`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.2)
    return found


def words_of_page(stack: Stack, name: str = "gateway", **headers: str) -> str:
    """Every markdown text of the overview, as a browser with these headers would get it."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ClientState_pb2 import ClientState
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    url = f"{stack.url(name).replace('http', 'ws')}/_stcore/stream"
    said = []
    with connect(url, additional_headers=headers, subprotocols=["streamlit"], max_size=2**26) as page:
        page.send(BackMsg(rerun_script=ClientState()).SerializeToString())
        while True:
            message = ForwardMsg()
            message.ParseFromString(page.recv(timeout=20, decode=False))
            if message.HasField("delta"):
                said.append(message.delta.new_element.markdown.body)
            if message.WhichOneof("type") == "script_finished":
                return "\n".join(said)


# The way in

PATHS = [
    *("/", "/alerts", "/healthz", "/readyz", "/metrics", "/admin/backup", "/_stcore/health", "/_stcore/host-config"),
    *("/static/js/index.js", "/media/x", "/auth/login", "/oauth2callback", "/oauth2/start", "/_stcore/agent/mcp"),
    *(
        "/grafana/",
        "/grafana/api/search",
        "/grafana/login",
        "/grafana/public/x.js",
        "/prometheus/",
        "/prometheus/graph",
    ),
    *("/prometheus/api/v1/query?query=up", "/prometheus/api/v1/admin/tsdb/snapshot", "/prometheus/-/ready"),
    *("/v1/models", "/v1/chat/completions", "/mcp", "/mcp/", "//mcp", "/x/../mcp"),
    *("/prometheus/metrics", "/PROMETHEUS/", "//prometheus/", "/%70rometheus/metrics", "/x/../prometheus/metrics"),
]


@pytest.mark.parametrize("headers", [{}, basic("admin", "wrong"), basic("nobody", "x"), {"Authorization": "Bearer x"}])
def test_no_path_answers_without_the_sign_in(stack, headers):
    statuses = {path: ask(f"{stack.url('gateway')}{path}", headers).status for path in PATHS}

    open_ = {path: status for path, status in statuses.items() if status not in {401, 403, 404}}
    assert open_ == {}
    assert sum(status == 401 for status in statuses.values()) >= len(PATHS) - 4


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_no_method_answers_without_the_sign_in(stack, method):
    for path in ("/", "/prometheus/api/v1/query", "/grafana/"):
        assert ask(f"{stack.url('gateway')}{path}", method=method).status == 401


def test_no_websocket_opens_without_the_sign_in(stack):
    url = f"ws://127.0.0.1:{stack.ports['gateway']}/_stcore/stream"
    for headers in ({}, {"X-Remote-User": "admin", "X-Watchdog-Proxy-Secret": "x"}):
        with pytest.raises(InvalidStatus, match="401"), connect(url, additional_headers=headers):
            pass


def test_a_page_of_another_site_cannot_use_the_browsers_password(stack):
    evil = basic("admin") | {"Origin": "https://evil.example"}
    assert stack.get("gateway", "/prometheus/api/v1/query?query=up", headers=evil).status == 403
    assert stack.get("gateway", "/", headers=basic("admin") | {"Origin": "null"}).status == 403
    url = f"ws://127.0.0.1:{stack.ports['gateway']}/_stcore/stream"
    with pytest.raises(InvalidStatus, match="403"), connect(url, additional_headers=evil):
        pass
    own = basic("admin") | {"Origin": stack.url("gateway")}
    assert stack.get("gateway", "/", headers=own).status == 200


def test_who_signed_in_is_known_on_the_page_with_their_role(stack):
    assert "**admin**, admin" in words_of_page(stack, **basic("admin"))
    assert "**carl**, viewer" in words_of_page(stack, **basic("carl"))


SPOOFS = [
    {"X-Remote-User": "admin"},
    {"x-watchdog-user": "admin", "x-watchdog-voucher": "x"},
    {"X-Remote-User": "admin", "X-Watchdog-Proxy-Secret": SECRET},
    {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "X-Remote-User": "admin"},
    {"X-WEBAUTH-USER": "admin", "X_REMOTE_USER": "admin"},
]


@pytest.mark.parametrize("spoof", SPOOFS)
def test_a_viewer_who_claims_another_name_stays_who_they_are(stack, spoof):
    said = words_of_page(stack, **basic("carl"), **spoof)
    assert "**carl**, viewer" in said
    assert "**admin**" not in said


@pytest.mark.parametrize("spoof", [{}, SPOOFS[0], SPOOFS[1], SPOOFS[3]])
def test_past_the_gateway_the_app_believes_nobody(stack, spoof):
    for path in ("/", "/alerts", "/_stcore/health", "/_stcore/host-config"):
        assert ask(f"{stack.url('app')}{path}", spoof).status == 403
    with pytest.raises(WebSocketException):
        words_of_page(stack, "app", **spoof)


def test_grafana_gets_the_name_and_neither_password_nor_secret(stack):
    seen = stack.get("gateway", "/grafana/api/x", "carl", headers={"X-WEBAUTH-USER": "admin", "Cookie": "a=b"}).json()
    assert (seen["path"], seen["x-webauth-user"], seen["cookie"]) == ("/grafana/api/x", "carl", "a=b")
    assert "authorization" not in seen
    assert SECRET not in str(seen)


@pytest.mark.parametrize(
    "path",
    [
        "/prometheus/api/v1/admin/tsdb/delete_series?match[]=up",
        "/prometheus/api/v1/%61dmin/tsdb/snapshot",
        "/prometheus//api/v1/admin/tsdb/snapshot",
        "/prometheus/api/v1/x/../admin/tsdb/snapshot",
        "/prometheus/-/quit",
        "/prometheus/-/reload",
        "/prometheus/debug/pprof/heap",
    ],
)
def test_nobody_deletes_series_or_ends_prometheus_through_the_gateway(stack, path):
    assert stack.get("gateway", path, "admin", data=b"").status == 403
    assert stack.get("prometheus-direct", path, data=b"").status in {403, 404}


def test_backups_cannot_be_asked_for_through_the_gateway_or_without_the_token(stack):
    assert stack.get("gateway", "/admin/backup", "admin", data=b"").status == 404
    for token in ("", "x", SECRET):
        answer = ask(f"{stack.url('app')}/admin/backup", {"X-Watchdog-Admin": token}, data=b"")
        assert answer.status == 403


def test_each_service_has_a_port_of_its_own_for_this_machine_alone(stack):
    assert stack.get("prometheus-direct", "/prometheus/api/v1/query?query=1").status == 200
    assert stack.get("alertmanager-direct", "/api/v2/status").status == 200
    seen = stack.get("grafana-direct", "/grafana/x", headers={"X-WEBAUTH-USER": "admin"}).json()
    assert "x-webauth-user" not in seen
    assert stack.get("app-direct", "/").status == 401
    assert stack.get("app-direct", "/", "admin").status == 200


@pytest.mark.parametrize("name", ["app", "prometheus", "grafana", "alertmanager"])
def test_a_name_that_only_points_here_is_refused_on_those_ports(stack, name):
    assert stack.get(f"{name}-direct", "/", "admin", headers={"Host": "rebound.evil.example"}).status == 421
    evil = {"Origin": "https://evil.example", "Content-Type": "application/json"}
    assert stack.get(f"{name}-direct", "/api/v2/silences", "admin", headers=evil, data=b"{}").status == 403


def test_headers_of_safety_stand_on_every_answer_once(stack):
    for path in ("/", "/prometheus/graph", "/grafana/", "/nothing-here"):
        headers = stack.get("gateway", path, "admin").headers
        for name in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Permissions-Policy"):
            assert len(headers.get_all(name)) == 1, (path, name)
    assert len(stack.get("gateway", "/", "admin").headers.get_all("Content-Security-Policy")) == 1
    assert "script-src 'self'" in stack.get("gateway", "/prometheus/graph", "admin").headers["Content-Security-Policy"]
    assert stack.get("gateway", "/prometheus/graph").headers["Server"] == "nginx"


def test_bodies_and_headers_that_are_too_large_are_cut(stack):
    assert stack.get("gateway", "/prometheus/api/v1/query", "admin", data=b"x" * 2_000_000).status == 413
    assert stack.get("gateway", "/", "admin", headers={"X-Long": "x" * 20_000}).status == 400


def test_the_log_names_who_and_what_but_no_query_and_no_secret(stack):
    stack.get("gateway", "/prometheus/api/v1/query?query=secret_of_mine", "carl")
    log = until(lambda: (t := (stack.folder / "gateway.log").read_text()) and "carl" in t and t)
    assert "/prometheus/api/v1/query" in log
    for hidden in ("secret_of_mine", SECRET, basic("carl")["Authorization"].split()[1]):
        assert hidden not in log


# MCP clients

TOKEN = {"Authorization": f"Bearer {MCP_TOKEN}"}
MCP_HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def mcp(base: str, headers, method="tools/list", path="/mcp", **params):
    asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    return ask(f"{base}{path}", MCP_HEADERS | headers, data=asked)


def test_an_mcp_client_with_the_token_and_no_sign_in_uses_the_tools(stack):
    listed = mcp(stack.url("gateway"), TOKEN).json()["result"]["tools"]
    called = mcp(stack.url("gateway"), TOKEN, "tools/call", name="cluster_overview", arguments={}).json()["result"]

    assert {"cluster_overview", "queue", "sql"} <= {tool["name"] for tool in listed}
    assert called["structuredContent"]["rows"]


def test_an_mcp_client_finds_the_tools_through_the_gateway_with_the_official_library(stack):
    async def names() -> set[str]:
        async with (
            httpx2.AsyncClient(headers=TOKEN) as web,
            Client(streamable_http_client(f"{stack.url('gateway')}/mcp", http_client=web)) as client,
        ):
            return {tool.name for tool in (await client.list_tools()).tools}

    with ThreadPoolExecutor(1) as pool:  # a browser's driver keeps an event loop running in this thread
        assert "cluster_overview" in pool.submit(anyio.run, names).result()


@pytest.mark.parametrize(
    "headers",
    [{}, basic("admin"), {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {SECRET}"},
     {"Authorization": MCP_TOKEN}, {"Authorization": f"bearer {MCP_TOKEN}"}, {"Authorization": f"Bearer {MCP_TOKEN} x"},
     {"X-Remote-User": "admin", "X-Watchdog-Proxy-Secret": SECRET}],
)  # fmt: skip
def test_without_the_token_no_mcp_client_gets_in_whoever_it_is(stack, headers):
    answer = mcp(stack.url("gateway"), headers)

    assert answer.status == 401
    assert answer.headers.get_all("WWW-Authenticate") == ["Bearer"]
    assert b"tools" not in answer.body


def test_the_token_of_mcp_clients_opens_nothing_else_and_makes_nobody_an_admin(stack):
    forged = TOKEN | {"X-Remote-User": "admin", "X-Watchdog-Proxy-Secret": SECRET, "x-watchdog-voucher": "x"}
    for path in ("/", "/alerts", "/grafana/", "/prometheus/metrics", "/v1/models", "/mcp/", "/mcp/x", "//mcp/../"):
        assert ask(f"{stack.url('gateway')}{path}", forged).status == 401, path
    with (
        pytest.raises(InvalidStatus, match="401"),
        connect(f"ws://127.0.0.1:{stack.ports['gateway']}/_stcore/stream", additional_headers=forged),
    ):
        pass
    assert mcp(stack.url("app-direct"), TOKEN).status == 401


def test_the_token_of_mcp_clients_is_in_no_log(stack):
    mcp(stack.url("gateway"), TOKEN)
    log = until(lambda: (t := (stack.folder / "gateway.log").read_text()) and "/mcp 200" in t and t)
    assert MCP_TOKEN not in log + (stack.folder / "app.log").read_text()


# What it shows


def test_the_health_check_opens_a_page_and_fails_where_none_opens(stack):
    command = [sys.executable, "-m", "watchdog", "health"]
    good = subprocess.run(
        command, env=app_env(stack), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert good.returncode == 0, good.stderr
    assert "blocks was drawn" in good.stdout
    wrong = load_config(app_env(stack) | {"WATCHDOG_PROXY_SECRET": "x" * 32})
    with pytest.raises(SourceUnavailableError, match="403"):
        check_page(wrong)


def prometheus(stack: Stack, query: str) -> list:
    answer = stack.get("gateway", f"/prometheus/api/v1/query?{urllib.parse.urlencode({'query': query})}", "admin")
    assert answer.status == 200, (query, answer.body)
    return answer.json()["data"]["result"]


def test_every_target_is_scraped(stack):
    up = until(lambda: (found := prometheus(stack, "up")) and len(found) >= 9 and found)
    jobs = {each["metric"]["job"] for each in up}
    assert jobs == {"gpu", "slurm", "vllm", "watchdog", "prometheus", "alertmanager", "grafana"}
    down = until(lambda: (d := {e["metric"]["job"] for e in prometheus(stack, "up == 0")}) <= {"grafana"} and [d])
    assert down  # Grafana is an echo here, whose JSON is no metrics


def test_every_panel_of_every_dashboard_shows_something_of_the_demo(stack):
    if not VLLM_PAGE.exists():
        pytest.skip("there is no recorded page of vLLM in ../shared/fixtures")
    until(lambda: prometheus(stack, "sum(rate(vllm:prompt_tokens_total[5m]))"))
    until(lambda: prometheus(stack, "count_over_time(cluster:gpu_util_ratio:avg[1m]) > 3"))
    empty = [
        (board, panel, query)
        for board, panel, query in queries()
        if not prometheus(stack, query.replace("$node", ".*").replace("$gpu", ".*").replace("[1h]", "[5m]"))
    ]
    assert empty == []


def test_variables_of_the_dashboards_have_values(stack):
    for label in ("node", "gpu"):
        path = f"/prometheus/api/v1/label/{label}/values?match[]=gpu:gpu_util_ratio"
        assert stack.get("gateway", path, "admin").json()["data"]


def test_a_copy_of_a_rule_is_quiet_while_the_app_judges_and_the_apps_own_word_is_not(stack):
    posted = [
        {"labels": {"alertname": "power-over-limit", "judged_by": "prometheus", "gpu": "0", "severity": "warning"}},
        {"labels": {"alertname": "watchdog-silent", "judged_by": "prometheus", "severity": "critical"}},
        {"labels": {"alertname": "xid", "generator": "gpu-watchdog", "gpu": "1", "severity": "warning"}},
    ]
    path = "/api/v2/alerts"
    headers = {"Content-Type": "application/json"}
    assert stack.get("alertmanager", path, data=json.dumps(posted).encode(), headers=headers).status == 200

    def states() -> dict[str, str]:
        alerts = stack.get("alertmanager", f"{path}?inhibited=true&silenced=true").json()
        return {each["labels"]["alertname"]: each["status"]["state"] for each in alerts}

    found = until(lambda: (s := states()).get("power-over-limit") == "suppressed" and s)
    assert found["watchdog-alive"] != "suppressed"
    assert found["xid"] == "active"
    assert found["watchdog-silent"] == "active"


# Transport and OpenID Connect


@pytest.fixture
def small_gateway(tmp_path):
    """A gateway alone before echoes."""
    ports, echo = new_ports(), Echo(echoed)
    for name in ("app", "prometheus", "grafana", "alertmanager"):
        ports[name] = echo.port
    htpasswd(tmp_path)
    certificate(tmp_path)

    def start(**changes):
        return gateway(tmp_path, ports, CERTIFICATES=tmp_path, **changes)

    start.ports, start.folder = ports, tmp_path
    yield start
    echo.stop()


def test_with_a_certificate_it_speaks_tls_and_nothing_else(small_gateway):
    with small_gateway(TRANSPORT="tls"):
        address = f"127.0.0.1:{small_gateway.ports['gateway']}"
        trusted = ssl.create_default_context(cafile=small_gateway.folder / "tls.crt")
        answer = ask(f"https://{address}/x", basic("carl"), context=trusted)
        plain = ask(f"http://{address}/x?y=1", basic("carl"))

    assert answer.status == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert (plain.status, plain.headers["Location"]) == (301, f"https://{address}/x?y=1")


def test_with_openid_connect_the_identity_providers_name_reaches_app_and_grafana(small_gateway):
    def oauth2_proxy(path, headers):
        if path.startswith("/oauth2/start"):
            return 302, {"Location": "https://idp.example/authorize", "X-Back": headers["X-Auth-Request-Redirect"]}, b""
        signed_in = headers.get("Cookie") == "_oauth2_proxy=good"
        return (202, {"X-Auth-Request-Email": "ann@example.com"}, b"") if signed_in else (401, {}, b"")

    provider = Echo(oauth2_proxy)
    with small_gateway(SIGN_IN="oidc", OAUTH2_PROXY=f"127.0.0.1:{provider.port}"):
        base = f"http://127.0.0.1:{small_gateway.ports['gateway']}"
        out = ask(f"{base}/gpus?node=a&gpu=1")
        forged = ask(f"{base}/", {"X-Remote-User": "root", "X-Auth-Request-Email": "root@example.com", "Cookie": "x=1"})
        good = {"Cookie": "_oauth2_proxy=good", "X-Remote-User": "root", "X-Auth-Request-Email": "root@example.com"}
        seen, grafana = ask(f"{base}/x", good).json(), ask(f"{base}/grafana/", good).json()
        inner = ask(f"{base}/oauth2/auth", good)
    provider.stop()

    assert (out.status, out.headers["Location"]) == (302, "https://idp.example/authorize")
    assert out.headers["X-Back"] == "/gpus?node=a&gpu=1"
    assert forged.status == 302
    assert (seen["x-remote-user"], seen["x-watchdog-proxy-secret"]) == ("ann@example.com", SECRET)
    assert grafana["x-webauth-user"] == "ann@example.com"
    assert inner.status == 404


@pytest.mark.parametrize("sign_in", ["basic", "oidc"])
def test_what_an_mcp_client_sends_reaches_the_app_without_a_name(small_gateway, sign_in):
    with small_gateway(SIGN_IN=sign_in, MCP="on"):
        base = f"http://127.0.0.1:{small_gateway.ports['gateway']}"
        refused = mcp(base, {})
        seen = mcp(
            base, SPOOFS[0] | SPOOFS[1] | TOKEN | {"Cookie": "a=b", "Mcp-Protocol-Version": "x"}, path="//mcp?a=b"
        ).json()
        large = ask(f"{base}/mcp", TOKEN, data=b"x" * 2_000_000)
        strange = [ask(f"{base}/mcp", TOKEN, method=method).status for method in ("PUT", "PATCH", "OPTIONS")]
        foreign = mcp(base, TOKEN | {"Origin": "https://evil.example"})

    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (seen["path"], seen["authorization"], seen["mcp-protocol-version"]) == (
        "/mcp?a=b",
        TOKEN["Authorization"],
        "x",
    )
    assert not {"x-remote-user", "x-webauth-user", "x-watchdog-proxy-secret", "cookie", "x-forwarded-for"} & set(seen)
    assert (large.status, strange, foreign.status) == (413, [403, 403, 403], 403)


def test_where_no_token_is_set_there_is_no_mcp(small_gateway):
    with small_gateway():
        base = f"http://127.0.0.1:{small_gateway.ports['gateway']}"
        statuses = [mcp(base, headers).status for headers in ({}, TOKEN, basic("admin"))]

    assert statuses == [404, 404, 404]


def test_an_mcp_client_that_guesses_tokens_is_told_to_wait(small_gateway):
    with small_gateway(MCP="on"):
        base = f"http://127.0.0.1:{small_gateway.ports['gateway']}"
        statuses = {mcp(base, TOKEN).status for _ in range(120)}

    assert 429 in statuses


def test_who_asks_without_end_is_told_to_wait(small_gateway):
    with small_gateway():
        connection = http.client.HTTPConnection("127.0.0.1", small_gateway.ports["gateway"], timeout=10)
        statuses = []
        for _ in range(900):
            connection.request("GET", "/x", headers=basic("admin", "guess"))
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()

    assert set(statuses) == {401, 429}
    assert statuses[:300] == [401] * 300


# In a browser; so late because the first reading takes its time


@pytest.mark.browser
def test_a_person_signs_in_once_and_sees_the_cluster_live(stack, chromium):
    words = {"username": "admin", "password": USERS["admin"]}
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, http_credentials=words)
    tab = context.new_page()
    tab.set_default_timeout(20_000)
    problems, sockets = [], []
    tab.on("console", lambda message: note(problems, message))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("websocket", lambda socket: sockets.append(socket.url))

    # A page that opens before the first reading says so until its next refresh.
    until(lambda: re.search("gpu01|4 of 4 nodes", words_of_page(stack, **basic("admin"))))
    tab.goto(stack.url("gateway"))
    tab.get_by_text("GPU 0 on gpu01").or_(tab.get_by_text("4 of 4 nodes")).or_(
        tab.get_by_text("gpu01")
    ).first.wait_for()
    tab.get_by_text("admin, admin").wait_for()
    tab.get_by_role("link", name=re.compile("Data health")).click()
    tab.get_by_role("heading", name="Changes").wait_for()
    assert sockets == [f"ws://127.0.0.1:{stack.ports['gateway']}/_stcore/stream"]
    assert problems == []
    context.close()


def note(problems: list[str], message) -> None:
    where = (message.location or {}).get("url", "")
    # Streamlit asks for two files relative to a page's own path before it finds them at the root.
    if message.type == "error" and not where.endswith(("/_stcore/health", "/_stcore/host-config")):
        problems.append(f"{message.text} ({where})")


# Backups


def test_a_backup_of_the_running_app_comes_back_with_the_same_rows(stack, tmp_path, capsys, monkeypatch):
    database = stack.folder / "data" / "watchdog.duckdb"
    until(database.exists)
    run_backup(load_config(app_env(stack)), database, tmp_path / "kept.duckdb")
    assert capsys.readouterr().out.strip() == str(tmp_path / "kept.duckdb")
    assert stack.get("gateway", "/readyz", "admin").status == 200

    # While the app runs its file is not replaced.
    with pytest.raises(StoreLockedError):
        run_restore(database, str(tmp_path / "kept.duckdb"))
    assert stack.app.poll() is None

    new = tmp_path / "new" / "watchdog.duckdb"
    with (tmp_path / "kept.duckdb").open("rb") as sent:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=sent))
        run_restore(new, "-")
    kept = looked_at(tmp_path / "kept.duckdb")
    assert looked_at(new) == kept
    assert kept.rows["jobs"] > 10


def test_a_snapshot_of_prometheus_comes_back_with_the_same_samples(stack, tmp_path):
    now = int(time.time()) - 2
    query = urllib.parse.urlencode({"query": "DCGM_FI_DEV_GPU_UTIL", "start": now - 5, "end": now, "step": 1})
    path = f"/prometheus/api/v1/query_range?{query}"

    def samples(base: str) -> str:
        result = ask(f"{base}{path}").json()["data"]["result"]
        return (
            hashlib.sha256(json.dumps(sorted(result, key=str), sort_keys=True).encode()).hexdigest() if result else ""
        )

    before = samples(stack.url("prometheus"))
    taken = ask(f"{stack.url('prometheus')}/prometheus/api/v1/admin/tsdb/snapshot", data=b"").json()["data"]["name"]
    snapshot, port = stack.folder / "prometheus-data" / "snapshots" / taken, new_ports()["gateway"]
    # As services.sh reads the name.
    assert re.fullmatch(r"[0-9A-Za-z-]+", taken)
    (tmp_path / "none.yml").write_text("{}")
    command = [
        program(PROMETHEUS), f"--config.file={tmp_path / 'none.yml'}", f"--storage.tsdb.path={snapshot}",
        f"--web.listen-address=127.0.0.1:{port}", "--web.external-url=http://x/prometheus/",
    ]  # fmt: skip
    with process("restored", tmp_path, command, clean_env()):
        wait_for(f"http://127.0.0.1:{port}/prometheus/-/ready", tmp_path / "restored.log")
        assert samples(f"http://127.0.0.1:{port}") == before != ""


# Last: it has been waiting all the while.
def test_a_client_that_sends_its_headers_slowly_is_cut(stack):
    stack.slow.join(timeout=30)
    assert (stack.slow.answer, stack.slow.seconds < 20) == (b"", True)
