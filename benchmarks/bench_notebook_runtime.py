"""Notebooks for `bench_pages`: SQL cells, each answered with 36,864 rows: five minutes a row, one line a node."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace

from tests.unit.services.notebook.runners import Runner
from watchdog.model.notebook import Markdown, Notebook, Sql
from watchdog.model.telemetry import Window
from watchdog.services.history import History
from watchdog.services.notebook import editing
from watchdog.services.notebook.shelf import Shelf
from watchdog.ui import notebook_page

_ANSWER = """SELECT TIMESTAMPTZ '2026-03-01 00:00+00' + INTERVAL 5 MINUTE * t.range AS bucket_at,
    'node' || n.range AS node, sin(t.range / 20.0 + n.range) AS gpu_util_ratio
FROM range(288) t, range(128) n ORDER BY ALL"""


class _Runner(Runner):
    def start(self, sql, parameters, inputs):
        return super().start(_ANSWER, {}, {})


def add_notebooks(runtime: SimpleNamespace) -> None:
    """Give the runtime a store with one long notebook that was run, and what answers cells."""
    runtime.history = History(Path(tempfile.mkdtemp()) / "watchdog.duckdb", runtime.clock)
    runtime.sql = SimpleNamespace(warm=lambda: None)
    runtime.exports = SimpleNamespace(current=None)
    runtime.notebooks = Shelf(runtime.history, _Runner(), None, runtime.clock)
    built = Notebook("long", "Long", "local")
    for _ in range(6):
        built = editing.add(editing.add(built, Markdown("## Words\n\nand more words")), Sql("SELECT $since"))
    now = runtime.clock.now()
    built = runtime.notebooks.store().save(built, "local", now)
    notebook_page._browser = lambda: "local\nbench"
    runtime.notebooks.sessions.get("local\nbench", "long").run_all(built, Window(now, now))
