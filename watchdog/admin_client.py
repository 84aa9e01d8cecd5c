"""Asks the app that runs on these settings, as the user who started it: a file of the run's secret proves that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from watchdog.base.config import Config
from watchdog.base.errors import SourceError, SourceFormatError, SourceUnavailableError
from watchdog.services.backup import TOKEN_HEADER

ASK, TOOL = "/admin/ask", "/admin/tool"
_LONGEST_SECONDS = 300.0


def posted(config: Config, path: str, body: Mapping[str, Any]) -> bytes | None:
    """What the running app answers; None where none runs.

    Raises:
        SourceUnavailableError: it runs and does not answer; SourceError: it says why not.
    """
    token = Path(config.data_dir) / "admin.token"
    try:
        headers = {TOKEN_HEADER: token.read_text(encoding="ascii")}
    except (OSError, UnicodeDecodeError):
        return None
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the environment must not see the token
            answer = session.post(
                f"{address(config)}{path}",
                json=dict(body),
                headers=headers,
                timeout=(5, _LONGEST_SECONDS),
                allow_redirects=False,
            )
    except requests.ConnectionError:
        return None
    except requests.RequestException as error:
        raise SourceUnavailableError(f"the app does not answer: {error}", hint="See its log.") from error
    if answer.status_code == 422:
        told = _problem(answer)
        raise SourceError(told[0], hint=told[1])
    if not answer.ok:
        raise SourceUnavailableError(f"the app answered {answer.status_code}", hint="See its log.")
    return answer.content


def _problem(answer: requests.Response) -> tuple[str, str]:
    try:
        told = answer.json()
        return str(told["error"]), str(told["hint"])
    except (ValueError, KeyError, TypeError) as error:
        raise SourceFormatError("the app's answer cannot be read", hint="Is it of the same version?") from error


def address(config: Config) -> str:
    """Where the app on this machine listens."""
    host = "127.0.0.1" if config.host in {"", "0.0.0.0", "::"} else config.host  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{config.port}"
