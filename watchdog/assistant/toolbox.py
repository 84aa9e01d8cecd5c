"""Tools: what the model, the rules and an MCP client may call. All of them read; none changes anything.

A tool is a function of the desk (what it reads from) and its checked arguments that returns Evidence with number 0:
whoever called it numbers it. It raises ToolError, or any other WatchdogError, with words that its asker understands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import from_json

from watchdog.assistant.records import Evidence
from watchdog.assistant.schemas import function_schema
from watchdog.base.errors import ToolError


class Arguments(BaseModel):
    """Base of every tool's arguments: unknown names are errors, and each field's description is read by the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _lists_as_text(cls, given: Any) -> Any:  # noqa: ANN401 (whatever the model sent)
        """Servers whose calls are not JSON hand lists and objects on as texts (qwen3_coder)."""
        if not isinstance(given, dict):
            return given
        return {name: _unpacked(value) for name, value in given.items()}


@dataclass(frozen=True, slots=True)
class Tool:
    """One thing that can be asked. `run(desk, arguments)` may be called from any thread."""

    name: str
    description: str
    arguments: type[Arguments]
    run: Callable[[Any, Any], Evidence]


class Toolbox:
    """The tools by name."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    def tool(self, name: str) -> Tool:
        """The tool of that name, or ToolError naming those there are."""
        if name not in self._tools:
            raise ToolError(f"there is no tool {name[:80]!r}", hint=f"There are: {', '.join(self._tools)}.")
        return self._tools[name]

    def arguments(self, name: str, raw: str) -> Arguments:
        """The arguments a model sent as JSON, checked; ToolError says what is wrong with which of them."""
        tool = self.tool(name)
        try:
            return tool.arguments.model_validate(_object(raw))
        except ValidationError as error:
            raise ToolError(_told(error), hint=f"Call {name} again with arguments that fit its schema.") from error

    def run(self, desk: Any, name: str, raw: str) -> Evidence:  # noqa: ANN401 (handed on as it is)
        """The answer of the tool of that name to arguments in JSON; a WatchdogError says why there is none."""
        return self.tool(name).run(desk, self.arguments(name, raw))

    def schemas(self, *, strict: bool = True) -> list[dict[str, Any]]:
        """The tools as chat.completions wants them. With `strict`, servers constrain the model to the schema."""
        return [function_schema(t.name, t.description, t.arguments, strict=strict) for t in self]


def _object(raw: str) -> dict[str, Any]:
    try:
        parsed = from_json(raw or "{}")
    except ValueError as error:
        raise ToolError("the arguments are not valid JSON", hint="Send the whole call again.") from error
    if not isinstance(parsed, dict):
        raise ToolError("the arguments are not a JSON object", hint="Send the whole call again.")
    return parsed


def _told(error: ValidationError) -> str:
    """What is wrong in a line: `minutes: Input should be a valid integer, not "abc"`."""
    return "; ".join(
        f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors(include_url=False)[:5]
    )


def _unpacked(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    if not (isinstance(value, str) and value[:1] in {"[", "{"}):
        return value
    try:
        return from_json(value)
    except ValueError:
        return value
