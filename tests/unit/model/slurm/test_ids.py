import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm.ids import JobId, job_id, task_count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("123", JobId(123)),
        ("123_4", JobId(123, task=4)),
        ("123_[1-10%2]", JobId(123, tasks="1-10%2")),
        ("123_[1,3,...]", JobId(123, tasks="1,3,...")),
        ("123+1", JobId(123, component=1)),
        ("123.batch", JobId(123, step="batch")),
        ("123_4.extern", JobId(123, task=4, step="extern")),
        ("3+0.batch", JobId(3, component=0, step="batch")),
        ("123.0", JobId(123, step="0")),
    ],
)
def test_ids_are_taken_apart_and_written_as_before(text, expected):
    assert job_id(text) == expected
    assert expected.job == text.removesuffix(f".{expected.step}")


@pytest.mark.parametrize("text", ["", "abc", "12a", "_4", "123_", "123_x", "1 2", "١٢"])
def test_other_texts_are_no_jobs(text):
    with pytest.raises(SourceFormatError):
        job_id(text)


@pytest.mark.parametrize(
    ("tasks", "count"),
    [("1-10%2", 10), ("5", 1), ("1,3,7-9", 5), ("0-9:3", 4), ("0-99999", 100_000), ("1,3,...", None), ("", None)],
)
def test_waiting_tasks_are_counted(tasks, count):
    assert task_count(tasks) == count


@given(st.text(alphabet="0123456789_[]+.%-,batch", max_size=20))
def test_no_text_ends_in_an_unforeseen_error(text):
    try:
        name = job_id(text)
    except SourceFormatError:
        return
    assert name.base >= 0
    task_count(name.tasks)
