"""Bodies against RunPod's OpenAPI document, where it and `jsonschema` are at hand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[4] / "shared" / "facts" / "runpod-openapi-v2.json"


@cache
def document() -> dict[str, Any] | None:
    try:
        import jsonschema  # noqa: F401

        return json.loads(DOCUMENT.read_text())
    except (ImportError, OSError):
        return None


@cache
def _validator(name: str):
    from jsonschema import Draft202012Validator

    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document()["components"]})


def misfits(schema: str, body: Any) -> list[str]:
    """In what a body differs from a schema of the document; empty without the document."""
    if document() is None:
        return []
    return [f"{schema} {error.json_path}: {error.message}" for error in _validator(schema).iter_errors(body)]
