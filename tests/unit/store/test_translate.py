"""Every error of DuckDB has a place in our tree, and a hint."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from watchdog.base.errors import StoreError, StoreFullError, StoreLockedError, StoreVersionError
from watchdog.store.translate import translate, translated

PATH = Path("/srv/watchdog.duckdb")


def _all_errors():
    found, todo = [], [duckdb.Error]
    while todo:
        found.append(todo.pop())
        todo += found[-1].__subclasses__()
    return found


@pytest.mark.parametrize("kind", _all_errors(), ids=lambda kind: kind.__name__)
def test_each_duckdb_error_becomes_a_store_error_that_says_what_to_do(kind):
    with pytest.raises(StoreError) as caught, translated(PATH):
        raise kind("Some Error: it went wrong\nand here are details")
    assert str(PATH) in str(caught.value)
    assert "it went wrong" in str(caught.value) or "interrupted" in str(caught.value)
    assert "details" not in str(caught.value)
    assert caught.value.hint


MESSAGES = [
    (StoreLockedError, "process 5969 (/usr/bin/python3.11)", duckdb.IOException(
        'IO Error: Could not set lock on file "/srv/watchdog.duckdb": Conflicting lock is held in /usr/bin/python3.11 '
        "(PID 5969). See also https://duckdb.org/docs/current/connect/concurrency")),
    (StoreLockedError, "another process", duckdb.IOException('IO Error: Could not set lock on file "x": try again')),
    (StoreVersionError, "not a DuckDB file", duckdb.IOException(
        'IO Error: The file "x" exists, but it is not a valid DuckDB database file!')),
    (StoreVersionError, "newer DuckDB", duckdb.IOException(
        "IO Error: Trying to read a database file with version number 999, but we can only read versions between 64 "
        "and 68")),
    (StoreFullError, "No space left", duckdb.TransactionException(
        'TransactionContext Error: Failed to commit: Could not write file "x.wal": No space left on device')),
    (StoreFullError, "No space left", duckdb.FatalException(
        "FATAL Error: Failed: database has been invalidated because of a previous fatal error.\nOriginal error: "
        '"Failed to create checkpoint because of error: Could not write file "x": No space left on device"')),
    (StoreFullError, "File too large", duckdb.IOException('IO Error: Could not write file "x": File too large')),
    (StoreFullError, "Read-only", duckdb.IOException('IO Error: Cannot open file "x": Read-only file system')),
    (StoreFullError, "Permission denied", duckdb.IOException('IO Error: Cannot open file "x": Permission denied')),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "said", "error"), MESSAGES)
def test_what_duckdb_says_decides_what_is_wrong(kind, said, error):
    got = translate(error, PATH)
    assert type(got) is kind
    assert said in str(got)
    assert got.hint
