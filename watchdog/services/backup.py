"""Backups of history: made by the process that has the file open, asked for by others of the same user."""

from __future__ import annotations

import hmac
import secrets
import threading
from datetime import datetime
from pathlib import Path
from typing import Protocol

import requests

from watchdog.base.config import Config
from watchdog.base.errors import SourceUnavailableError, StoreError
from watchdog.store.backup import looked_at
from watchdog.store.database import Store

PATH, TOKEN_HEADER = "/admin/backup", "X-Watchdog-Admin"
_LONGEST_SECONDS = 1800
_one_at_a_time = threading.Lock()


class AdminToken:
    """A secret of this run, in a file that only this user reads: whoever can show it could read the store anyway."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "admin.token"
        self._value = secrets.token_hex(32)

    def publish(self) -> None:
        """Write it; StoreError where the folder cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.unlink(missing_ok=True)
            self.path.touch(mode=0o600)
            self.path.write_text(self._value, encoding="ascii")
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error.strerror}", hint="Backups need it.") from error

    def withdraw(self) -> None:
        """Take it away."""
        self.path.unlink(missing_ok=True)

    def is_(self, shown: str) -> bool:
        """Whether this is it."""
        return hmac.compare_digest(shown.encode(), self._value.encode())


def backup_name(now: datetime) -> str:
    """The file's name."""
    return f"watchdog-{now:%Y%m%dT%H%M%S%f}.duckdb"


class HasStore(Protocol):
    """Where an open store is to be had; History is one."""

    def store(self) -> Store:
        """The store; StoreError where it cannot be had."""


def back_up(history: HasStore, folder: Path, now: datetime) -> Path:
    """Copy the open store into `folder` and read the copy through; StoreError where either fails."""
    with _one_at_a_time:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for cut_short in folder.glob("*.part*"):
            cut_short.unlink()
        path = folder / backup_name(now)
        history.store().copy_to(path)
        path.chmod(0o600)
        try:
            looked_at(path)
        except StoreError:
            path.unlink(missing_ok=True)
            raise
        return path


def ask_for_backup(config: Config) -> Path | None:
    """Ask the app that runs on these settings for a backup; None where none runs.

    Raises:
        SourceUnavailableError: it runs, and did not make one.
    """
    token = Path(config.data_dir) / "admin.token"
    if not token.exists():
        return None
    headers = {TOKEN_HEADER: token.read_text(encoding="ascii")}
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the environment must not see the token
            timeout = (5, _LONGEST_SECONDS)
            answer = session.post(_url(config), headers=headers, timeout=timeout, allow_redirects=False)
    except requests.ConnectionError:
        return None
    except requests.RequestException as error:
        raise SourceUnavailableError(f"the app made no backup: {error}", hint="See its log.") from error
    if not answer.ok:
        raise SourceUnavailableError(f"the app made no backup: {answer.text[:300].strip()}", hint="See its log.")
    return Path(answer.text.strip())


def _url(config: Config) -> str:
    host = "127.0.0.1" if config.host in {"", "0.0.0.0", "::"} else config.host  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{config.port}{PATH}"
