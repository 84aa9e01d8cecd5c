"""The dead-man switch against a stand-in for RunPod."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pod.deadline import API, REFUSALS_BEFORE_DELETE, Deadline, Owner, Switch, deadline_of, owner_of


class Api(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server = self.server
        server.seen.append(f"{self.command} {self.path}")
        code = server.codes.pop(0) if server.codes else 200
        if code == 0:
            self.close_connection = True
            return
        body = json.dumps({"detail": "locked pods can't be stopped"}).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_POST  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def api():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.seen, server.codes = [], []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def pulled(api, tmp_path, codes=(), first=1.0, **owner):
    api.codes.extend(codes)
    said = []
    me = Owner(**{"pod_id": "pod1", "api_key": "key", "api": f"http://127.0.0.1:{api.server_port}/v2", **owner})
    switch = Switch(Deadline(first, tmp_path / "deadline"), me, said.append, check_seconds=0.01, retry_seconds=0.01)
    switch.start()
    return switch, said


def test_at_the_deadline_the_pod_is_stopped_once(api, tmp_path):
    switch, said = pulled(api, tmp_path)
    switch.join(5)
    assert api.seen == ["POST /v2/pods/pod1/action"]
    assert said == ["deadline: asked RunPod to stop this pod"]


def test_before_it_nothing_happens_and_a_later_one_counts(api, tmp_path):
    (tmp_path / "deadline").write_text(f"{time.time() + 3600:.0f}\n")
    switch, _ = pulled(api, tmp_path, first=time.time() - 10)
    time.sleep(0.1)
    assert api.seen == []
    switch.end()
    switch.join(5)
    assert not switch.is_alive()


@pytest.mark.parametrize("codes", [[500, 503, 429, 500, 500], [0, 0], [429] * 6])
def test_it_tries_until_runpod_answers_and_never_deletes_for_that(api, tmp_path, codes):
    switch, _ = pulled(api, tmp_path, codes)
    switch.join(10)
    assert api.seen == ["POST /v2/pods/pod1/action"] * (len(codes) + 1)


def test_a_pod_that_may_not_be_stopped_is_deleted_since_it_bills_on(api, tmp_path):
    switch, said = pulled(api, tmp_path, [409] * REFUSALS_BEFORE_DELETE)
    switch.join(10)
    assert api.seen == ["POST /v2/pods/pod1/action"] * REFUSALS_BEFORE_DELETE + ["DELETE /v2/pods/pod1"]
    assert "409 locked pods can't be stopped" in said[0]


def test_without_a_key_it_says_so_and_goes_on_trying(api, tmp_path):
    switch, said = pulled(api, tmp_path, api_key="")
    time.sleep(0.2)
    switch.end()
    switch.join(5)
    assert api.seen == []
    assert len(said) > 1
    assert "RUNPOD_API_KEY is not set" in said[0]


@pytest.mark.parametrize("accepts", ["pod stop pod1", "stop pod pod1"])
def test_where_the_api_refuses_runpod_s_own_tool_is_asked(accepts, api, tmp_path, monkeypatch):
    tool = tmp_path / "runpodctl"
    tool.write_text(f'#!/bin/sh\necho "$* $RUNPOD_API_KEY" >>{tmp_path}/asked\n[ "$*" = "{accepts}" ]\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    switch, said = pulled(api, tmp_path, [403])
    switch.join(10)
    assert api.seen == ["POST /v2/pods/pod1/action"]
    assert (tmp_path / "asked").read_text().splitlines()[-1] == f"{accepts} key"
    assert said[-1] == "deadline: runpodctl was told to stop this pod"


@pytest.mark.parametrize(
    ("text", "first"), [("1800000000", 1.8e9), ("", None), ("soon", None), ("-5", None), ("9" * 12, None)]
)
def test_the_variable_is_seconds_since_1970(text, first, tmp_path):
    assert deadline_of({"WATCHDOG_DEADLINE": text}, tmp_path).at() == first


def test_without_a_deadline_a_pod_lives_on(tmp_path):
    assert not Switch(Deadline(None, tmp_path / "deadline"), Owner("", ""), print).due()


@pytest.mark.parametrize("content", ["", "soon", "nan", "inf", "-1", "99999999999", "\x00"])
def test_a_file_that_is_no_deadline_changes_nothing(content, tmp_path):
    (tmp_path / "deadline").write_text(content)
    assert Deadline(1000.0, tmp_path / "deadline").at() == 1000.0


def test_a_deadline_is_only_ever_moved_later(tmp_path):
    first = time.time() + 100
    deadline = Deadline(first, tmp_path / "new" / "deadline")
    assert deadline.extend(first - 50) == first
    assert deadline.extend(first + 50) == pytest.approx(first + 50, abs=1)
    assert deadline.extend(first + 20) == pytest.approx(first + 50, abs=1)
    for wrong in (time.time() + 100 * 86400, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="90 days"):
            deadline.extend(wrong)
    assert deadline.at() == pytest.approx(first + 50, abs=1)


def test_the_api_is_runpod_s_unless_told_otherwise():
    assert owner_of({"RUNPOD_POD_ID": "p", "RUNPOD_API_KEY": "k"}) == Owner("p", "k", API)
    assert owner_of({"RUNPOD_API_BASE_URL": "http://x/v2/"}).api == "http://x/v2"
    assert "k" not in repr(Owner("p", "k-secret")).replace("pod_id", "")
