"""Asking the running app for a backup, and who may."""

from __future__ import annotations

import stat
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import NOON
from tests.integration.app import free_port
from watchdog.base.clock import FakeClock
from watchdog.base.config import Config
from watchdog.base.errors import StoreError
from watchdog.services.backup import AdminToken, ask_for_backup, back_up
from watchdog.services.backup_command import run_backup
from watchdog.services.history import History


@pytest.fixture
def history(tmp_path):
    kept = History(tmp_path / "data" / "watchdog.duckdb", FakeClock(NOON))
    yield kept
    kept.close()


def test_a_backup_is_read_by_this_user_alone_and_sweeps_up_what_a_kill_left(history, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "watchdog-1.duckdb.part").write_text("half")
    made = back_up(history, tmp_path / "kept", NOON)

    assert [path.name for path in (tmp_path / "kept").iterdir()] == [made.name]
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_the_token_is_read_by_this_user_alone_and_goes_with_the_run(tmp_path):
    token = AdminToken(tmp_path / "data")
    (tmp_path / "data").mkdir()
    token.path.write_text("of a run that was killed")
    token.publish()

    shown = token.path.read_text()
    assert stat.S_IMODE(token.path.stat().st_mode) == 0o600
    assert token.is_(shown)
    assert not any(token.is_(wrong) for wrong in ("", shown[:-1], shown + "0", "of a run that was killed"))
    assert not AdminToken(tmp_path / "data").is_(shown)
    token.withdraw()
    assert not token.path.exists()


def test_where_no_app_runs_or_one_was_killed_there_is_nobody_to_ask(tmp_path):
    config = Config(data_dir=str(tmp_path), port=free_port())
    assert ask_for_backup(config) is None
    AdminToken(tmp_path).publish()
    assert ask_for_backup(config) is None


def test_without_an_app_the_command_opens_the_store_itself(history, tmp_path, capsys):
    history.store()
    history.close()
    config = Config(data_dir=str(tmp_path / "data"))
    assert run_backup(config, tmp_path / "data" / "watchdog.duckdb", tmp_path / "out" / "kept.duckdb") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out' / 'kept.duckdb'}\n"


def test_nothing_to_back_up_is_said_and_no_empty_store_is_made(tmp_path):
    with pytest.raises(StoreError, match="there is no"):
        run_backup(Config(data_dir=str(tmp_path)), tmp_path / "watchdog.duckdb", None)
    assert not list(tmp_path.iterdir())


def test_the_token_goes_through_no_proxy_of_the_environment(tmp_path, monkeypatch):
    seen = []

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(self.path)
            self.send_error(502)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_address[1]}")
        AdminToken(tmp_path).publish()
        assert ask_for_backup(Config(data_dir=str(tmp_path), port=free_port())) is None
        proxy.shutdown()
    assert seen == []
