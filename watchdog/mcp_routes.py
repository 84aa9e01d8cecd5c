"""The assistant's tools over HTTP for MCP clients, where a token is set."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.routing import Route

from watchdog.assistant.evidence_json import evidence_object
from watchdog.assistant.tools.registry import toolbox
from watchdog.base.config import Config
from watchdog.base.errors import ConfigError
from watchdog.runtime import Runtime


class McpRoutes:
    """Routes and their life; none without a token."""

    def __init__(self, config: Config, runtime: Callable[[], Runtime]) -> None:
        """ConfigError where a token is set and the package is not installed."""
        self.routes: list[Route] = []
        self._manager: Any = None
        if config.mcp_token:
            self._open(config.mcp_token, runtime)

    def _open(self, token: str, runtime: Callable[[], Runtime]) -> None:
        try:
            from watchdog.assistant import mcp_server as mcp  # noqa: PLC0415 (an extra)
        except ModuleNotFoundError as error:
            raise ConfigError(
                "WATCHDOG_MCP_TOKEN is set, but mcp is not installed", hint="pip install mcp==2.3.0"
            ) from error
        box = toolbox()

        def call(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
            return evidence_object(box.run(runtime().desk(), name, json.dumps(dict(arguments))))

        self._manager = mcp.session_manager(mcp.mcp_server(box, call))
        app = mcp.http_app(self._manager, token)
        self.routes = [Route(mcp.PATH, app, methods=["GET", "POST", "DELETE"])]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Around the life of the server."""
        if self._manager is None:
            yield
            return
        async with self._manager.run():
            yield
