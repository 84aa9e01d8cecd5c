"""Workers, from outside: start one, ask it, and end it, whatever it does."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from watchdog.base.errors import SqlError
from watchdog.sandbox import wire
from watchdog.sandbox.limits import MIB, Limits

_ROOT = Path(__file__).parents[2]
_CODE = "import sys; sys.path.insert(0, {root!r}); from watchdog.sandbox.worker import main; main({folder!r})"
# Nothing of the server's environment; libraries start no threads and few arenas, which would count as memory.
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
# Arrow pads and describes its columns.
_WRAPPING = 16 * MIB


@dataclass(frozen=True)
class Question:
    """What is asked: SQL with $names, their values, the snapshot's tables and earlier answers by name."""

    sql: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inputs: Mapping[str, pa.Table] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Result:
    """An answer.

    Attributes:
        table: instants are marked UTC, durations are durations.
        cut: why rows or bytes are missing, in words; empty if the answer is whole.
        seconds: from the call to the last byte.
        unprotected: which of the kernel's walls could not be had on this machine, in words.
    """

    table: pa.Table
    cut: str
    seconds: float
    unprotected: tuple[str, ...] = ()

    @property
    def truncated(self) -> bool:
        """Whether something is missing."""
        return bool(self.cut)


class Worker:
    """One process, good for one question."""

    def __init__(self, folder: Path, work_dir: Path) -> None:
        """Start it; it may read what is in `folder`."""
        code = _CODE.format(root=str(_ROOT), folder=str(folder.resolve()))
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and code)
            [sys.executable, "-I", "-B", "-X", "utf8", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=work_dir,
            env=_ENVIRONMENT,
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        """Whether it waits for a question."""
        return self._process.poll() is None

    def ask(self, question: Question, after: Callable[[], None] = lambda: None) -> Running:
        """Hand it the question; the clock runs from here. `after` is called when it is through."""
        return Running(self._process, question, after)

    def end(self) -> None:
        """End it now, with whatever it started."""
        end(self._process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process group and take the body away."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(OSError):
                pipe.close()


class Running:
    """A question under way."""

    def __init__(
        self, process: subprocess.Popen[bytes], question: Question, after: Callable[[], None] = lambda: None
    ) -> None:
        self._process = process
        self._after = after
        self._question = question
        self._began = time.monotonic()
        self._ended_by = ""
        self._lock = threading.Lock()
        self._timer = threading.Timer(question.limits.seconds, self._end, ["timeout"])
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        """End it at once; `wait` raises SqlError of kind "cancelled". From any thread; later calls do nothing."""
        self._end("cancelled")

    def wait(self) -> Result:
        """The answer, or SqlError. To be called once."""
        try:
            head, table = self._exchange()
        finally:
            self._timer.cancel()
            with self._lock:
                end(self._process)
            self._after()
        if error := head.get("error"):
            raise SqlError(
                str(error["message"]),
                hint=str(error.get("hint", "")),
                kind=str(error.get("kind", "failed")),
                line=error.get("line"),
                column=error.get("column"),
            )
        seconds = time.monotonic() - self._began
        return Result(table, str(head["cut"]), seconds, tuple(map(str, head["open"])))

    def _end(self, why: str) -> None:
        with self._lock:
            if self._process.returncode is None:
                self._ended_by = self._ended_by or why
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _exchange(self) -> tuple[dict[str, Any], pa.Table]:
        request, pipe = self._process.stdin, self._process.stdout
        assert isinstance(request, io.BufferedWriter)
        assert isinstance(pipe, io.BufferedReader)
        with suppress(OSError):  # it ended early: what it says, or how it ended, tells why
            wire.write_blocks(request, _request(self._question))
        most = self._question.limits.result_bytes + _WRAPPING
        data = pipe.read(most)
        if len(data) == most:
            self._end("size")
        try:
            answer = io.BytesIO(data)
            head = wire.read_json(answer)
            return dict(head), None if "error" in head else pa.ipc.open_stream(answer).read_all()
        except (EOFError, ValueError, OSError) as error:
            raise self._why() from error

    def _why(self) -> SqlError:
        """Why there is no whole answer."""
        limits = self._question.limits
        if self._ended_by == "size":
            return SqlError("the answer is too large", hint="Ask for fewer rows or columns.", kind="memory")
        code = self._process.wait()
        if self._ended_by == "cancelled":
            return SqlError("the question was stopped", kind="cancelled")
        if self._ended_by == "timeout" or code == -signal.SIGXCPU:
            hint = "Ask for a shorter window, filter earlier, or aggregate."
            return SqlError(f"the question took longer than {limits.seconds:g} s", hint=hint, kind="timeout")
        return SqlError(
            f"the engine ended without an answer ({_how(code)})",
            hint="The question was too deep or too large for it; write it more simply.",
            kind="crashed",
        )


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _request(question: Question) -> Sequence[bytes | memoryview]:
    asked = {
        "sql": question.sql,
        "limits": dataclasses.asdict(question.limits),
        "tables": {name: dict(table) for name, table in question.tables.items()},
        "inputs": [*question.inputs],
    }
    tables = [_parameters(question.parameters), *question.inputs.values()]
    return [json.dumps(asked).encode(), *map(_stream, tables)]


def _parameters(values: Mapping[str, object]) -> pa.Table:
    """One row, so that instants, numbers and lists keep their types."""
    columns = {}
    for name, value in values.items():
        try:
            columns[name] = pa.array([value])
        except (pa.ArrowException, OverflowError, UnicodeError) as error:
            message = f"${name} has a value that cannot be handed over: {error}"
            raise SqlError(message[:500], kind="refused") from error
    return pa.table(columns)


def _stream(table: pa.Table) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return memoryview(sink.getvalue())
