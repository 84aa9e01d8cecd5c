"""The web server: Streamlit's ASGI app with the collector's life tied to it, and routes for machines."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watchdog import runtime
from watchdog.admin_routes import admin_routes
from watchdog.base.config import Config
from watchdog.base.errors import StoreError, WatchdogError
from watchdog.gate import Gate
from watchdog.mcp_routes import McpRoutes
from watchdog.model.exposition import CONTENT_TYPE
from watchdog.model.people import Person, Role
from watchdog.self_metrics import self_metrics
from watchdog.services.backup import PATH, TOKEN_HEADER, AdminToken, back_up
from watchdog.services.sign_in import SignIn, TrustedProxy, check_address, chosen_sign_in
from watchdog.ui.navigation import ignore_pages_folder
from watchdog.ui.oidc import has_oidc

_log = logging.getLogger(__name__)
SCRIPT = Path(__file__).parent.parent / "app.py"

# Streamlit and Vega need inline styles and eval; nothing may be fetched from, or sent to, another host.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "style-src 'self' 'unsafe-inline'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "connect-src 'self' ws: wss:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "frame-src 'self'",
        "frame-ancestors 'self'",  # 'none' would also forbid Streamlit's own component frames
        "object-src 'none'",
        "base-uri 'self'",
    )
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


class SecurityHeaders:
    """Adds the policy to every HTTP answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def build_app(config: Config) -> st.App:
    """The ASGI app; its lifespan starts and stops the collector."""
    ignore_pages_folder()

    token = AdminToken(Path(config.data_dir))
    mcp = McpRoutes(config, runtime.current)

    @asynccontextmanager
    async def lifespan(_: st.App) -> AsyncIterator[None]:
        await asyncio.to_thread(runtime.start, config)
        _publish(token)
        async with mcp.running():
            yield
        token.withdraw()
        await asyncio.to_thread(runtime.stop)

    return st.App(
        SCRIPT,
        lifespan=lifespan,
        routes=[
            Route("/metrics", _metrics),
            Route("/healthz", _healthz),
            Route("/readyz", _readyz),
            Route(PATH, _backup_route(token), methods=["POST"]),
            *admin_routes(token, runtime.current),
            *mcp.routes,
        ],
        middleware=[Middleware(SecurityHeaders), Middleware(Gate, proxy=_proxy(config), gateway=config.base_url)],
    )


def serve(config: Config) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    kind = chosen_sign_in(config, oidc=has_oidc())
    check_address(config, kind, config.host)
    # Else uvicorn would take a client's word for its address where the connection comes from this machine.
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    # Streamlit takes the folder of argv[0] as the app's own, and puts it first on sys.path.
    sys.argv = [str(SCRIPT)]
    options = {
        "server.address": config.host,
        "server.port": config.port,
        "server.headless": True,
        # A watcher that reloads our modules after an upgrade in place would start a second collector beside this one.
        "server.fileWatcherType": "none",
    }
    build_app(config).run(config=options)


def _proxy(config: Config) -> TrustedProxy | None:
    return TrustedProxy(config) if chosen_sign_in(config, oidc=has_oidc()) is SignIn.PROXY else None


def _publish(token: AdminToken) -> None:
    try:
        token.publish()
    except StoreError as error:
        _log.error("backups cannot be asked for: %s", error)


def _backup_route(token: AdminToken) -> Callable[[Request], Response]:
    """Runs in a thread of its own; answers with the path of the copy."""

    def backup(request: Request) -> Response:
        if not token.is_(request.headers.get(TOKEN_HEADER, "")):
            return PlainTextResponse("show the token of this run\n", status_code=403)
        running = runtime.current()
        try:
            made = back_up(running.history, running.database.parent / "backups", running.clock.now())
        except WatchdogError as error:
            return PlainTextResponse(f"{error}\n", status_code=503)
        running.audit.record(Person("the command line", Role.ADMIN, signed_in=False), "backup", made.name)
        return PlainTextResponse(f"{made.resolve()}\n")

    return backup


def _metrics(_: Request) -> Response:
    return PlainTextResponse(self_metrics(runtime.current()), media_type=CONTENT_TYPE)


def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")


def _readyz(_: Request) -> Response:
    problem = runtime.current().problem()
    return PlainTextResponse(f"{problem or 'ready'}\n", status_code=503 if problem else 200)
