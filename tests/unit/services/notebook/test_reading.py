"""What a cell reads, as DuckDB's parser sees it; and parameters in PromQL."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOON
from watchdog.base.errors import NotebookError
from watchdog.model.notebook import Chart, Notebook, Parameter, PromQl, Sql, interval_text
from watchdog.model.telemetry import Window
from watchdog.services.notebook import editing
from watchdog.services.notebook.promql import bound, parameters_in
from watchdog.services.notebook.reading import dependents, inputs, sql_reads


@pytest.mark.parametrize(
    ("sql", "tables", "parameters"),
    [
        ("SELECT * FROM cell_1 JOIN jobs USING (x) WHERE a = $Node", {"cell_1", "jobs"}, {"node"}),
        ('SELECT 1 FROM "Cell_2" WHERE y IN (SELECT z FROM cell_3) -- cell_9 $x', {"cell_2", "cell_3"}, set()),
        ("SELECT 'FROM cell_4 $a', \"$b\" FROM t", {"t"}, set()),
        ("FROM cell_5", {"cell_5"}, set()),
        ("SUMMARIZE cell_6", {"cell_6"}, set()),
        ("WITH a AS (SELECT * FROM cell_7) SELECT * FROM a", {"cell_7", "a"}, set()),
        ("SELECT * FROM (PIVOT cell_8 ON x IN (1, 2) USING sum(y))", {"cell_8"}, set()),
        ("", set(), set()),
    ],
)
def test_tables_and_parameters_are_found_by_the_parser(sql, tables, parameters):
    found = sql_reads(sql)
    assert (found.tables, found.parameters) == (tables, parameters)


def test_of_what_cannot_be_parsed_whatever_looks_like_a_name_counts():
    found = sql_reads("SELEC ü, cell_1 FROM 'cell_2' WHERE $node = (")
    assert "cell_1" in found.tables
    assert "cell_2" not in found.tables
    assert found.parameters == {"node"}


@given(st.text(max_size=200))
def test_any_text_can_be_looked_through(text):
    if "\0" not in text and not re.search("[\ud800-\udfff]", text):
        sql_reads(text)
        parameters_in(text)


def chain():
    built = Notebook("nb", "t", "ann")
    for body in (Parameter("node"), Sql("SELECT $node"), Sql("FROM cell_2"), Sql("SELECT 1"), Chart(of="cell_3")):
        built = editing.add(built, body)
    return built


def test_what_reads_a_cell_through_others_depends_on_it():
    assert dependents(chain(), "c2") == ("c3", "c5")
    assert dependents(chain(), "c4") == ()


def test_a_cell_that_comes_later_and_a_value_that_nothing_gives_are_named():
    built = editing.add(chain(), Sql("FROM cell_6, cell_7 WHERE $who > $since"))
    built = editing.add(built, Sql("SELECT 1"))
    found = inputs(built, built.cell("c6"))
    assert (found.later, found.unknown, found.window) == (("cell_6", "cell_7"), ("who",), True)


def test_a_name_that_a_question_gives_itself_is_not_a_later_cell():
    built = editing.add(Notebook("nb", "t", "ann"), Sql("WITH cell_1 AS (SELECT 1) FROM cell_1"))
    assert inputs(built, built.cells[0]).later == ()


def test_a_window_parameter_gives_its_two_ends():
    window = Window(NOON, NOON + timedelta(days=7))
    built = editing.add(Notebook("nb", "t", "ann"), Parameter("week", "window", interval_text(window)))
    built = editing.add(built, Sql("SELECT $week_since, $week_until"))
    found = inputs(built, built.cells[1])
    assert (found.parameters, found.unknown) == ({"week_since", "week_until"}, ())


def test_a_promql_cell_reads_the_window_whatever_it_says():
    built = editing.add(chain(), PromQl('up{node=$node, x="$texts"} # $comment'))
    found = inputs(built, built.cell("c6"))
    assert (found.window, found.parameters, found.unknown) == (True, {"node"}, ())


@pytest.mark.parametrize(
    ("text", "values", "query"),
    [
        ("up{node=$node}", {"node": 'n1"} or vector(1) #'}, 'up{node="n1\\"} or vector(1) #"}'),
        ("up{node=~$node}", {"node": "n.*"}, 'up{node=~"n\\\\.\\\\*"}'),
        ("up{node!~ $node}", {"node": "a|b"}, 'up{node!~ "a\\\\|b"}'),
        ("x > $limit", {"limit": 0.5}, "x > 0.5"),
        ("x @ $until", {"until": NOON}, "x @ 1772366400.000"),
        ('up{node=~"a$|b$node"}', {"node": "x"}, 'up{node=~"a$|b$node"}'),
        ("up{node=$Node}", {"node": "a\nb\\"}, 'up{node="a\\nb\\\\"}'),
    ],
)
def test_a_parameter_in_promql_becomes_one_literal(text, values, query):
    assert bound(text, values) == query


_STRING = re.compile(r'"((?:\\.|[^"\\\n])*)"')


@given(st.text(max_size=60))
def test_no_value_leaves_its_quotes(value):
    query = bound("up{node=$node} + down", {"node": value})
    inside = _STRING.match(query, len("up{node="))
    assert inside
    assert query[inside.end() :] == "} + down"
    assert re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), inside[1]) == value


def test_a_promql_parameter_without_a_value_is_named():
    with pytest.raises(NotebookError, match=r"no value for \$node"):
        bound("up{node=$node}", {})
