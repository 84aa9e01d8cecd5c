"""What answers cells in tests: DuckDB in this process, and a Prometheus that says what it was told to."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import duckdb
import pandas as pd
import pyarrow as pa

from watchdog.base.errors import SqlError
from watchdog.model.telemetry import Answer


@dataclass
class Given:
    table: pa.Table
    cut: str = ""


class Task:
    def __init__(self, runner, sql, parameters, inputs):
        self.runner, self.sql, self.parameters, self.inputs = runner, sql, parameters, inputs
        self.cancelled = threading.Event()

    def cancel(self):
        self.cancelled.set()

    def wait(self):
        if "wait_for_stop" in self.sql:
            self.runner.waiting.set()
            assert self.cancelled.wait(10)
            raise SqlError("the question was stopped", kind="cancelled")
        connection = duckdb.connect(":memory:")
        connection.execute("SET TimeZone = 'UTC'")
        for name, table in self.inputs.items():
            connection.register(name, table)
        try:
            used = connection.extract_statements(self.sql)[0].named_parameters
            values = {name: self.parameters[name.lower()] for name in used}
            return Given(connection.sql(self.sql, params=values or None).to_arrow_table(), self.runner.cut)
        except duckdb.Error as error:
            raise SqlError(str(error).partition("\n")[0], line=2, column=3) from error


@dataclass
class Runner:
    """Remembers what it was asked."""

    asked: list = field(default_factory=list)
    waiting: threading.Event = field(default_factory=threading.Event)
    cut: str = ""

    def start(self, sql, parameters, inputs):
        self.asked.append((sql, dict(parameters), sorted(inputs)))
        return Task(self, sql, parameters, inputs)


@dataclass
class Prom:
    asked: list = field(default_factory=list)

    def range(self, text, window, step=None):
        self.asked.append((text, step))
        return Answer(pd.DataFrame({"sampled_at": [pd.Timestamp(window.since)], "value": [1.0], "node": ["n1"]}))

    def instant(self, text, at):
        self.asked.append((text, at))
        return Answer(pd.DataFrame({"sampled_at": [pd.Timestamp(at)], "value": [2.0]}), ("partial",))
