"""Tools as a model sees them, and what it sends checked."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from watchdog.assistant.toolbox import Arguments, Tool, Toolbox
from watchdog.base.errors import ToolError


class Kind(StrEnum):
    IDLE = "idle"
    HUNG = "hung"


class Span(BaseModel):
    hours: float = 1.0


class Wide(Arguments):
    kind: Kind = Field(description="which")
    statistic: Literal["avg", "max"] = "avg"
    nodes: list[str] = Field(default_factory=list, description="which nodes")
    at: datetime | None = Field(None, description="when")
    title: str = ""
    span: Span | None = None


BOX = Toolbox([Tool("find", "Finds.", Wide, lambda desk, asked: None)])


def test_a_schema_has_no_references_no_titles_and_no_null():
    schema = BOX.schemas()[0]["function"]
    assert schema["strict"] is True
    parameters = schema["parameters"]
    assert set(parameters["properties"]) == {"kind", "statistic", "nodes", "at", "title", "span"}
    assert parameters["properties"]["kind"] == {"description": "which", "enum": ["idle", "hung"], "type": "string"}
    assert parameters["properties"]["at"] == {"type": "string", "format": "date-time", "description": "when"}
    assert parameters["properties"]["span"]["properties"]["hours"]["type"] == "number"
    assert parameters["required"] == ["kind"]
    assert parameters["additionalProperties"] is False
    assert "$" not in repr(schema)
    assert "'null'" not in repr(schema)


def test_arguments_come_checked_and_lists_may_come_as_text():
    asked = BOX.arguments("find", '{"kind": "idle", "nodes": "[\\"n1\\", \\"n2\\"]", "at": "2026-03-01T12:00:00Z"}')
    assert asked.kind is Kind.IDLE
    assert asked.nodes == ["n1", "n2"]
    assert asked.at.tzinfo is not None


def test_a_text_that_only_looks_like_a_list_stays_a_text():
    assert BOX.arguments("find", '{"kind": "hung", "title": "[draft"}').title == "[draft"


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("find", '{"kind": "lost"}', "kind: Input should be 'idle' or 'hung'"),
        ("find", "{}", "kind: Field required"),
        ("find", '{"kind": "idle", "node": "n1"}', "node: Extra inputs are not permitted"),
        ("find", "{", "not valid JSON"),
        ("find", '"idle"', "not a JSON object"),
        ("lose", "{}", "there is no tool 'lose'"),
    ],
)
def test_wrong_calls_are_told_in_words_a_model_can_act_on(name, raw, said):
    with pytest.raises(ToolError, match=said.replace("'", ".")) as caught:
        BOX.arguments(name, raw)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert "https://" not in str(caught.value)
