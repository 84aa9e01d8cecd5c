import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm.duration import seconds, written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-02:03:04", 93_784),
        ("7-00:00:00", 604_800),
        ("1-02", 93_600),
        ("1-02:03", 93_780),
        ("01:00:00", 3600),
        ("5:00", 300),
        ("0:01", 1),
        ("30", 1800),
        ("00:00.500", 0.5),
        ("UNLIMITED", math.inf),
        ("infinite", math.inf),
    ],
)
def test_durations_are_read(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "N/A", "NONE", "INVALID", "Partition_Limit", "Unknown", "NOT_SET"])
def test_where_slurm_does_not_say_there_is_no_duration(text):
    assert seconds(text) is None


@pytest.mark.parametrize("text", ["1:2:3:4", "-5", "abc", "1-", "1-2-3", "٣", "1e9", "5 minutes"])
def test_other_texts_are_errors(text):
    with pytest.raises(SourceFormatError):
        seconds(text)


@given(st.integers(0, 10**9))
def test_a_written_duration_reads_back(duration):
    assert seconds(written(duration)) == duration


def test_no_limit_reads_back():
    assert seconds(written(math.inf)) == math.inf


@given(st.text(alphabet="0123456789:-. UNLIMTED²", max_size=20))
def test_no_text_ends_in_an_unforeseen_error(text):
    try:
        value = seconds(text)
    except SourceFormatError:
        return
    assert value is None or value >= 0
