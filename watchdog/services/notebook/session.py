"""Answers of one notebook in one browser session: run a cell or all, stop, and tell what is stale.

The session holds no cells: each call brings the notebook as it is, so that nothing typed waits for a run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pyarrow as pa

from watchdog.base.clock import Clock
from watchdog.base.errors import NotebookError, WatchdogError
from watchdog.model.notebook import (
    Cell,
    Chart,
    Markdown,
    Notebook,
    Parameter,
    PromQl,
    Sql,
)
from watchdog.model.telemetry import Window
from watchdog.services.notebook.answering import Answered, Answering, check, key_of, values_read
from watchdog.services.notebook.outcome import CellState, Failure, Outcome, table_digest, told_apart
from watchdog.services.notebook.reading import Inputs, inputs
from watchdog.services.notebook.runner import PromRunner, SqlRunner, SqlTask

# One answer may have 256 MiB: the newest is always kept. See `sessions` for all sessions together.
MOST_BYTES = 384 << 20
_RUNS = (Sql, PromQl)


@dataclass(frozen=True)
class _Wanted:
    """A cell that is to run, of the notebook as it was when that was asked for."""

    cell_id: str
    notebook: Notebook
    window: Window


@dataclass
class _Run:
    """A run under way: what waits, what is being answered, and whether somebody said stop."""

    waiting: list[_Wanted]
    cell_id: str = ""
    task: SqlTask | None = None
    stopped: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class Session:
    """Any number of threads may ask; one run is under way at a time."""

    def __init__(
        self,
        sql: SqlRunner,
        prom: PromRunner | None,
        clock: Clock,
        *,
        most_bytes: int = MOST_BYTES,
        kept: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the runners; `prom` is None where no Prometheus is configured. `kept` is called after each answer."""
        self._answering, self._clock = Answering(sql, prom), clock
        self._most, self._after = most_bytes, kept
        # In the order of use, the latest last.
        self._outcomes: dict[str, Outcome] = {}
        self._lock = threading.Lock()
        self._run: _Run | None = None

    # What a page shows

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        with self._lock:
            return self._run is not None

    def outcome(self, notebook: Notebook, cell_id: str) -> Outcome | None:
        """What came of its last run; of a chart, of the cell it draws. None if it never ran."""
        cell = notebook.cell(cell_id)
        if isinstance(cell.body, Chart):
            source = notebook.named(cell.body.of)
            return self._outcome(source.cell_id) if source else None
        return self._outcome(cell_id)

    def state(self, notebook: Notebook, cell_id: str, window: Window) -> CellState:
        """How that cell stands, with the page's window."""
        return self.states(notebook, window)[cell_id]

    def states(self, notebook: Notebook, window: Window) -> dict[str, CellState]:
        """How all cells stand, by id; a cell is stale where anything it reads is."""
        found: dict[str, CellState] = {}
        for cell in notebook.cells:
            found[cell.cell_id] = self._busy(cell) or self._settled(notebook, cell, window, found)
        return found

    def size(self) -> int:
        """Bytes of answers held."""
        with self._lock:
            return sum(outcome.size for outcome in self._outcomes.values())

    # What a page does

    def run(self, notebook: Notebook, cell_id: str, window: Window) -> Outcome | None:
        """Run that cell, and before it what it reads and is not up to date; returns what came of it."""
        self._through(notebook, self._needed(notebook, cell_id, window), window)
        return self.outcome(notebook, cell_id)

    def run_all(self, notebook: Notebook, window: Window) -> None:
        """Run every question, in order; a failed one does not keep those from running that do not read it."""
        self._through(notebook, _questions(notebook), window)

    def start(self, notebook: Notebook, window: Window, cell_id: str | None = None) -> None:
        """The same in the background: that cell, or all; behind what is under way."""
        chosen = _questions(notebook) if cell_id is None else self._needed(notebook, cell_id, window)
        wanted = [_Wanted(each, notebook, window) for each in chosen]
        if self._queued(wanted):
            return
        threading.Thread(target=self._work, args=(self._begin(wanted),), name="watchdog-notebook", daemon=True).start()

    def stop(self) -> None:
        """End what is running, and run nothing of what waits."""
        with self._lock:
            if self._run:
                self._run.stopped = True
                self._run.waiting.clear()
                if self._run.task:
                    self._run.task.cancel()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end of the run; False if it goes on."""
        with self._lock:
            run = self._run
        return run.done.wait(seconds) if run else True

    def drop(self, bytes_wanted: int) -> int:
        """Let go of the answers used longest ago until so many bytes are free; how many are. Their cells say so."""
        with self._lock:
            return self._dropped(bytes_wanted, [*self._outcomes])

    def forget(self) -> None:
        """Drop all answers."""
        self.stop()
        with self._lock:
            self._outcomes.clear()

    # How

    def _outcome(self, cell_id: str) -> Outcome | None:
        with self._lock:
            return self._outcomes.get(cell_id)

    def _busy(self, cell: Cell) -> CellState | None:
        with self._lock:
            if self._run and self._run.cell_id == cell.cell_id:
                return CellState.RUNNING
            waits = self._run and any(cell.cell_id == each.cell_id for each in self._run.waiting)
            return CellState.WAITING if waits else None

    def _settled(self, notebook: Notebook, cell: Cell, window: Window, before: dict[str, CellState]) -> CellState:
        if isinstance(cell.body, Markdown | Parameter):
            return CellState.FRESH
        found = inputs(notebook, cell)
        if isinstance(cell.body, Chart):
            return before[found.cells[-1].cell_id] if found.cells else CellState.NEVER
        outcome = self._outcome(cell.cell_id)
        if outcome is None:
            return CellState.NEVER
        if self._is_stale(notebook, cell, window, found, outcome) or _any_stale(found, before):
            return CellState.STALE
        if outcome.failure:
            return CellState.FAILED
        return CellState.FRESH if outcome.table is not None else CellState.FORGOTTEN

    def _is_stale(self, notebook: Notebook, cell: Cell, window: Window, found: Inputs, outcome: Outcome) -> bool:
        if outcome.key != key_of(cell, values_read(notebook, found, window)):
            return True
        now = {each.cell_id: self._digest(each) for each in found.cells}
        return now != dict(outcome.inputs)

    def _digest(self, cell: Cell) -> str:
        outcome = self._outcome(cell.cell_id)
        return outcome.digest if outcome else ""

    def _needed(self, notebook: Notebook, cell_id: str, window: Window) -> list[str]:
        """That cell, or the one a chart draws, and before it whatever it reads that has no answer of today."""
        states = self.states(notebook, window)
        wanted, needed = [notebook.cell(cell_id)], set[str]()
        while wanted:
            cell = wanted.pop()
            needed.add(cell.cell_id)
            wanted += [each for each in inputs(notebook, cell).cells if states[each.cell_id] is not CellState.FRESH]
        if isinstance(notebook.cell(cell_id).body, Chart):
            needed |= {each.cell_id for each in inputs(notebook, notebook.cell(cell_id)).cells}
        return [each for each in _questions(notebook) if each in needed]

    def _through(self, notebook: Notebook, cell_ids: Sequence[str], window: Window) -> None:
        self._work(self._begin(_Wanted(each, notebook, window) for each in cell_ids))

    def _queued(self, wanted: list[_Wanted]) -> bool:
        """Put them behind the run under way; False if there is none."""
        with self._lock:
            if self._run is None or self._run.stopped or self._run.done.is_set():
                return False
            again = {each.cell_id for each in wanted}
            self._run.waiting = [each for each in self._run.waiting if each.cell_id not in again] + wanted
            return True

    def _begin(self, wanted: Iterable[_Wanted]) -> _Run:
        with self._lock:
            if self._run:
                raise NotebookError("cells are running already", hint="Wait for them, or stop them.")
            self._run = _Run([*wanted])
            return self._run

    def _work(self, run: _Run) -> None:
        try:
            while wanted := self._next(run):
                notebook = wanted.notebook
                outcome = self._answered(notebook, notebook.cell(wanted.cell_id), wanted.window, run)
                self._keep(wanted.cell_id, outcome)
        finally:
            with self._lock:
                self._run = None if self._run is run else self._run
            run.done.set()

    def _next(self, run: _Run) -> _Wanted | None:
        """What runs next. With the last one the run is over: what is asked for from then on is a run of its own."""
        with self._lock:
            run.task = None
            wanted = run.waiting.pop(0) if run.waiting else None
            run.cell_id = wanted.cell_id if wanted else ""
            if wanted is None:
                self._run = None
            return wanted

    def _answered(self, notebook: Notebook, cell: Cell, window: Window, run: _Run) -> Outcome:
        """What came of it: an answer, or why there is none."""
        found = inputs(notebook, cell)
        values = values_read(notebook, found, window)
        read = {each.cell_id: self._digest(each) for each in found.cells}
        outcome = Outcome(key_of(cell, values), read, self._clock.now())
        began = self._clock.monotonic()
        try:
            check(notebook, found)
            table, notes = self._asked(cell, found, values, window, run)
        except WatchdogError as error:
            return replace(outcome, failure=Failure.of(error), seconds=self._clock.monotonic() - began)
        seconds, table = self._clock.monotonic() - began, told_apart(table)
        return replace(
            outcome, table=table, digest=table_digest(table), rows=table.num_rows, notes=notes, seconds=seconds
        )

    def _asked(self, cell: Cell, found: Inputs, values: dict[str, object], window: Window, run: _Run) -> Answered:
        if isinstance(cell.body, PromQl):
            return self._answering.prometheus(cell.body, values, window)
        assert isinstance(cell.body, Sql)
        task = self._answering.sql(cell.body, values, {each.name: self._table(each) for each in found.cells})
        with self._lock:
            run.task, stopped = task, run.stopped
        if stopped:
            task.cancel()
        answered = task.wait()
        return answered.table, tuple(filter(None, (answered.cut,)))

    def _table(self, cell: Cell) -> pa.Table:
        """The answer of an earlier cell; NotebookError where there is none."""
        if not isinstance(cell.body, _RUNS):
            raise NotebookError(f"{cell.name} has no rows to read: it is a {cell.kind} cell")
        outcome = self._outcome(cell.cell_id)
        if outcome is None or outcome.table is None:
            why = f": {outcome.failure.message}" if outcome and outcome.failure else ""
            why = why or (": it was dropped to save memory" if outcome else "")
            raise NotebookError(f"{cell.name}, which this reads, has no answer{why}", hint=f"Run {cell.name} first.")
        with self._lock, suppress(KeyError):
            self._outcomes[cell.cell_id] = self._outcomes.pop(cell.cell_id)
        return outcome.table

    def _keep(self, cell_id: str, outcome: Outcome) -> None:
        with self._lock:
            self._outcomes.pop(cell_id, None)
            self._outcomes[cell_id] = outcome
            size = sum(each.size for each in self._outcomes.values())
            self._dropped(size - self._most, [*self._outcomes][:-1])
        self._after()

    def _dropped(self, bytes_wanted: int, cell_ids: list[str]) -> int:
        freed = 0
        for cell_id in cell_ids:
            if freed >= bytes_wanted:
                break
            freed += self._outcomes[cell_id].size
            self._outcomes[cell_id] = replace(self._outcomes[cell_id], table=None)
        return freed


def _questions(notebook: Notebook) -> list[str]:
    return [cell.cell_id for cell in notebook.cells if isinstance(cell.body, _RUNS)]


def _any_stale(found: Inputs, states: dict[str, CellState]) -> bool:
    return any(states[each.cell_id] in (CellState.STALE, CellState.NEVER) for each in found.cells)
