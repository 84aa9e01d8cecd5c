"""Errors the app raises on purpose.

WatchdogError
├── ConfigError                   the operator must change a setting
├── SourceError                   a source did not answer as documented
│   ├── SourceUnavailableError    no answer: refused, timed out, missing binary, 5xx
│   ├── SourceAuthError           401 or 403: wrong or missing credentials
│   ├── SourceLimitError          the server refused the size of the question
│   └── SourceFormatError         an answer that cannot be parsed
├── StoreError                    the local database refused
│   ├── StoreLockedError          another process owns the file
│   ├── StoreVersionError         the file is newer than this program, or not ours
│   └── StoreFullError            no space or no right to write
├── SqlError                      a question in SQL was refused, failed or took too much
├── NotebookError                 a notebook, a cell or a file of one is not as it must be
│   └── ConflictError             somebody else saved the notebook meanwhile
├── NotDeliveredError             a message did not reach its channel
├── ActionError                   what somebody wanted to do to an alert no longer fits, or is not allowed
├── ToolError                     a tool of the assistant has no answer to these arguments
├── ModelError                    the language model did not answer as documented
│   ├── ModelUnavailableError     no answer: refused, silent, died, overloaded, 5xx
│   ├── ModelAuthError            401 or 403: wrong or missing key
│   ├── ModelRefusedError         the server refused the request: an unknown model, a wrong parameter
│   ├── ModelLimitError           the conversation is longer than the model's context
│   └── ModelFormatError          an answer that is not of this protocol
├── ChatError                     a chat is not there, or cannot take what was said
├── ContractError                 a frame broke its contract: a bug in this code
└── InfraError                    renting, watching or returning machines failed
"""

from __future__ import annotations

from datetime import datetime


class WatchdogError(Exception):
    """Base of every error raised on purpose; `hint` says what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(WatchdogError):
    """A setting is missing or wrong."""


class SourceError(WatchdogError):
    """A source did not answer as documented."""


class SourceUnavailableError(SourceError):
    """No answer at all."""


class SourceAuthError(SourceError):
    """The source refused our credentials."""


class SourceLimitError(SourceError):
    """The source refused the size of the question."""


class SourceFormatError(SourceError):
    """An answer that cannot be parsed."""


class StoreError(WatchdogError):
    """The local database refused."""


class StoreLockedError(StoreError):
    """Another process has the database open."""


class StoreVersionError(StoreError):
    """The file was written by a newer program, or is not a DuckDB file."""


class StoreFullError(StoreError):
    """The disk is full or read-only."""


class SqlError(WatchdogError):
    """A question in SQL has no answer; says why, where it can be told with the place in the text.

    Attributes:
        kind: "refused" (not allowed here), "failed" (the engine's word), "timeout", "memory", "cancelled", "crashed".
        line, column: of the trouble in the text of the question, counted from 1; None where it has no place.
    """

    def __init__(
        self, message: str, *, hint: str = "", kind: str = "failed", line: int | None = None, column: int | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.line = line
        self.column = column


class NotebookError(WatchdogError):
    """A notebook, a cell or a file of one is not as it must be; the message names the cell and what is wrong."""


class ConflictError(NotebookError):
    """Somebody else saved the notebook since it was read; nothing was overwritten.

    Attributes:
        by, at: who saved it, and when (aware, UTC).
        copy_id: the notebook that now keeps what could not be saved.
    """

    def __init__(self, message: str, *, by: str, at: datetime, copy_id: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.by = by
        self.at = at
        self.copy_id = copy_id


class NotDeliveredError(WatchdogError):
    """A message did not reach its channel; the message says why, without any secret."""


class ActionError(WatchdogError):
    """What somebody wanted to do to an alert, a silence or a rule cannot be done; the message says why."""


class ToolError(WatchdogError):
    """A tool of the assistant has no answer to these arguments; the message is for its asker, a model as a rule."""


class ModelError(WatchdogError):
    """The language model did not answer as documented."""


class ModelUnavailableError(ModelError):
    """No answer, or it broke off.

    Attributes:
        again_seconds: after how long another try is worth it; None for never.
    """

    def __init__(self, message: str, *, hint: str = "", again_seconds: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.again_seconds = again_seconds


class ModelAuthError(ModelError):
    """The server refused our key."""


class ModelRefusedError(ModelError):
    """The server refused the request."""


class ModelLimitError(ModelError):
    """The conversation is longer than the model's context.

    Attributes:
        context_tokens: how long that is; None where the server does not say.
    """

    def __init__(self, message: str, *, hint: str = "", context_tokens: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.context_tokens = context_tokens


class ModelFormatError(ModelError):
    """An answer that is not of the chat.completions protocol."""


class ChatError(WatchdogError):
    """A chat with the assistant is not there, or cannot take what was said."""


class ContractError(WatchdogError):
    """A frame broke its contract."""


class InfraError(WatchdogError):
    """Renting, watching or returning machines failed."""
