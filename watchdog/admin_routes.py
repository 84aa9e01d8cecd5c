"""Routes for commands of the same user: a question to the assistant, and a tool of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from watchdog.admin_client import ASK, TOOL
from watchdog.assistant.answering import assistant_of
from watchdog.assistant.evidence_json import evidence_object
from watchdog.assistant.kept import answer_json
from watchdog.assistant.records import About
from watchdog.assistant.runs import Question
from watchdog.assistant.tools.registry import toolbox
from watchdog.base.errors import ToolError, WatchdogError
from watchdog.runtime import Runtime
from watchdog.services.backup import TOKEN_HEADER, AdminToken

_MOST_BYTES = 1_000_000
Answerer = Callable[[Runtime, dict[str, Any]], Response]


def admin_routes(token: AdminToken, runtime: Callable[[], Runtime]) -> list[Route]:
    """POST /admin/ask and /admin/tool, for whoever shows the token of this run."""
    return [_route(ASK, _ask, token, runtime), _route(TOOL, _tool, token, runtime)]


def _route(path: str, answer: Answerer, token: AdminToken, runtime: Callable[[], Runtime]) -> Route:
    async def serve(request: Request) -> Response:
        if not token.is_(request.headers.get(TOKEN_HEADER, "")):
            return PlainTextResponse("show the token of this run\n", status_code=403)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _MOST_BYTES:
                return PlainTextResponse("too long\n", status_code=413)
        return await run_in_threadpool(_answered, answer, runtime(), body)

    return Route(path, serve, methods=["POST"])


def _answered(answer: Answerer, runtime: Runtime, body: bytes) -> Response:
    try:
        return answer(runtime, _object(body))
    except WatchdogError as error:
        return JSONResponse({"error": str(error), "hint": error.hint}, status_code=422)


def _object(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
    except ValueError as error:
        raise ToolError("the body is not JSON", hint="Send an object.") from error
    return asked if isinstance(asked, dict) else {}


def _ask(runtime: Runtime, asked: dict[str, Any]) -> Response:
    about = About(**{name: str(asked.get(name, "")) for name in ("job", "node", "gpu", "incident")})
    question = Question(str(asked.get("question", "")), about, _instant(asked.get("at")), ())
    answer = assistant_of(runtime.config, runtime.desk, runtime.clock)(question, lambda _: None, lambda: False)
    return Response(answer_json(answer), media_type="application/json")


def _tool(runtime: Runtime, asked: dict[str, Any]) -> Response:
    arguments = json.dumps(asked.get("arguments", {}))
    found = toolbox().run(runtime.desk(_instant(asked.get("at"))), str(asked.get("tool", "")), arguments)
    return Response(msgspec.json.encode(evidence_object(found)), media_type="application/json")


def _instant(text: object) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ToolError("`at` is no instant", hint="Write it in ISO 8601: 2026-03-01T12:00Z.") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
