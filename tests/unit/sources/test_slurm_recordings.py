"""Every recorded answer of Slurm at hand is read by the reader it is meant for, or stands in a list that says why not."""

import fnmatch
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SHARED
from tests.unit.sources.slurm_recordings.claims import READ, UNREAD

FIXTURES = SHARED / "fixtures"
FOLDERS = ("slurm-*", "telegraf/plugins/inputs/slurm", "meta-gcm/gcm", "meta-gcm/shelper")
FILES = sorted(
    path.relative_to(FIXTURES).as_posix()
    for folder in FOLDERS
    for path in FIXTURES.glob(f"{folder}/**/*")
    if path.is_file()
)


def reader_of(name: str) -> Callable[[Path], None] | None:
    """The first that claims the file; what is not to be read comes first."""
    if any(fnmatch.fnmatchcase(name, pattern) for pattern, _ in UNREAD):
        return None
    return next((read for pattern, read in READ if fnmatch.fnmatchcase(name, pattern)), unknown)


def unknown(path: Path):
    pytest.fail(f"{path} is claimed by no reader: add one, or say in UNREAD why not")


@pytest.mark.parametrize("name", [name for name in FILES if reader_of(name)])
def test_a_recorded_answer_is_read_whole(name):
    read = reader_of(name)
    assert read is not None
    read(FIXTURES / name)


def test_every_claim_is_about_some_recorded_file(fixtures):
    unused = [pattern for pattern, _ in (*READ, *UNREAD) if not fnmatch.filter(FILES, pattern)]
    assert unused == []
