"""A question on the command line and the tools over MCP: from the running app, and without one."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest
import requests
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.integration.app import ROOT, free_port, running_app, wait_for
from watchdog.assistant.kept import answer_of

pytestmark = pytest.mark.integration
TOKEN = "t0ken-of-the-test"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ask")
    with running_app(folder, MCP_TOKEN=TOKEN, DEMO_NODES=2, DEMO_GPUS=4) as running:
        running.settings = {"SOURCE": "demo", "PORT": running.port, "DATA_DIR": folder / "data"}
        assert wait_for(lambda: seen(running))
        yield running


def seen(running):
    """Whether the first reading was judged; before it the honest answer is that nothing can be told."""
    return "watchdog_alert_evaluated_timestamp_seconds " in running.get("/metrics").text


def environment(settings):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WATCHDOG_")}
    return clean | {f"WATCHDOG_{name}": str(value) for name, value in settings.items()}


def ask(settings, *words, stdin=""):
    command = [sys.executable, "-m", "watchdog", "ask", *words]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_running_app_answers_with_numbered_evidence(app):
    found = ask(app.settings, "how busy is the cluster?", "--json")
    assert found.returncode == 0, found.stdout + found.stderr
    answer = answer_of(found.stdout)
    assert answer.source == "rules"
    assert [each.tool for each in answer.evidence] == ["cluster_overview"]
    assert "[1]" in answer.text
    assert answer.untraced == 0


def test_text_prints_the_evidence_and_what_it_was_asked(app):
    found = ask(app.settings, "-", stdin="is anything wrong?")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "[1]" in found.stdout
    assert "health checks" in found.stdout
    assert "Evidence:" in found.stdout


def test_a_question_beside_the_data_ends_with_one(app):
    assert ask(app.settings, "who will win the world cup?").returncode == 1


def test_another_users_process_cannot_ask_through_the_command_routes(app):
    for path in ("/admin/ask", "/admin/tool"):
        answer = requests.post(
            app.url + path, json={"question": "x"}, headers={"X-Watchdog-Admin": "guess"}, timeout=10
        )
        assert answer.status_code == 403


def test_mcp_over_http_wants_the_token(app):
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        assert requests.post(f"{app.url}/mcp", json={}, headers=header, timeout=10).status_code == 401


def test_mcp_over_http_lists_and_calls_the_same_tools(app):
    @asynccontextmanager
    async def client():
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as web,
            Client(streamable_http_client(f"{app.url}/mcp", http_client=web)) as found,
        ):
            yield found

    check(answers_to(client))


def test_mcp_over_standard_input_asks_the_running_app(app):
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "watchdog", "mcp"], env=environment(app.settings), cwd=ROOT
    )
    check(answers_to(lambda: Client(server)))


def answers_to(client):
    """In a thread of its own: a browser's driver, in the same process, keeps an event loop running in the main one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(anyio.run, called, client).result()


async def called(client):
    async with client() as found:
        tools = (await found.list_tools()).tools
        good = await found.call_tool("cluster_overview", {})
        bad = await found.call_tool("job", {"job_id": "nope"})
        wrong = await found.call_tool("gpu_metrics", {"metric": "made_up"})
    return tools, good, bad, wrong


def check(answers):
    tools, good, bad, wrong = answers
    names = {tool.name for tool in tools}
    assert {"cluster_overview", "findings", "queue", "sql"} <= names
    assert all(tool.annotations.read_only_hint for tool in tools)
    body = json.loads(good.content[0].text)
    assert body == good.structured_content
    assert body["rows"][0]["gpus_expected"] == 8
    assert bad.is_error
    assert "nobody has seen a job nope" in bad.content[0].text
    assert wrong.is_error
    assert "no such metric" in wrong.content[0].text


def test_without_an_app_the_command_reads_the_source_itself(tmp_path):
    settings = {"SOURCE": "demo", "PORT": free_port(), "DATA_DIR": tmp_path, "DEMO_NODES": 1, "DEMO_GPUS": 2}
    found = ask(settings | {"DEMO_HISTORY_HOURS": 0.1}, "how busy is the cluster?", "--rows", "1")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "of 2 GPUs report" in found.stdout
