"""Paths and instants many tests share."""

from __future__ import annotations

import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest

from watchdog.store.connection import Database
from watchdog.store.database import Store
from watchdog.store.schema import migrate

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("watchdog", deadline=None)
hypothesis.settings.load_profile("watchdog")

# A suite started in a shell's background inherits that Ctrl-C is ignored, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def chromium():
    """A browser for one file of tests: while it is there, its driver's event loop runs in the main thread."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def fixtures():
    """Recorded outputs of other people's software; only where the folder is at hand."""
    path = SHARED / "fixtures"
    if not path.is_dir():
        pytest.skip("recorded fixtures (../shared/fixtures) are not at hand")
    return path


@pytest.fixture(scope="session")
def traces():
    """Recorded cluster traces; only where the folder is at hand."""
    path = SHARED / "traces"
    if not path.is_dir():
        pytest.skip("recorded traces (../shared/traces) are not at hand")
    return path


@pytest.fixture(scope="session", autouse=True)
def new_stores(tmp_path_factory):
    """New stores are copies of one: making the tables takes longer than most tests of them, some thousand times.

    They share its identity; a test to which that matters patches `made_anew` in again.
    """
    template = tmp_path_factory.mktemp("template") / "new.duckdb"
    Store(template, threads=1).close()
    made_anew = Database._create

    def copied(database: Database) -> None:
        if database._prepare is not migrate:
            made_anew(database)
        else:
            shutil.copyfile(template, database.path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "_create", copied)
        yield SimpleNamespace(made_anew=made_anew)


@pytest.fixture(autouse=True)
def _own_main_module():
    """Streamlit's AppTest leaves its script as `__main__`; processes that a later test spawns would run it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
