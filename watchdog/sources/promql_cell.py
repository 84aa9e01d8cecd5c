"""A query that a person wrote, put to Prometheus once and as it is, and its answer as a frame."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from watchdog.base.clock import Clock
from watchdog.base.config import Config
from watchdog.base.errors import SourceFormatError, SourceLimitError
from watchdog.model.arrays import instants, micros
from watchdog.model.telemetry import Answer, Window
from watchdog.model.units import duration_text
from watchdog.sources.decode import Series
from watchdog.sources.promapi import PromApi, Query
from watchdog.sources.promql import seconds

# Prometheus and Thanos refuse more points a series; VictoriaMetrics gives 30,000.
MOST_POINTS = 11_000
MOST_ROWS = 1_000_000
MOST_LABELS = 60
_CHOSEN_POINTS = 500
_STEPS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
_AT, _VALUE = "sampled_at", "value"
_PARSE = re.compile(r"(?:(\d+):)?(\d+): (parse error: .*)", re.DOTALL)


def chosen_step(window: Window) -> timedelta:
    """A round step that gives some hundred points."""
    wanted = window.length.total_seconds() / _CHOSEN_POINTS
    return timedelta(seconds=next((step for step in _STEPS if step >= wanted), -(-wanted // 86_400) * 86_400))


@dataclass(frozen=True)
class PromQuery:
    """Asks one server. Any number of threads may. Its failures are the cell's, not the source's."""

    api: PromApi

    @classmethod
    def of(cls, config: Config, clock: Clock) -> PromQuery | None:
        """Of the configured server; None where there is none."""
        return cls(PromApi(config, clock)) if config.prometheus_url else None

    def close(self) -> None:
        """Let go of connections."""
        self.api.session.close()

    def range(self, text: str, window: Window, step: timedelta | None = None) -> Answer:
        """Rows sampled_at, value and a column a label, over the window.

        Raises:
            SourceLimitError: more points a series than servers give, or more rows than a cell may have.
            SourceError: as `PromApi.query`; a query that cannot be read is a SourceFormatError with its place.
        """
        step = step or chosen_step(window)
        points = window.length // step + 1
        if points > MOST_POINTS:
            least = -(-window.length.total_seconds() // MOST_POINTS)
            raise SourceLimitError(
                f"{duration_text(window.length)} in steps of {duration_text(step)} are {points:,} points a series; "
                f"a server gives up to {MOST_POINTS:,}",
                hint=f"Choose a step of at least {least:g} s, or a shorter window.",
            )
        form = {"query": text, "start": seconds(micros(window.since)), "end": seconds(micros(window.until))}
        return self._asked(Query("/api/v1/query_range", {**form, "step": f"{step.total_seconds():.3f}"}))

    def instant(self, text: str, at: datetime) -> Answer:
        """The same at one instant."""
        return self._asked(Query("/api/v1/query", {"query": text, "time": seconds(micros(at))}))

    def _asked(self, query: Query) -> Answer:
        try:
            series = self.api.query(query)
        except SourceFormatError as error:
            raise _clearer(error) from error
        if len(series) > MOST_ROWS:
            raise SourceLimitError(
                f"the answer has {len(series):,} values, more than the {MOST_ROWS:,} of a cell",
                hint="Aggregate (sum by, max by), or choose a longer step.",
            )
        return Answer(frame_of(series), series.remarks)


def _clearer(error: SourceFormatError) -> SourceFormatError:
    text = str(error)
    if parse := _PARSE.search(text):
        line = f"line {parse[1] or 1}, column {parse[2]}: "
        return SourceFormatError(line + parse[3], hint="The place is counted in the query with its parameters set.")
    if "something else than series" in text or '"scalar"' in text or '"string"' in text:
        return SourceFormatError("the answer is no series", hint="Wrap a number in vector(…).")
    hint = "Read the server's words above." if "answered 400" in text else error.hint
    return SourceFormatError(text, hint=hint)


def frame_of(series: Series) -> pd.DataFrame:
    """Tidy rows: what labels hold stays text, and their names never hide a column of ours."""
    labels = [_labels(text) for text in series.labels]
    frame = pd.DataFrame({_AT: instants(series.at_micros), _VALUE: series.value})
    names = list(dict.fromkeys(name for one in labels for name in one))
    if len(names) > MOST_LABELS:
        raise SourceLimitError(
            f"the series have {len(names)} labels, more than the {MOST_LABELS} columns of a cell",
            hint="Keep those you need: sum by (…).",
        )
    for name, column in _columns(names).items():
        values = np.array([one.get(name) for one in labels], dtype=object)
        frame[column] = pd.Series(np.repeat(values, series.counts), dtype="string", index=frame.index)
    return frame


def _labels(text: bytes) -> dict[str, str]:
    found = json.loads(text)
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _columns(names: list[str]) -> dict[str, str]:
    """A column for each label: DuckDB does not tell `Node` from `node`."""
    taken, columns = {_AT, _VALUE}, dict[str, str]()
    for name in names:
        column = "metric" if name == "__name__" else name
        while column.lower() in taken:
            column = f"label_{column}"
        taken.add(column.lower())
        columns[name] = column
    return columns
