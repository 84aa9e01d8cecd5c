"""Notes that people leave on the time line, for all to see."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from watchdog.base.errors import NotebookError
from watchdog.model.notebook import Note
from watchdog.model.telemetry import Window
from watchdog.store.connection import rows
from watchdog.store.database import Store

MOST_NOTE_CHARS = 2_000
_COLUMNS = 'note_id, since, until, text, "by", written_at, node, gpu_uuid, job_id'


class NoteStore:
    """Notes in a `Store`; every method may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, note: Note) -> Note:
        """Keep it; NotebookError where it says nothing, too much, or ends before it begins."""
        _check(note)
        values = [note.note_id, note.since, note.until, note.node, note.gpu_uuid, note.job_id, note.text.strip()]
        with self._store.write() as cursor:
            sql = "INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, '')"
            rows(cursor, sql, [*values, note.by, note.written_at])
        return note

    def edit(self, note: Note) -> Note:
        """Keep other words, time or place under its id; NotebookError as `add`, or for one that is somebody else's."""
        _check(note)
        sql = (
            "UPDATE notes SET since = ?, until = ?, node = ?, gpu_uuid = ?, job_id = ?, text = ?, written_at = ? "
            'WHERE note_id = ? AND "by" = ? AND deleted_at IS NULL RETURNING 1'
        )
        values = [note.since, note.until, note.node, note.gpu_uuid, note.job_id, note.text.strip(), note.written_at]
        with self._store.write() as cursor:
            if not rows(cursor, sql, [*values, note.note_id, note.by]):
                raise NotebookError("this note is not yours, or is gone")
        return note

    def notes(self, window: Window, *, node: str = "", job_id: str = "", most: int = 500) -> tuple[Note, ...]:
        """Those that touch the window, oldest first; with a node or job, those about it or about everything."""
        sql = (
            f"SELECT {_COLUMNS} FROM notes WHERE deleted_at IS NULL AND since < ? AND until >= ? "
            "AND (? = '' OR node IN ('', ?)) AND (? = '' OR job_id IN ('', ?)) "
            f"ORDER BY since, note_id LIMIT {int(most)}"
        )
        with self._store.read() as (cursor, _):
            found = rows(cursor, sql, [window.until, window.since, node, node, job_id, job_id])
        return tuple(
            Note(identity, _utc(since), _utc(until), text, by, _utc(written_at), *about)
            for identity, since, until, text, by, written_at, *about in found
        )

    def delete(self, note_id: str, by: str, at: datetime) -> None:
        """Take it off the time line; who did is kept. NotebookError for one that is somebody else's."""
        with self._store.write() as cursor:
            sql = (
                "UPDATE notes SET deleted_at = ?, deleted_by = ? "
                'WHERE note_id = ? AND "by" = ? AND deleted_at IS NULL RETURNING 1'
            )
            if not rows(cursor, sql, [at, by, note_id, by]):
                raise NotebookError("this note is not yours, or is gone")


def _check(note: Note) -> None:
    text = note.text.strip()
    if not text or len(text) > MOST_NOTE_CHARS:
        raise NotebookError(f"a note has between 1 and {MOST_NOTE_CHARS:,} characters")
    if note.until < note.since:
        raise NotebookError("a note cannot end before it begins")


def new_note_id() -> str:
    """An id for a new note."""
    return secrets.token_hex(8)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
