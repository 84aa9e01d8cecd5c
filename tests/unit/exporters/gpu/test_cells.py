import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.exporters.gpu import cells

BAD = [
    "[N/A]", "N/A", "[Not Supported]", "ERR!", "[Unknown Error]", "[GPU requires reset]", "[Insufficient Permissions]",
    "[Requested functionality has been deprecated]", "GPU is lost", "", "  ", "None", "nan", "inf", "1e5", "٣", "5 5",
]  # fmt: skip


@pytest.mark.parametrize("text", [*BAD, None])
def test_what_is_no_measurement_is_none_never_zero(text):
    assert cells.number(text) is None
    assert cells.pstate(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("81559 MiB", 81559), (" 100 % ", 100), ("16x", 16), ("-5 C", -5), ("71.15 W", 71.15), ("0", 0), ("0x1FF", 511)],
)
def test_numbers_come_with_or_without_units(text, value):
    assert cells.number(text) == value


@given(st.floats(-1e6, 1e6).map(lambda x: round(x, 2)), st.sampled_from(["", " W", " MiB", " %", " KB/s", "x"]))
def test_any_number_survives_its_unit(value, unit):
    assert cells.number(f"{value:.2f}{unit}") == value


@given(st.text())
def test_no_text_makes_a_cell_reader_stumble(text):
    for read in (cells.number, cells.flag, cells.pstate, cells.recovery_action):
        value = read(text)
        assert value is None or isinstance(value, float)


def test_flags_read_words_and_counts():
    assert [cells.flag(t) for t in ("Yes", "Not Active", "Enabled", "2", "0", "N/A", "ERR!")] == [
        1,
        0,
        1,
        1,
        0,
        None,
        None,
    ]


def test_recovery_actions_have_nvmls_codes():
    words = ("None", "Reset", "GPU Reset", "Reboot", "Drain P2P", "Drain and Reset", "N/A", "[Unknown Error]")
    assert [cells.recovery_action(word) for word in words] == [0, 1, 1, 2, 3, 4, None, None]


def test_a_sum_with_an_unreadable_part_is_no_measurement():
    assert cells.total(["1", "N/A", "2"]) == 3
    assert cells.total(["N/A", None]) is None
    assert cells.total(["1", "ERR!"]) is None
