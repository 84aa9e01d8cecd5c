"""JSON schemas of tools, plain enough for small models: no references, no titles, no "or null"."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def function_schema(name: str, description: str, arguments: type[BaseModel], *, strict: bool) -> dict[str, Any]:
    """One entry of `tools` of chat.completions."""
    function = {"name": name, "description": description, "parameters": parameters(arguments)}
    return {"type": "function", "function": function | ({"strict": True} if strict else {})}


def parameters(arguments: type[BaseModel]) -> dict[str, Any]:
    """The schema of the arguments: an object whose unknown names are forbidden.

    References are replaced by what they refer to: vLLM's parsers of tool calls look at `properties.<name>.type` to tell
    the number 5 from the text "5". What may be null may as well be left out, so null is not offered.
    """
    schema = arguments.model_json_schema()
    plain = _plain(schema, schema.get("$defs", {}))
    return {"type": "object", "properties": {}, **plain, "additionalProperties": False}


def _plain(node: Any, defs: dict[str, Any]) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(node, list):
        return [_plain(each, defs) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _plain(defs[node["$ref"].rpartition("/")[2]] | rest, defs)
    return _without_null(
        {key: _child(key, value, defs) for key, value in node.items() if key not in {"title", "$defs"}}
    )


def _child(key: str, value: Any, defs: dict[str, Any]) -> Any:  # noqa: ANN401 (any JSON)
    """`properties` maps names of our choice, "title" among them; everything else is schema."""
    if key == "properties":
        return {name: _plain(schema, defs) for name, schema in value.items()}
    return _plain(value, defs)


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    choices = [c for c in node.get("anyOf", ()) if c != {"type": "null"}]
    if len(choices) != 1:
        return node
    rest = {k: v for k, v in node.items() if k != "anyOf" and not (k == "default" and v is None)}
    kept: dict[str, Any] = choices[0] | rest
    return kept
