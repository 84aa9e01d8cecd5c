"""Stands before the web app: lets a gateway's users in by name, and nobody else where a gateway signs people in."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from watchdog.services.sign_in import SECRET_HEADER, USER_HEADER, VOUCHER, VOUCHER_HEADER, TrustedProxy

# Asked by machines that cannot sign in: they tell of the process, not of the cluster. Backups want a token of their own.
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/admin/backup", "/admin/ask", "/admin/tool", "/mcp"})
_OURS = frozenset(name.encode() for name in (USER_HEADER, VOUCHER_HEADER, SECRET_HEADER))


class Gate:
    """Takes every header away that could claim a name, and vouches for the one that the gateway gave."""

    def __init__(self, app: ASGIApp, proxy: TrustedProxy | None, gateway: str = "") -> None:
        """Wrap `app`; `proxy` None = names never come by header. `gateway` is the address to send people to."""
        self._app = app
        self._proxy = proxy
        where = f" at {gateway}" if gateway else ""
        self._refusal = f"Sign in at the gateway{where}: this address takes requests from it alone.\n"
        self._dropped = _OURS | ({proxy.user_header.encode()} if proxy else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or websocket."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        user = self._user(scope)
        if self._proxy and user is None and scope["path"] not in OPEN_PATHS:
            await self._refuse(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name not in self._dropped]
        if user is not None:
            headers += [(USER_HEADER.encode(), user.encode("utf-8")), (VOUCHER_HEADER.encode(), VOUCHER.encode())]
        await self._app({**scope, "headers": headers}, receive, send)

    def _user(self, scope: Scope) -> str | None:
        peer = scope.get("client")
        return self._proxy.user(peer[0], scope["headers"]) if self._proxy and peer else None

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        await PlainTextResponse(self._refusal, status_code=403)(scope, receive, send)
