"""Events that charts of history mark."""

from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.unit.slurm_rows import held, jobs
from watchdog.model.notebook import Note
from watchdog.model.telemetry import Window
from watchdog.services.notebook.marks import marks
from watchdog.store.connection import rows
from watchdog.store.database import Store
from watchdog.store.jobs import JobStore
from watchdog.store.notes import NoteStore

MINUTE = timedelta(minutes=1)
WINDOW = Window(NOON, NOON + timedelta(hours=1))


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "w.duckdb", threads=1) as opened:
        yield opened


def fill(store):
    states = [
        ("n1", 0, "DRAIN", "bad"),
        ("n1", 5, "DRAIN", "bad, ticket 7"),
        ("n1", 9, "", ""),
        ("n1", 20, "DRAIN", "again"),
    ]
    with store.write() as cursor:
        for node, minute, flags, reason in states:
            values = [node, NOON + minute * MINUTE, "IDLE", flags, reason, "root"]
            rows(cursor, "INSERT INTO node_states VALUES (?, ?, ?, ?, ?, ?)", values)
    JobStore(store).take(
        jobs({"job_id": "7", "user": "bob", "started_at": NOON + 3 * MINUTE}),
        held("7", ("n2", 0)),
        NOON + 4 * MINUTE,
        whole=True,
    )
    NoteStore(store).add(Note("1", NOON + 30 * MINUTE, NOON + 31 * MINUTE, "fan swapped", "ann", NOON, node="n1"))


def test_starts_drains_and_notes_are_marked_in_their_order(store):
    fill(store)
    assert marks(store, WINDOW)["text"].to_list() == [
        "n1 drained: bad",
        "job 7 of bob",
        "n1 drained: again",
        "ann: fan swapped",
    ]


def test_of_one_node_only_what_is_about_it_is_marked(store):
    fill(store)
    assert marks(store, WINDOW, node="n2")["text"].to_list() == ["job 7 of bob"]
    assert marks(store, WINDOW, kinds=("note",))["kind"].to_list() == ["note"]


def test_nothing_that_happened_is_no_mark(store):
    found = marks(store, WINDOW)
    assert len(found) == 0
    assert [*found.columns] == ["at", "kind", "text"]
