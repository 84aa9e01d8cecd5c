from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOON
from watchdog.ui.address import KEYS, WINDOWS, instant_parameter, read_address
from watchdog.ui.escape import LONGEST, escape

CORPUS = [
    "![x](https://evil.example/p.png)",
    "[click](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "**bold** _it_ ~~s~~ `code`",
    ":red[text] :material/home: :smile:",
    "$x^2$ $$y$$",
    "| a | b |\n|---|---|",
    "# heading",
    "> quote",
    "- item\n1. item",
    "https://evil.example www.evil.example me@evil.example mailto:x@y",
    "\\*already\\*",
    "&amp; &#60;",
    "a\x00b\u202ec\u200bd",
    "  \n\n```\nfence\n```",
]


@pytest.mark.parametrize("text", CORPUS)
def test_no_markup_survives(text):
    shown = escape(text)

    assert "\n" not in shown
    assert "](" not in shown
    assert "://" not in shown
    for index, character in enumerate(shown):
        if character in "`*_[]<>#|~$!:":
            assert shown[index - 1] == "\\"


@given(st.text(max_size=400))
def test_what_is_escaped_is_one_printable_bounded_line(text):
    shown = escape(text)

    assert all(character.isprintable() or character == "\u2060" for character in shown)
    assert len(shown.replace("\\", "").replace("\u2060", "")) <= LONGEST


def test_plain_words_stay_as_they_are():
    assert escape("node001 GPU 3") == "node001 GPU 3"


@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=300)))
def test_no_address_breaks_a_page(parameters):
    address = read_address(parameters, NOON)
    view = address.view(NOON)

    assert view.window.since < view.window.until <= NOON + timedelta(minutes=1)


def test_an_empty_address_is_the_last_hour_live():
    address = read_address({}, NOON)

    assert address.is_live
    assert not address.problems
    assert address.view(NOON).window.length == timedelta(hours=1)
    assert address.view(NOON).refresh == timedelta(seconds=15)


def test_the_past_ends_its_window_at_its_instant_and_stands_still():
    view = read_address({"at": "2026-03-01T09:30:00Z", "window": "6h"}, NOON).view(NOON)

    assert view.at == view.window.until == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert view.window.length == timedelta(hours=6)
    assert view.refresh is None


def test_an_own_range_wins_over_window_and_instant():
    parameters = {"since": "2026-03-01T08:00", "until": "2026-03-01T08:30:00+00:00", "window": "90d"}
    view = read_address(parameters, NOON).view(NOON)

    assert view.window.length == timedelta(minutes=30)
    assert view.at == view.window.until


@given(st.integers(0, 10 * 365 * 86400).map(lambda seconds: NOON - timedelta(seconds=seconds)))
def test_an_instant_survives_the_address(instant):
    assert read_address({"at": instant_parameter(instant)}, NOON).at == instant


def test_visitors_within_a_few_seconds_share_what_is_cached():
    one, other = (read_address({}, NOON).view(NOON + timedelta(seconds=s)) for s in (1, 4))

    assert one.at == other.at
    assert one.window == other.window


def test_the_windows_reach_from_five_minutes_to_ninety_days():
    lengths = [length for _, length in WINDOWS.values()]
    assert (min(lengths), max(lengths)) == (timedelta(minutes=5), timedelta(days=90))
