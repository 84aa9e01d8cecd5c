"""The door: questions about one folder of files, each answered by a process of its own."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from watchdog.base.errors import SqlError
from watchdog.sandbox.limits import Limits
from watchdog.sandbox.process import Question, Result, Running, Worker


class Sandbox:
    """Answers questions about the files in `folder`; safe to use from many threads.

    One worker is kept waiting, with its libraries loaded: it takes a question at once and is not used again. At most
    `most` questions are answered at a time, others wait their turn.
    """

    def __init__(self, folder: Path, *, most: int = 4, spare: bool = True) -> None:
        self._folder = folder
        self._keep_spare = spare
        self._spare: Worker | None = None
        self._lock = threading.Lock()
        self._turns = threading.Semaphore(most)
        # Workers start in an empty folder: a relative name leads nowhere.
        self._work_dir = Path(tempfile.mkdtemp(prefix="watchdog-sql-"))

    def start(self, question: Question) -> Running:
        """Hand over a question; SqlError where it is refused at sight. The answer comes from `wait` of what returns."""
        _check(question)
        return self._worker().ask(question)

    def run(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        inputs: Mapping[str, pa.Table] | None = None,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        *,
        tables: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Result:
        """Ask and wait; may raise SqlError."""
        question = Question(sql, parameters or {}, tables or {}, inputs or {}, limits)
        with self._turns:
            running = self.start(question)
            return running.wait()

    def warm(self) -> None:
        """Have a worker waiting."""
        if not self._keep_spare:
            return
        with self._lock:
            if self._spare is None or not self._spare.alive:
                self._spare = Worker(self._folder, self._work_dir)

    def close(self) -> None:
        """End the waiting worker."""
        with self._lock:
            if self._spare:
                self._spare.end()
                self._spare = None
        shutil.rmtree(self._work_dir, ignore_errors=True)

    def _worker(self) -> Worker:
        with self._lock:
            spare, self._spare = self._spare, None
        if spare and spare.alive:
            return spare
        return Worker(self._folder, self._work_dir)


def _check(question: Question) -> None:
    if len(question.sql) > question.limits.sql_chars:
        raise SqlError(f"the question is longer than {question.limits.sql_chars:,} characters", kind="refused")
    if "\0" in question.sql or not _is_text(question.sql):
        raise SqlError("the question has characters that are no text", kind="refused")
    for name in question.inputs:
        if not name.isidentifier() or not name.isascii() or name.lower() in question.tables:
            raise SqlError(f"an earlier answer cannot be called {name!r}", kind="refused")


def _is_text(sql: str) -> bool:
    try:
        sql.encode()
    except UnicodeEncodeError:
        return False
    return True
