"""DuckDB's errors in our words: the only place that reads its messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from watchdog.base.errors import StoreError, StoreFullError, StoreLockedError, StoreVersionError

_NO_SPACE = ("No space left", "File too large", "Disk quota exceeded", "not enough disk", "Read-only file system")
_NO_RIGHT = ("Permission denied", "Operation not permitted", "Not a directory", "Is a directory")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise what DuckDB and the file system raise as a StoreError about the file at `path`."""
    try:
        yield
    except duckdb.Error as error:
        raise translate(error, path) from error
    except OSError as error:
        raise translate(duckdb.IOException(f"IO Error: {error}"), path) from error


def translate(error: duckdb.Error, path: Path) -> StoreError:
    """The StoreError that says what `error` means and what to do."""
    text = str(error)
    return _about_the_disk(text, path) or _about_the_file(text, path) or _about_the_call(error, path)


def _about_the_disk(text: str, path: Path) -> StoreError | None:
    if any(sign in text for sign in _NO_SPACE):
        return StoreFullError(
            f"{path} cannot be written: {_reason(text)}",
            hint="Free space or make the disk writable; writing resumes by itself. Nothing committed is lost.",
        )
    if any(sign in text for sign in _NO_RIGHT):
        return StoreFullError(
            f"{path} cannot be opened for writing: {_reason(text)}",
            hint="Give this user the right to write there, or set WATCHDOG_DATA_DIR to another folder.",
        )
    return None


def _about_the_file(text: str, path: Path) -> StoreError | None:
    if "Could not set lock" in text or "Unique file handle conflict" in text:
        holder = re.search(r"in (\S+ )\(PID (\d+)\)", text)
        who = f"process {holder[2]} ({holder[1].strip()})" if holder else "another process"
        return StoreLockedError(
            f"{path} is open in {who}", hint="Stop that process, or set WATCHDOG_DATA_DIR to another folder."
        )
    if "not a valid DuckDB database" in text:
        return StoreVersionError(
            f"{path} is not a DuckDB file", hint="It was left untouched: move it away, or set WATCHDOG_DATA_DIR."
        )
    if "version number" in text or "newer version" in text or "storage version" in text:
        return StoreVersionError(
            f"{path} was written by a newer DuckDB: {_reason(text)}", hint="Install the requirements of this release."
        )
    return None


def _about_the_call(error: duckdb.Error, path: Path) -> StoreError:
    reason = f"{path}: {_reason(str(error))}"
    if isinstance(error, duckdb.FatalException):
        return StoreError(f"{reason}", hint="The file is opened again at the next call.")
    if isinstance(error, duckdb.OutOfMemoryException):
        return StoreError(f"{reason}", hint="Ask for a shorter window or a longer step.")
    if isinstance(error, duckdb.InterruptException):
        return StoreError(f"{path}: the query was interrupted", hint="Ask again.")
    return StoreError(reason, hint="If it comes back, report it with the log.")


def _reason(text: str) -> str:
    """The first line, without DuckDB's prefix; a fatal error's cause is on a later line."""
    _, found, original = text.partition('Original error: "')
    line = (original if found else text).partition("\n")[0].rstrip('"')
    return line.partition("Error: ")[2] or line
