"""The door: questions about one folder of files, each answered by a process of its own."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from watchdog.base.errors import SqlError
from watchdog.sandbox.limits import Limits
from watchdog.sandbox.process import Question, Result, Running, Worker


class Sandbox:
    """Answers questions about the files in `folder`; safe to use from many threads.

    With `spare`, one worker is kept waiting, with its libraries loaded: it takes a question at once and is not used
    again. At most `most` questions are answered at a time; one more waits, and is refused after its time.
    """

    def __init__(self, folder: Path, *, most: int = 4, spare: bool = True) -> None:
        self._folder = folder
        self._keep_spare = spare
        self._spare: Worker | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._turns = threading.BoundedSemaphore(most)
        self._work_dir: Path | None = None

    def start(self, question: Question) -> Running:
        """Hand over a question; SqlError where it is refused at sight. The answer comes from `wait` of what returns."""
        _check(question)
        if not self._turns.acquire(timeout=question.limits.seconds):
            raise SqlError("too many questions are being answered", hint="Ask again in a moment.", kind="refused")
        try:
            return self._worker().ask(question, after=self._done)
        except BaseException:
            self._turns.release()
            raise

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
        return self.start(question).wait()

    def warm(self) -> None:
        """Have a worker waiting."""
        if not self._keep_spare:
            return
        with self._lock:
            if self._closed or (self._spare and self._spare.alive):
                return
            if self._spare:
                self._spare.end()
            self._spare = self._started()

    def rest(self) -> None:
        """End the waiting worker; the next question takes a little longer."""
        with self._lock:
            spare, self._spare = self._spare, None
        if spare:
            spare.end()

    def close(self) -> None:
        """End the waiting worker."""
        with self._lock:
            self._closed = True
            work_dir, self._work_dir = self._work_dir, None
        self.rest()
        if work_dir:
            shutil.rmtree(work_dir, ignore_errors=True)

    def _done(self) -> None:
        self._turns.release()
        self.warm()

    def _worker(self) -> Worker:
        with self._lock:
            spare, self._spare = self._spare, None
            if spare and spare.alive:
                return spare
            if spare:
                spare.end()
            return self._started()

    def _started(self) -> Worker:
        # A worker is let into the folder that is there when it starts.
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
        return Worker(self._folder, self._empty_dir())

    def _empty_dir(self) -> Path:
        """Where workers start: a relative name leads nowhere."""
        if self._work_dir is None:
            self._work_dir = Path(tempfile.mkdtemp(prefix="watchdog-sql-"))
        return self._work_dir


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
