"""Overview: is anything wrong with the GPUs now, and how well are they used?"""

from __future__ import annotations

import pytest

from tests.fakes import FakeCluster, fake_runtime
from tests.pages.conftest import TROUBLE, words
from watchdog.base.errors import ConfigError, SourceUnavailableError

DEAD = SourceUnavailableError("Prometheus http://prom:9090 does not answer", hint="Check that it runs.")


def test_a_healthy_cluster_says_that_nothing_needs_a_look(open_page):
    page = open_page("overview")

    assert not page.exception
    assert not page.error
    assert "Nothing needs a look." in words(page)
    assert "GPUs seen: 32 of 32" in words(page)


def test_trouble_is_listed_worst_first_with_reason_and_since(open_page):
    page = open_page("overview", FakeCluster(faults=TROUBLE))

    text = words(page)
    assert not page.error
    assert "5 things need a look." in text
    states = ["lost", "faulty", "hung", "throttled", "held idle"]
    badges = [text.index(f"**{state}**") for state in states]
    assert badges == sorted(badges)
    assert "since 11:20 (40" in text
    assert "GPUs seen: 31 of 32" in text


def test_every_page_is_marked_as_demo_data_and_says_what_is_read(open_page):
    for name in ("overview", "gpus", "data_health"):
        text = words(open_page(name))
        assert "demo data" in text
        assert "reading Demo cluster" in text


def test_real_data_carries_no_demo_mark(open_page):
    runtime = fake_runtime()
    runtime.is_demo, runtime.source_line = False, "Prometheus http://prom:9090"

    text = words(open_page("overview", runtime=runtime))

    assert "demo data" not in text
    assert "prom\\:9090" in text


def test_a_cluster_without_gpus_says_how_to_get_some(open_page):
    page = open_page("overview", FakeCluster(nodes=0))

    assert not page.exception
    assert not page.error
    assert "No GPU has been seen" in words(page)
    assert "Nothing needs a look" not in words(page)


def test_a_dead_source_costs_its_cards_and_says_what_to_do(open_page):
    page = open_page("overview", FakeCluster(error=DEAD))

    assert not page.exception
    assert page.error
    assert "does not answer" in page.error[0].value
    assert "Check that it runs" in page.error[0].value
    assert page.title[0].value == "Overview"


def test_dead_history_leaves_the_live_numbers_and_admits_what_is_not_judged(open_page):
    page = open_page("overview", FakeCluster(history_error=DEAD))

    assert "GPUs seen: 32 of 32" in words(page)
    assert "Incomplete" in words(page)
    assert "Nothing needs a look" not in words(page)


def test_all_exporters_silent_is_never_green(open_page):
    page = open_page("overview", FakeCluster(silent_nodes=(0, 1, 2, 3)))

    assert "No GPU reports" in words(page)
    assert "Nothing needs a look" not in words(page)
    assert "Utilization: n/a" in words(page)


def test_many_silent_nodes_are_one_line(open_page):
    page = open_page("overview", FakeCluster(nodes=8, silent_nodes=tuple(range(1, 8))))

    assert "1 thing needs a look." in words(page)
    assert any(link.proto.label == "7 nodes, 56 GPUs" for link in page.get("page_link"))


def test_hostile_node_names_do_not_become_markup(open_page):
    evil = "![x](https://evil.example/p.png)<b>"
    page = open_page("overview", FakeCluster(names={1: evil}, faults=TROUBLE))

    assert not page.exception
    text = words(page)
    assert "![x](" not in text
    assert "](https://evil" not in text


@pytest.mark.parametrize("nodes", [128, 1280])
def test_a_large_cluster_fits(open_page, nodes):
    page = open_page("overview", FakeCluster(nodes=nodes, faults=TROUBLE))

    assert not page.exception
    assert not page.error
    assert f"GPUs seen: {nodes * 8 - 1:,} of {nodes * 8:,}" in words(page)


def test_waste_has_a_price_only_where_one_is_set(open_page):
    assert "Cost of idle" not in words(open_page("overview"))
    assert "Cost of idle: $" in words(open_page("overview", runtime=fake_runtime(gpu_hour_usd=2.5)))


def test_a_wrong_setting_is_said_instead_of_a_page(open_page, monkeypatch):
    def refuse():
        raise ConfigError("source is 'x'", hint="Use one of: auto.")

    page = open_page("overview")
    monkeypatch.setattr("watchdog.ui.data.current", refuse)
    page.run()

    assert not page.exception
    assert "source is" in page.error[0].value


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"window": "__import__('os')"}, "window"),
        ({"at": "yesterday"}, "not an instant"),
        ({"at": "2031-01-01T00:00:00Z"}, "not in the past"),
        ({"since": "2026-03-01T10:00:00Z"}, "needs both"),
        ({"since": "2026-03-01T11:00:00Z", "until": "2026-03-01T10:00:00Z"}, "one minute to 366 days"),
        ({"refresh": "1ms"}, "refresh"),
        ({"node": "n" * 400}, "cannot be one"),
    ],
)
def test_a_wrong_address_is_named_and_the_page_lives(open_page, parameters, said):
    page = open_page("overview", **parameters)

    assert not page.exception
    assert said in page.warning[0].value.replace("\\", "")
    assert "GPUs seen" in words(page)


def test_the_past_is_shown_as_of_its_instant(open_page):
    page = open_page("overview", at="2026-03-01T09:00:00Z")

    assert not page.exception
    assert "as of 09:00:00 UTC" in words(page)
