"""Notebooks as files: what goes out comes back, broken files are named, and reports run nothing."""

import contextlib
import json
import re
from datetime import timedelta

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NOON
from tests.unit.services.notebook.runners import Prom, Runner
from watchdog.base.clock import FakeClock
from watchdog.base.errors import NotebookError
from watchdog.model.notebook import (
    Chart,
    ChartKind,
    Markdown,
    Notebook,
    Parameter,
    ParameterKind,
    PromMode,
    PromQl,
    Sql,
    interval_text,
)
from watchdog.model.telemetry import Window
from watchdog.services.notebook import editing
from watchdog.services.notebook.formats import pdf
from watchdog.services.notebook.formats.ipynb import from_ipynb, to_ipynb
from watchdog.services.notebook.formats.report import to_html
from watchdog.services.notebook.formats.sqlfile import from_sql, to_sql
from watchdog.services.notebook.session import Session

WINDOW = Window(NOON, NOON + timedelta(hours=1))
HOSTILE = "</script><img src=x onerror=alert(1)>\"'; DROP TABLE t; --"


def book(*bodies, title="Heat"):
    built = editing.retitle(Notebook("nb", "", "ann"), title)
    for body in bodies:
        built = editing.add(built, body)
    return built


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80) | st.sampled_from(
    [
        "SELECT 1;",
        '"""',
        "\\",
        "'",
        "a\n;\n",
        "-- %% sql c9 cell_9",
        "-- \\%% x",
        "\n-- %% notebook {}",
        "\r\n",
        "x\u2028y",
        HOSTILE,
    ]
)
_BODY = st.one_of(
    st.builds(Markdown, _TEXT),
    st.builds(Sql, _TEXT),
    st.builds(PromQl, _TEXT, st.sampled_from(PromMode), st.sampled_from([0.0, 15.0])),
    st.builds(Chart, _TEXT, st.sampled_from(ChartKind), _TEXT, _TEXT, _TEXT, _TEXT),
    st.builds(Parameter, st.just("node"), st.just(ParameterKind.TEXT), _TEXT),
)
_BODIES = st.lists(_BODY, max_size=6).filter(lambda bodies: sum(isinstance(b, Parameter) for b in bodies) < 2)


@settings(max_examples=80, deadline=None)
@given(_BODIES)
def test_a_notebook_comes_back_from_jupyter_as_it_was(bodies):
    built = book(*bodies)
    text = to_ipynb(built, WINDOW)
    nbformat.validate(json.loads(text))
    back = from_ipynb(text, "nb", "ann")
    assert back.notebook == built
    assert back.remarks == ()


@settings(max_examples=80, deadline=None)
@given(_BODIES)
def test_a_notebook_comes_back_from_a_sql_file_as_it_was(bodies):
    built = book(*bodies)
    assert from_sql(to_sql(built), "nb", "ann") == built


@settings(max_examples=80, deadline=None)
@given(_TEXT)
def test_every_exported_code_cell_is_python_that_holds_the_text_as_data(text):
    built = book(Sql(text), Parameter("node", value=text), PromQl(text), Chart(of=text, x=text))
    for cell in json.loads(to_ipynb(built, WINDOW, bundle=text or "b"))["cells"]:
        compile(cell["source"], "cell", "exec")


def test_a_question_changed_in_jupyter_comes_back_changed():
    document = json.loads(to_ipynb(book(Sql("SELECT 1")), WINDOW))
    document["cells"][1]["source"] = ["answers['cell_1'] = sql(\n", "    'SELECT 2'\n", ")"]
    assert from_ipynb(json.dumps(document), "nb", "ann").notebook.cells[0].body == Sql("SELECT 2")


def test_code_of_others_becomes_text_and_is_said_to_be_and_never_run():
    cells = [
        {
            "cell_type": "code",
            "metadata": {},
            "source": "import os; os._exit(3)",
            "outputs": [],
            "execution_count": None,
        },
        {"cell_type": "markdown", "metadata": {}, "source": ["# Hi\n", "there"]},
    ]
    found = from_ipynb(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}), "nb", "ann")
    assert [cell.body for cell in found.notebook.cells] == [
        Markdown("```python\nimport os; os._exit(3)\n```"),
        Markdown("# Hi\nthere"),
    ]
    assert found.remarks == ("cell 1 is code, which is not run here: it became text",)


