"""The one DuckDB connection of the process: a cursor a call, one writer at a time, opened again after a fatal error."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from watchdog.base.errors import StoreError, StoreFullError
from watchdog.store import torn
from watchdog.store.translate import translate, translated

_log = logging.getLogger(__name__)

Cursor = duckdb.DuckDBPyConnection
# DuckDB's own measure.
_LOG_BYTES = 16 << 20


def rows(cursor: Cursor, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Run one statement to its end: an unfinished result would keep the cursor busy."""
    return cursor.execute(sql, list(values)).fetchall()


class Database:
    """An open file.

    Results differ between threads that share a connection, so each call takes a cursor of its own.
    Writers wait for each other here, which leaves DuckDB no write conflicts to report.
    """

    def __init__(
        self, path: Path, prepare: Callable[[Cursor, Path], None], *, memory_limit: str = "1GB", threads: int = 0
    ) -> None:
        """Open `path`, creating folder and file; `prepare` brings the schema up to date."""
        self.path = path
        self._prepare = prepare
        self._config: dict[str, str | bool | int | float | list[str]] = {
            # Files stay readable by DuckDB 1.5, which the extensions of today need.
            "storage_compatibility_version": "v1.5.0",
            "memory_limit": memory_limit,
            "threads": threads or min(4, os.cpu_count() or 1),
            "enable_external_access": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            # Checkpoints are ours, as each begins with keeping what it may break.
            "checkpoint_threshold": "1TB",
        }
        self._writing = threading.RLock()
        self._counting = threading.Lock()
        self._in_use = 0
        self._broken = False
        self._connection = self._open()

    @contextmanager
    def read(self) -> Iterator[Cursor]:
        """A cursor that sees one state of the file until it is closed."""
        with self._cursor() as cursor:
            rows(cursor, "BEGIN")
            try:
                yield cursor
            finally:
                with suppress(duckdb.Error):
                    rows(cursor, "ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[Cursor]:
        """A cursor in a transaction: committed at the end, rolled back by an error."""
        with self._writing, self._cursor() as cursor:
            rows(cursor, "BEGIN")
            try:
                yield cursor
            except BaseException:
                with suppress(duckdb.Error):
                    rows(cursor, "ROLLBACK")
                raise
            rows(cursor, "COMMIT")
            if self._log_bytes() > _LOG_BYTES:
                # Somebody reads, or what is kept aside finds no space: it is committed all the same, and tried again.
                with suppress(duckdb.TransactionException, StoreFullError):
                    self._checkpoint(cursor)

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file."""
        with self._writing, self._cursor() as cursor:
            self._checkpoint(cursor)

    def _checkpoint(self, cursor: Cursor) -> None:
        numbers = [row[0] for row in rows(cursor, "PRAGMA metadata_info")]
        with translated(self.path):
            torn.keep(self.path, numbers)
        rows(cursor, "CHECKPOINT")
        torn.forget(self.path)

    def _log_bytes(self) -> int:
        try:
            return self.path.with_name(f"{self.path.name}.wal").stat().st_size
        except OSError:
            return 0

    def copy_to(self, path: Path) -> None:
        """A copy of the file as of now under another name; writers wait meanwhile, readers do not.

        `path` is there whole, or not at all.
        """
        part = path.with_name(f"{path.name}.part")
        with self._writing, translated(self.path):
            try:
                self.checkpoint()
                _copy_elsewhere(self.path, part)
                self._copy_log(part)
            except OSError as error:
                part.unlink(missing_ok=True)
                raise StoreFullError(f"{path} cannot be written: {error.strerror}", hint="Free space there.") from error
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)

    def _copy_log(self, part: Path) -> None:
        """Where a long read kept the checkpoint from taking all in, the log belongs to the file."""
        if self._log_bytes():
            log = self.path.with_name(f"{self.path.name}.wal")
            _copy_elsewhere(log, part.with_name(f"{part.name}.wal"))
            self._connect(part).close()

    def close(self) -> None:
        """Give the file back, with the log folded in; where that fails the log stays, and nothing is lost."""
        with self._writing, translated(self.path):
            if not self._broken and self._log_bytes():
                with suppress(duckdb.Error, StoreError):
                    self._checkpoint(self._connection)
            self._connection.close()

    @contextmanager
    def _cursor(self) -> Iterator[Cursor]:
        cursor = self._take()
        try:
            yield cursor
        except duckdb.Error as error:
            self._broken |= isinstance(error, duckdb.FatalException)
            raise translate(error, self.path) from error
        finally:
            with self._counting:
                cursor.close()
                self._in_use -= 1

    def _take(self) -> Cursor:
        with self._counting, translated(self.path):
            if self._broken:
                self._reopen()
            cursor = self._connection.cursor()
            self._in_use += 1
            return cursor

    def _reopen(self) -> None:
        # A fatal error (a full disk during a checkpoint) ends DuckDB's instance, which lives until its last cursor.
        if self._in_use:
            raise StoreError(f"{self.path} is being opened again after an error", hint="Ask again in a moment.")
        self._connection.close()
        self._connection = self._open()
        self._broken = False

    def _open(self) -> Cursor:
        with translated(self.path):
            if _is_new(self.path):
                self._create()
            elif mended := torn.mend(self.path):
                _log.warning("%s: a checkpoint had left blocks %s half written; they were put back", self.path, mended)
            connection = self._connect(self.path)
            rows(connection, "PRAGMA disable_checkpoint_on_shutdown")
            return connection

    def _create(self) -> None:
        # Under another name first: a kill between creating the file and its first header leaves no half file.
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        fresh.unlink(missing_ok=True)
        try:
            self._connect(fresh).close()
            fresh.replace(self.path)
        finally:
            fresh.unlink(missing_ok=True)

    def _connect(self, path: Path) -> Cursor:
        connection = duckdb.connect(str(path), config=self._config)
        try:
            # SET without GLOBAL is not inherited by cursors.
            rows(connection, "SET GLOBAL TimeZone = 'UTC'")
            self._prepare(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection


def _copy_elsewhere(source: Path, target: Path) -> None:
    """Copy in a process of its own: if this one closed the file once, it would lose its lock on it (POSIX)."""
    code = "import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2])"
    command = [sys.executable, "-I", "-S", "-c", code, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own words and paths)
    if done.returncode:
        raise OSError(0, (done.stderr.strip().splitlines() or ["the copy failed"])[-1])


def _is_new(path: Path) -> bool:
    """Make the folder, and look at the file's first bytes: DuckDB would hand SQLite's files to an extension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        return True
    with path.open("rb") as file:
        begin = file.read(12)
    if begin and begin[8:] != b"DUCK":
        raise translate(duckdb.IOException("not a valid DuckDB database file"), path)
    return not begin
