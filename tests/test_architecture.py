"""House rules a linter cannot express."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from tests.conftest import ROOT
from watchdog.model.metrics import CATALOGUE
from watchdog.services.reference import checks_page

PAGES = sorted(ROOT.glob("pages/*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_fits_on_a_screen_and_a_half(page):
    assert len(page.read_text().splitlines()) <= 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_starts_with_its_question_and_has_a_test(page):
    assert page.read_text().split('"""')[1].endswith("?")
    assert (ROOT / "tests" / "pages" / f"test_{page.stem}.py").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_leave_failures_to_their_sections(page):
    code = page.read_text()
    assert "try:" not in code
    assert "groupby" not in code
    assert "class " not in code


def test_the_file_watcher_does_not_import_the_other_watchdog():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["fileWatcherType"] in {"poll", "none"}


@pytest.mark.parametrize("module", ["services.fleet", "services.gpu_history", "collector", "runtime", "exporters.gpu"])
def test_what_runs_without_a_browser_runs_without_streamlit(module):
    code = f"import sys, watchdog.{module}; sys.exit('streamlit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_every_metric_of_the_catalogue_is_documented():
    text = (ROOT / "docs" / "metrics.md").read_text()
    assert [key for key in CATALOGUE if f"`{key}`" not in text] == []


def test_the_page_of_health_checks_is_the_one_made_from_them():
    assert (ROOT / "docs" / "health-checks.md").read_text() == checks_page(), "run: python -m watchdog docs checks"


def test_only_one_module_holds_caches():
    users = [path.name for path in ROOT.glob("watchdog/**/*.py") if "st.cache_" in path.read_text()]
    assert users == ["data.py"]
