from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm.instants import instant

EIGHT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def test_a_local_time_is_read_in_the_zone_of_the_machine_that_printed_it():
    assert instant("2026-11-24T08:00:00") == EIGHT
    assert instant("2026-11-24T09:00:00", ZoneInfo("Europe/Berlin")) == EIGHT
    assert instant("2026-11-24T17:00:00", ZoneInfo("Asia/Tokyo")) == EIGHT


def test_seconds_since_1970_are_read_as_number_and_as_text():
    assert instant(EIGHT.timestamp()) == instant(str(int(EIGHT.timestamp()))) == EIGHT


@pytest.mark.parametrize("said", ["N/A", "Unknown", "None", "NONE", "(null)", "", "0", 0, None, -1, 4294967294, 2**64])
def test_what_is_no_time_is_none_and_not_1970(said):
    assert instant(said) is None


@pytest.mark.parametrize("said", ["yesterday", "2026-13-01T00:00:00", "24 Nov", "now+1hour", "2026-11-24T08:00:0"])
def test_other_texts_are_errors(said):
    with pytest.raises(SourceFormatError):
        instant(said)


def test_instants_at_the_edge_of_the_calendar_are_errors_not_crashes():
    with pytest.raises(SourceFormatError):
        instant("0001-01-01T00:00:00", ZoneInfo("Asia/Tokyo"))


@given(st.integers(1, 4_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC)))
def test_what_slurm_writes_reads_back(at):
    assert instant(at.replace(tzinfo=None).isoformat()) == at


@given(st.one_of(st.text(max_size=30), st.floats(), st.integers()))
def test_no_value_ends_in_an_unforeseen_error(said):
    try:
        at = instant(said)
    except SourceFormatError:
        return
    assert at is None or at.tzinfo is UTC
