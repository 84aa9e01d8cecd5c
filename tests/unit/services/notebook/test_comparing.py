"""One question about two windows: which window, and what differs row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOON
from watchdog.base.errors import NotebookError
from watchdog.model.notebook import Before, Chart, Markdown, Notebook, Sql
from watchdog.model.telemetry import Window
from watchdog.services.notebook import editing
from watchdog.services.notebook.comparing import difference, earlier, names_of, reads_window, shift_of
from watchdog.services.notebook.formats.ipynb import from_ipynb, to_ipynb
from watchdog.services.notebook.formats.sqlfile import from_sql, to_sql

WEEK = timedelta(weeks=1)
HOUR = Window(NOON, NOON + timedelta(hours=1))


def table(**columns):
    return pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)


@given(st.sampled_from(Before), st.integers(1, 10**7))
def test_the_other_window_is_as_long_and_lies_before(before, seconds):
    window = Window(NOON, NOON + timedelta(seconds=seconds))
    other = earlier(before, window)
    assert other.length == window.length
    assert other.since + shift_of(before, window) == window.since
    assert names_of(before, window)[0] != names_of(before, window)[1]


def test_the_names_of_two_weeks_are_their_days():
    week = Window(datetime(2026, 2, 23, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    assert names_of(Before.WEEK, week) == ("2026-02-23 to 03-01", "a week before: 2026-02-16 to 02-22")
    assert "2026-03-01 11:00 to 03-01 12:00" in names_of(Before.WINDOW, HOUR)[1]


def test_rows_are_matched_by_their_words_and_by_instants_a_shift_apart():
    this = table(at=[NOON, NOON + timedelta(hours=1)], node=["n1", "n1"], gpu_index=[0, 0], power_watts=[300.0, 310.0])
    last = table(at=[NOON - WEEK], node=["n1"], gpu_index=[0], power_watts=[250.0])
    found = difference(this, last, WEEK)
    assert [*found] == ["at", "node", "gpu_index", "power_watts", "power_watts_before", "power_watts_change"]
    assert found["power_watts_change"].to_list()[0] == 50.0
    # Nobody measured then: unknown, not no change.
    assert found["power_watts_before"].isna().to_list() == [False, True]
    assert found["power_watts_change"].isna().to_list() == [False, True]


def test_a_single_number_is_compared_and_gaps_stay_gaps():
    found = difference(table(cost_usd=[10.0]), table(cost_usd=[8.0]), WEEK)
    assert found.to_dict("list") == {"cost_usd": [10.0], "cost_usd_before": [8.0], "cost_usd_change": [2.0]}
    keyed = difference(table(node=["a", None], x=[1, 2]), table(node=[None, "b"], x=[5, 6]), WEEK)
    assert keyed["x_change"].isna().to_list() == [True, False]
    assert keyed["x_change"].to_list()[1] == -3


def test_a_column_that_is_called_like_ours_is_kept():
    found = difference(table(node=["a"], x=[1], x_before=[7]), table(node=["a"], x=[0], x_before=[7]), WEEK)
    assert found["x_before"].to_list() == [7]
    assert found["x_before_"].to_list() == [0]


@pytest.mark.parametrize(
    ("this", "other", "why"),
    [
        (table(node=["a", "a"], x=[1, 2]), table(node=["a"], x=[1]), "cannot be told apart"),
        (table(x=[1, 2]), table(x=[1]), "cannot be told apart"),
        (table(node=["a"]), table(node=["a"]), "no number"),
        (table(x=[1]), table(y=[1]), "other columns"),
        (table(x=[1]), table(x=[1]).slice(0, 0), "has no rows"),
        (table(x=range(200_001)), table(x=[1]), "more than 200,000 rows"),
    ],
)
def test_what_cannot_be_compared_says_why(this, other, why):
    with pytest.raises(NotebookError, match=why):
        difference(this, other, WEEK)


def test_a_cell_depends_on_the_window_also_through_what_it_reads():
    notebook = Notebook("nb", "T", "ann")
    for body in (Sql("SELECT $since AS a"), Sql("SELECT * FROM cell_1"), Sql("SELECT 1"), Chart(of="cell_2")):
        notebook = editing.add(notebook, body)
    assert [reads_window(notebook, cell) for cell in notebook.cells] == [True, True, False, True]


def test_a_comparison_travels_with_its_cell():
    notebook = editing.add(editing.add(Notebook("nb", "T", "ann"), Sql("SELECT $since")), Chart(of="cell_1"))
    notebook = editing.add(notebook, Markdown("x"))
    for cell_id, before in (("c1", Before.WEEK), ("c2", Before.FOUR_WEEKS)):
        notebook = editing.compare(notebook, cell_id, before)
    expected = [Before.WEEK, Before.FOUR_WEEKS, Before.NONE]
    for again in (from_sql(to_sql(notebook), "x", "ann"), from_ipynb(to_ipynb(notebook, HOUR), "x", "ann").notebook):
        assert [cell.before for cell in again.cells] == expected
    with pytest.raises(NotebookError):
        editing.compare(notebook, "c9", Before.WEEK)
