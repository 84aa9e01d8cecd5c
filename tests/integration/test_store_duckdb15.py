"""The store runs on DuckDB 1.5 too, and both read each other's files: lakehouse extensions follow releases late."""

from __future__ import annotations

import os
import subprocess
import sys

import duckdb
import pytest

from tests.conftest import ROOT
from tests.integration.store_writer import ROWS, batch, stored_batches
from watchdog.store.database import Store

OLD = "1.5.6"
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def old_python(tmp_path_factory):
    """Run Python with the old DuckDB in front of ours."""
    folder = tmp_path_factory.mktemp("duckdb")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), f"duckdb=={OLD}"]
    got = subprocess.run(pip, capture_output=True, text=True, check=False)
    if got.returncode:
        pytest.skip(f"pip cannot install duckdb {OLD}: {got.stderr.strip()[-200:]}")

    def run(*words):
        env = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
        command = [sys.executable, *words]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert run("-c", "import duckdb; print(duckdb.__version__)").stdout.strip() == OLD
    return run


def test_the_stores_own_tests_pass_on_the_older_duckdb(old_python):
    got = old_python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/store", "-m", "not hypothesis")
    assert got.returncode == 0, got.stdout[-3000:]
    assert " passed" in got.stdout


def test_files_go_from_one_duckdb_to_the_other_and_back(old_python, tmp_path):
    path = tmp_path / "x.duckdb"
    with Store(path) as store:
        store.append_samples(batch(0))
    code = (
        "import sys; from pathlib import Path; from tests.integration.store_writer import batch\n"
        "from watchdog.store.database import Store\n"
        "with Store(Path(sys.argv[1])) as store: store.append_samples(batch(1))\n"
    )
    got = old_python("-c", code, str(path))
    assert got.returncode == 0, got.stderr[-2000:]
    assert duckdb.__version__ != OLD
    with Store(path) as store:
        assert stored_batches(store) == [(0, ROWS), (1, ROWS)]
