"""The Infrastructure page as a person sees it: a real server, a real browser, a stand-in for RunPod."""

from __future__ import annotations

import sys

import pytest

from infra import notes, raising
from infra.choosing import offer
from infra.desk import Timing
from infra.office import Office
from infra.progress import Progress
from infra.settings import Settings
from infra.spec import Wishes
from tests.browser.conftest import serving, settle
from tests.infra.fake_runpod import FakeRunpod
from tests.infra.kit import IMAGE
from watchdog.base.clock import SystemClock

pytestmark = pytest.mark.browser
KEY = "fake-key"


def rent(fake: FakeRunpod, folder) -> None:
    """A head and a worker, as the driver rents them."""
    settings = Settings(key=KEY, api=fake.url, graphql=fake.graphql_url, state=folder / "infra", direct=True)
    office = Office(settings, SystemClock(), Progress(sys.stderr), lambda _: True, Timing(poll=0.1), by="ada")
    wishes = Wishes(image=IMAGE, workers=1)
    with office.desk(wishes.name) as desk:
        entry = notes.founded(desk, wishes.name)
        found = offer(wishes, entry, office.market(desk, wishes), desk.clock.now(), may_replace=False)
        raising.raise_cluster(desk, found.specs)


def test_pods_are_seen_on_a_phone_too_and_torn_down_after_the_name_was_typed(chromium, tmp_path, monkeypatch):
    with FakeRunpod(key=KEY) as fake:
        rent(fake, tmp_path)
        monkeypatch.setenv("RUNPOD_API_KEY", KEY)
        monkeypatch.setenv("RUNPOD_API_BASE_URL", fake.url)
        monkeypatch.setenv("RUNPOD_GRAPHQL_URL", fake.graphql_url)
        with serving(tmp_path) as base:
            context = chromium.new_context(viewport={"width": 400, "height": 900})
            tab = context.new_page()
            tab.set_default_timeout(20_000)
            tab.goto(f"{base}/infrastructure")
            settle(tab)
            tab.get_by_text("2 pods, $").first.wait_for()
            assert tab.locator('[data-testid="stMain"]').evaluate("element => element.scrollWidth") <= 400
            tab.get_by_role("button", name="Tear down").click()
            tab.get_by_label("Type gpuwd to go on").fill("gpuwd")
            tab.get_by_label("Type gpuwd to go on").press("Enter")
            tab.get_by_role("button", name="Return 2 pods").click()
            tab.get_by_text("Nothing of cluster gpuwd is on the bill").wait_for()
            assert fake.account.billed() == {}
            context.close()
