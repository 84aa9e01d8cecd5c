"""Parameters in PromQL, which has no way to bind them: each becomes one literal, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from watchdog.base.errors import NotebookError
from watchdog.sources.promql import escaped, quoted

# Texts and comments are passed over: a `$` in them is the end of a regular expression.
_TOKEN = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\#[^\n]*)|\$(?P<name>[A-Za-z_][A-Za-z0-9_]*)""",
    re.ASCII | re.DOTALL,
)
_PATTERN = re.compile(r"[=!]~\s*\Z")


def parameters_in(text: str) -> frozenset[str]:
    """Names, without `$` and in lower case, that a query uses."""
    return frozenset(match["name"].lower() for match in _parameters(text))


def bound(text: str, values: Mapping[str, object]) -> str:
    """The query with each `$name` as a literal: a quoted text, escaped once more where a pattern is matched.

    Raises:
        NotebookError: a name without a value.
    """
    pieces, last = list[str](), 0
    for match in _parameters(text):
        name = match["name"].lower()
        if name not in values:
            raise NotebookError(f"there is no value for ${name}", hint="Add a parameter cell of that name.")
        is_pattern = bool(_PATTERN.search(text[last : match.start()]))
        pieces += [text[last : match.start()], _literal(values[name], is_pattern=is_pattern)]
        last = match.end()
    return "".join([*pieces, text[last:]])


def _parameters(text: str) -> Iterator[re.Match[str]]:
    return (match for match in _TOKEN.finditer(text) if match["name"])


def _literal(value: object, *, is_pattern: bool) -> str:
    if isinstance(value, datetime):
        return f"{value.timestamp():.3f}"
    if isinstance(value, float | int):
        return repr(value)
    return quoted(escaped(str(value)) if is_pattern else str(value))
