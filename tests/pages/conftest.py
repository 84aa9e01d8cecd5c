"""The whole app on a fake runtime: real pages, services, analysis and charts; no server, no clock."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT
from tests.fakes import FakeCluster, fake_runtime

TROUBLE = {(1, 2): "hung", (2, 3): "lost", (0, 5): "held idle", (3, 1): "throttled", (3, 2): "faulty"}


@pytest.fixture(scope="package", autouse=True)
def components_are_looked_for_once():
    """AppTest reads the metadata of every installed package before each run, to find components."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture
def open_page(monkeypatch):
    """Open `pages/<name>.py` inside app.py, with URL parameters, on a cluster."""

    def opened(name: str, cluster: FakeCluster | None = None, runtime=None, **parameters: str) -> AppTest:
        st.cache_data.clear()
        fake = runtime or fake_runtime(cluster)
        monkeypatch.setattr("watchdog.ui.data.current", lambda: fake)
        # AppTest forgets before every run what `ignore_pages_folder` does for a server.
        navigation = SimpleNamespace(uses_pages_directory=False)
        monkeypatch.setattr("streamlit.runtime.scriptrunner.script_runner.PagesManager", navigation)
        app = AppTest.from_file(ROOT / "app.py", default_timeout=30)
        if name != "overview":
            # Without a run before, which would draw the overview: our pages have the addresses that files of their names have.
            app.switch_page(f"pages/{name}.py")
        for key, value in parameters.items():
            app.query_params[key] = value
        return app.run()

    return opened


def words(app: AppTest) -> str:
    """Everything the page says outside tables and charts; a page that broke says nothing."""
    assert not app.exception
    kinds = ("markdown", "caption", "error", "warning", "info", "header", "title")
    said = [element.value for kind in kinds for element in getattr(app, kind)]
    return "\n".join([*said, *(f"{metric.label}: {metric.value}" for metric in app.metric)])
