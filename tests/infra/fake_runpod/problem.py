"""Refusals, as application/problem+json."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

NO_CAPACITY = (
    "There are no longer any instances available with the requested specifications. Please refresh and try again."
)


class ProblemError(Exception):
    """The answer is a refusal."""

    def __init__(
        self, status: int, detail: str, errors: list[str] | None = None, headers: dict[str, str] | None = None
    ):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        body = {"title": HTTPStatus(self.status).phrase, "status": self.status, "detail": self.detail}
        return body | ({"errors": self.errors} if self.errors else {})
