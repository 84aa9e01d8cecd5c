"""RunPod's API v2, as far as the stand-in needs it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any


class RefusedError(Exception):
    """The API said no, or nothing; `status` 0 = nothing."""

    def __init__(self, status: int, text: str):
        super().__init__(f"{status} {text}")
        self.status = status


@dataclass(frozen=True)
class Api:
    url: str
    key: str
    patience_s: float = 30.0

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "User-Agent": "terraform-provider-runpod-stand-in"}
        data = None if body is None else json.dumps(body).encode()
        if data:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=self.patience_s) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise RefusedError(error.code, error.read().decode()) from error
        except OSError as error:
            raise RefusedError(0, f"no answer: {error}") from error
