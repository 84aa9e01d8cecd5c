"""Answers as JSON and back: what a chat keeps."""

from __future__ import annotations

import dataclasses
import types
from datetime import datetime
from typing import Any, get_type_hints

import msgspec

from watchdog.assistant.records import About, Answer, Ending, Evidence


class _At(msgspec.Struct, frozen=True):
    """An instant among a table's texts: JSON has no kind for it."""

    at: datetime


def answer_json(answer: Answer) -> str:
    """An answer, to be read with `answer_of`. A number that is none (NaN, infinite) becomes unknown."""
    fields = {field.name: getattr(answer, field.name) for field in dataclasses.fields(answer)}
    fields["evidence"] = tuple(_marked(evidence) for evidence in answer.evidence)
    try:
        return msgspec.json.encode(fields, enc_hook=str).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(_writable(msgspec.to_builtins(fields, enc_hook=str))).decode()


def answer_of(body: str, *, model: str = "") -> Answer:
    """The answer that was kept; one without a word where there is none, or none that this program understands."""
    if not body:
        return Answer("", Ending.STOPPED, model)
    try:
        kept = msgspec.json.decode(body, type=_ANSWER)
    except msgspec.MsgspecError:
        return Answer("", Ending.FAILED, model)
    fields = msgspec.structs.asdict(kept)
    return Answer(**fields | {"evidence": tuple(_unmarked(each) for each in fields["evidence"])})


def writable(text: str) -> str:
    """The text without halves of characters (lone surrogates), which can be neither sent nor kept."""
    return text.encode(errors="replace").decode()


def _writable(value: Any) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {_writable(key): _writable(each) for key, each in value.items()}
    return [_writable(each) for each in value] if isinstance(value, list | tuple) else value


def about_json(about: About) -> str:
    """What a question is about; "" for nothing in particular."""
    return "" if about == About() else msgspec.json.encode(about).decode()


def about_of(body: str) -> About:
    """What was kept of it."""
    try:
        return msgspec.json.decode(body, type=About) if body else About()
    except msgspec.MsgspecError:
        return About()


def _marked(evidence: Evidence) -> dict[str, Any]:
    rows = [[_At(cell) if isinstance(cell, datetime) else cell for cell in row] for row in evidence.rows]
    return {field.name: getattr(evidence, field.name) for field in dataclasses.fields(evidence)} | {"rows": rows}


def _unmarked(kept: Any) -> Evidence:  # noqa: ANN401 (a struct made of Evidence)
    fields = msgspec.structs.asdict(kept)
    rows = tuple(tuple(cell.at if isinstance(cell, _At) else cell for cell in row) for row in fields["rows"])
    return Evidence(**fields | {"rows": rows})


def _twin(record: type, **other: Any) -> Any:  # noqa: ANN401 (types)
    """A struct with the record's fields, some of another type."""
    hints = get_type_hints(record) | other
    return msgspec.defstruct(record.__name__, [_field(field, hints) for field in dataclasses.fields(record)])


def _field(field: dataclasses.Field[Any], hints: dict[str, Any]) -> Any:  # noqa: ANN401 (two or three of a kind)
    name, hint = field.name, hints[field.name]
    if field.default_factory is not dataclasses.MISSING:
        return name, hint, msgspec.field(default_factory=field.default_factory)
    return (name, hint) if field.default is dataclasses.MISSING else (name, hint, field.default)


_CELL: Any = str | int | float | bool | _At | None
_ROWS: Any = types.GenericAlias(tuple, (types.GenericAlias(tuple, (_CELL, ...)), ...))
_EVIDENCE = _twin(Evidence, rows=_ROWS)
_ANSWER = _twin(Answer, evidence=types.GenericAlias(tuple, (_EVIDENCE, ...)))
