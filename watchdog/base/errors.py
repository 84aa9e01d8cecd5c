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
├── NotDeliveredError             a message did not reach its channel
├── ActionError                   what somebody wanted to do to an alert no longer fits, or is not allowed
├── ContractError                 a frame broke its contract: a bug in this code
└── InfraError                    renting, watching or returning machines failed
"""


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


class NotDeliveredError(WatchdogError):
    """A message did not reach its channel; the message says why, without any secret."""


class ActionError(WatchdogError):
    """What somebody wanted to do to an alert, a silence or a rule cannot be done; the message says why."""


class ContractError(WatchdogError):
    """A frame broke its contract."""


class InfraError(WatchdogError):
    """Renting, watching or returning machines failed."""
