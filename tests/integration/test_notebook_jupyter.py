"""An exported notebook, run by Jupyter itself against a bundle of Parquet files; a report printed by Chromium."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import NOON
from watchdog.model.notebook import (
    Chart,
    ChartKind,
    Markdown,
    Notebook,
    Parameter,
    ParameterKind,
    PromQl,
    Sql,
    interval_text,
)
from watchdog.model.telemetry import Window
from watchdog.services.notebook import editing
from watchdog.services.notebook.formats import pdf
from watchdog.services.notebook.formats.ipynb import to_ipynb
from watchdog.services.notebook.formats.report import to_html

WINDOW = Window(NOON, NOON + timedelta(hours=2))


def _bundle(folder):
    """Two tables as an export has them: one folder each, one of them by day."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    samples = (
        "SELECT TIMESTAMPTZ '2026-03-01 11:00:00+00' + to_minutes(i::INTEGER) AS bucket_at, 'n' || i % 4 AS node, "
        "300.0 + i % 7 AS power_watts, DATE '2026-03-01' AS day FROM range(240) r(i)"
    )
    (folder / "gpu_samples_1m").mkdir(parents=True)
    connection.execute(f"COPY ({samples}) TO '{folder}/gpu_samples_1m' (FORMAT parquet, PARTITION_BY (day))")
    (folder / "jobs").mkdir()
    connection.execute(
        f"COPY (SELECT 'o''neil' AS \"user\", 8 AS gpus) TO '{folder}/jobs/jobs.parquet' (FORMAT parquet)"
    )


def _notebook():
    window = interval_text(Window(NOON, NOON + timedelta(minutes=30)))
    bodies = (
        Markdown("# Power"),
        Parameter("who", ParameterKind.USER, "o'neil"),
        Parameter("part", ParameterKind.WINDOW, window),
        Sql('SELECT "user", gpus FROM jobs WHERE "user" = $who'),
        Sql(
            "SELECT bucket_at, avg(power_watts) AS power_watts FROM gpu_samples_1m\n"
            "WHERE bucket_at >= $since AND bucket_at < $until GROUP BY 1 ORDER BY 1"
        ),
        Sql("SELECT count(*) AS n, (SELECT gpus FROM cell_4) AS gpus FROM cell_5 WHERE bucket_at < $part_until"),
        Chart(of="cell_5", chart=ChartKind.LINE),
        PromQl("up"),
        Sql("SELECT count(*) AS n FROM cell_8"),
    )
    built = Notebook("nb", "Power", "ann")
    for body in bodies:
        built = editing.add(built, body)
    return built


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_jupyter_runs_an_exported_notebook_to_the_same_answers(tmp_path):
    _bundle(tmp_path / "bundle")
    document = nbformat.reads(to_ipynb(_notebook(), WINDOW, bundle=str(tmp_path / "bundle")), as_version=4)
    nbformat.validate(document)
    NotebookClient(
        document, timeout=90, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [
        output["data"].get("text/plain", "")
        for cell in document.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    assert "o'neil" in shown[0]
    assert "120 rows" in shown[1].replace("[120 rows", "120 rows")
    assert "30     8" in shown[2]
    assert "0  0" in shown[-1]


@pytest.mark.integration
def test_chromium_prints_a_report():
    if pdf.browser() is None:
        pytest.skip("no Chromium on this machine")
    printed = pdf.to_pdf(to_html(_notebook(), WINDOW, {}, NOON))
    assert printed.startswith(b"%PDF-")
    assert len(printed) > 5_000
