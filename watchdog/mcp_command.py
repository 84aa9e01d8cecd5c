"""`python -m watchdog mcp`: the assistant's tools as an MCP server on standard input and output.

The app that runs on the same settings answers; where none runs, this process reads the source itself, at most once an
interval, and judges no alerts.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Mapping
from typing import Any

import anyio

from watchdog.admin_client import TOOL, posted
from watchdog.assistant.evidence_json import evidence_object
from watchdog.assistant.tools.registry import toolbox
from watchdog.base.clock import SystemClock
from watchdog.base.config import Config, load_config
from watchdog.base.errors import ConfigError, StoreError
from watchdog.base.log import configure_logging
from watchdog.runtime import Runtime


def run(_: argparse.Namespace) -> int:
    """Serve until standard input ends."""
    try:
        from watchdog.assistant.mcp_server import mcp_server  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError as error:
        raise ConfigError("the package mcp is not installed", hint="pip install mcp==2.3.0") from error
    config = load_config()
    configure_logging(config.log_level)
    calls = Calls(config)
    try:
        anyio.run(_serve, mcp_server(toolbox(), calls))
    finally:
        calls.close()
    return 0


async def _serve(server: Any) -> None:  # noqa: ANN401 (of the extra)
    from mcp.server.stdio import stdio_server  # noqa: PLC0415 (an extra)

    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


class Calls:
    """Runs tools in the app that runs, else in a runtime of its own. Safe to use from many threads."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._runtime: Runtime | None = None
        self._read_at: float | None = None

    def __call__(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The evidence as a JSON object; WatchdogError in words for the client."""
        if self._runtime is None:
            found = posted(self._config, TOOL, {"tool": name, "arguments": dict(arguments)})
            if found is not None:
                answer: dict[str, Any] = json.loads(found)
                return answer
        with self._lock:
            return evidence_object(toolbox().run(self._fresh().desk(), name, json.dumps(dict(arguments))))

    def _fresh(self) -> Runtime:
        if self._runtime is None:
            self._runtime = self._opened()
        now = self._runtime.clock.monotonic()
        if self._read_at is None or now - self._read_at > self._config.interval_seconds:
            self._runtime.look_once()
            self._read_at = now
        return self._runtime

    def _opened(self) -> Runtime:
        """StoreLockedError where the history belongs to a process that does not answer."""
        runtime = Runtime(self._config, SystemClock())
        try:
            runtime.history.store()
        except StoreError:
            runtime.stop()
            raise
        return runtime

    def close(self) -> None:
        """Let go of the history."""
        if self._runtime is not None:
            self._runtime.stop()