def _with(**cell):
    whole = {"cell_type": "markdown", "metadata": {}, "source": "x", **cell}
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "raw", "source": ""}, whole]}
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("[" * 100_000, "not JSON|nested too deeply"),
        ("[]", "it has no nbformat"),
        ('{"nbformat": 3, "worksheets": []}', "its format is 3"),
        ('{"nbformat": 4}', "no list of cells"),
        ('{"nbformat": 4, "cells": [3]}', "cell 1 is int, not an object"),
        (_with(cell_type="sheet"), "cell 2 has the cell_type 'sheet'"),
        (_with(source=None), "cell 2 has no source"),
        (_with(source=["a", 1]), "cell 2 has no source"),
        (_with(metadata={"watchdog": {"cell": {"cell_id": 1}}}), "cell 2 says it is ours, but"),
        (_with(source="x" * 100_001), "cell_2: longer than 100,000 characters"),
        (_with(source="\ud800"), "cell_2: text is not text"),
        (json.dumps({"nbformat": 4, "cells": [{}] * 300}), "it has 300 cells; 200 are the most"),
        (" " * (9 << 20), "longer than 8 MiB"),
    ],
)
def test_a_broken_file_is_refused_and_what_is_wrong_is_named(text, word):
    with pytest.raises(NotebookError, match=word):
        from_ipynb(text, "nb", "ann")


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda c: (
            st.lists(c)
            | st.dictionaries(
                st.sampled_from(["cells", "nbformat", "cell_type", "source", "metadata", "watchdog", "cell"]), c
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_notebook_or_a_clear_error(value):
    with contextlib.suppress(NotebookError):
        from_ipynb(json.dumps({"nbformat": 4, "cells": value}), "nb", "ann")


def test_two_cells_with_one_id_both_come_in():
    document = json.loads(to_ipynb(book(Sql("SELECT 1")), WINDOW))
    document["cells"].append(document["cells"][1])
    assert [cell.name for cell in from_ipynb(json.dumps(document), "nb", "ann").notebook.cells] == ["cell_1", "cell_2"]


def test_any_sql_file_becomes_a_cell_a_statement_and_a_broken_one_is_refused():
    found = from_sql("SELECT 1;\n-- two\nSELECT ';' ;", "nb", "ann")
    assert [cell.text for cell in found.cells] == ["SELECT 1;\n-- two", "SELECT ';'"]
    with pytest.raises(NotebookError, match="cannot be read: Parser Error"):
        from_sql("SELEC 1", "nb", "ann")
    with pytest.raises(NotebookError, match="cell_1 cannot be read"):
        from_sql(to_sql(book(Chart(of="c"))).replace('"of"', '"off"'), "nb", "ann")


def run(built):
    session = Session(Runner(), Prom(), FakeClock(NOON))
    session.run_all(built, WINDOW)
    return {cell.cell_id: outcome for cell in built.cells if (outcome := session.outcome(built, cell.cell_id))}


def test_a_report_has_words_answers_and_charts_as_pictures():
    question = "SELECT TIMESTAMPTZ '2026-03-01 12:00:00+00' + to_seconds(i * 60) AS at, i * 1.5 AS power_watts FROM range(300) r(i)"
    built = book(
        Markdown("# Title\n\n**bold**"),
        Sql(question),
        Chart(of="cell_2"),
        Sql("SELECT nothing"),
        Sql("SELECT NULL AS x"),
    )
    html = to_html(built, WINDOW, run(built), NOON)
    assert "<strong>bold</strong>" in html
    assert "data:image/svg+xml;base64," in html
    assert "The first 200 of 300 rows." in html
    assert "cell_4 failed: line 2:" in html
    assert "<td>n/a</td>" in html or '<td class="n">n/a</td>' in html
    assert "2026-03-01 12:01:00 UTC" in html


def test_a_report_escapes_whatever_it_is_told_and_loads_nothing():
    built = book(
        Markdown(f"{HOSTILE}\n\n![x](http://evil/x.png) [y](javascript:alert(1)) <script>alert(1)</script>"),
        Parameter("node", value=HOSTILE),
        Sql('SELECT $node AS "<b>", 1 AS n'),
        Chart(of="cell_3"),
        PromQl("up{node=$node}"),
        title=HOSTILE,
    )
    html = to_html(built, WINDOW, run(built), NOON)
    assert not re.search(r"<(script|img(?! alt=)|iframe|b>|link|object)", html)
    assert 'href="javascript:' not in html
    assert "default-src 'none'" in html
    assert re.findall(r'src="(?!data:)', html) == []


def test_a_cell_that_did_not_run_says_so_in_the_report():
    assert "cell_1 was not run." in to_html(book(Sql("SELECT 1")), WINDOW, {}, NOON)


def test_without_chromium_a_pdf_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    with pytest.raises(NotebookError, match="no Chromium here") as caught:
        pdf.to_pdf("<p>x</p>")
    assert "print the HTML report" in caught.value.hint


def test_a_chromium_that_hangs_is_ended(monkeypatch, tmp_path):
    slow = tmp_path / "chromium"
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(pdf, "browser", lambda: str(slow))
    with pytest.raises(NotebookError, match="did not print within"):
        pdf.to_pdf("<p>x</p>", seconds=0.3)


def test_a_window_parameter_goes_out_as_two_instants():
    built = book(Parameter("week", ParameterKind.WINDOW, interval_text(WINDOW)))
    source = json.loads(to_ipynb(built, WINDOW))["cells"][1]["source"]
    assert source.startswith("parameters['week_since'] = datetime.fromisoformat('2026-03-01T12:00:00+00:00')")
