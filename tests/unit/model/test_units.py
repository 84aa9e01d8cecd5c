from __future__ import annotations

import math
from datetime import timedelta

import pytest

from tests.conftest import NOON
from watchdog.model.metrics import Unit
from watchdog.model.units import (
    SHOWN,
    bytes_text,
    duration_text,
    instant_text,
    number_text,
    percent,
    power_text,
    unit_text,
    usd,
)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_no_reading_is_never_a_number(nothing):
    for write in (percent, usd, bytes_text, number_text, power_text, lambda v: unit_text(v, Unit.WATTS)):
        assert write(nothing) == "n/a"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.974, Unit.RATIO, "97 %"),
        (80 * 2.0**30, Unit.BYTES, "80.0 GiB"),
        (1.98e9, Unit.HERTZ, "1,980 MHz"),
        (71.6, Unit.CELSIUS, "72 °C"),
        (3.6e6, Unit.JOULES, "1.0 kWh"),
        (1.0, Unit.FLAG, "yes"),
        (12345.0, Unit.COUNT, "12,345"),
    ],
)
def test_base_units_are_shown_as_people_say_them(value, unit, text):
    assert plain(unit_text(value, unit)) == text


def test_every_unit_has_a_way_to_be_shown():
    assert set(SHOWN) == set(Unit)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (11520, "3 h 12 min"), (3600, "1 h"), (86400 * 2 + 4 * 3600 + 59, "2 d 4 h")],
)
def test_durations_have_two_parts_at_most(seconds, text):
    assert plain(duration_text(timedelta(seconds=seconds))) == text


def test_instants_are_utc_and_shorter_on_the_same_day():
    assert instant_text(NOON) == "2026-03-01 12:00:00 UTC"
    assert instant_text(NOON, near=NOON) == "12:00:00 UTC"
    assert instant_text(None) == "never"


def test_money_and_sizes():
    assert (usd(3.456), usd(1234.5)) == ("$3.46", "$1,234")
    assert (plain(bytes_text(512)), plain(bytes_text(1536)), plain(bytes_text(2.0**40))) == (
        "512 B",
        "1.5 KiB",
        "1,024.0 GiB",
    )
    assert (plain(power_text(12_300.0)), plain(power_text(4.07e6))) == ("12.3 kW", "4.07 MW")
