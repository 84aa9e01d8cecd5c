"""Notebooks with all their versions: nothing that was ever saved is overwritten by somebody else."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from watchdog.base.errors import ConflictError, NotebookError
from watchdog.model.notebook import MOST_TITLE_CHARS, Cell, Notebook, Sharing, checked
from watchdog.store.connection import Cursor, rows
from watchdog.store.database import Store

# Saves of one person within so long become one version.
BURST = timedelta(seconds=30)
# Beyond, old versions whose cells are all in the next one are dropped.
MOST_VERSIONS = 200


class _Body(msgspec.Struct, frozen=True):
    """What a version keeps, as JSON."""

    cells: tuple[Cell, ...]
    next_number: int


@dataclass(frozen=True)
class Entry:
    """A notebook in a list: what it is called, whose it is, and who saved it last and when."""

    notebook_id: str
    title: str
    author: str
    shared: Sharing
    version: int
    created_at: datetime
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True)
class Version:
    """One saved state of a notebook."""

    version: int
    title: str
    saved_by: str
    saved_at: datetime
    cells: int


class NotebookStore:
    """Notebooks in a `Store`. Every method may raise StoreError, and a write that raised changed nothing.

    `by` and `user` are who asks: one who is not the author, and has no link, is told that there is no such notebook.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, notebook: Notebook, by: str, at: datetime, *, token: str = "") -> Notebook:
        """Keep it as the newest version, and return it as it is now known; an unchanged one makes no version.

        Raises:
            ConflictError: somebody, or the same person in another tab, saved or deleted it since `notebook.version`. What was
                to be saved is kept as a copy of its own.
            NotebookError: it breaks a limit, or `by` may not change it.
        """
        checked(notebook)
        with self._store.write() as cursor:
            newest = _newest(cursor, notebook.notebook_id)
            if newest is None and not _is_known(cursor, notebook.notebook_id):
                _create(cursor, notebook, by, at)
                return _loaded(cursor, notebook.notebook_id)
            if newest is not None:
                _allow(newest, by, token, Sharing.EDIT)
                if _same(newest, notebook):
                    return newest
                if newest.version == notebook.version:
                    _add_version(cursor, newest, notebook, by, at)
                    return _loaded(cursor, notebook.notebook_id)
            conflict = _kept_aside(cursor, notebook, by, at)
        raise conflict

    def load(self, notebook_id: str, user: str, *, token: str = "", version: int | None = None) -> Notebook:
        """The newest version, or an older one."""
        with self._store.read() as (cursor, _):
            found = _newest(cursor, notebook_id) if version is None else _newest(cursor, notebook_id, version)
        if found is None:
            raise _unknown()
        _allow(found, user, token, Sharing.READ)
        return found if user == found.author else replace(found, token=token)

    def by_token(self, token: str) -> Notebook:
        """The notebook of a link; NotebookError where it is not shared any more."""
        with self._store.read() as (cursor, _):
            sql = "SELECT notebook_id FROM notebooks WHERE token = ? AND token <> '' AND deleted_at IS NULL"
            ids = rows(cursor, sql, [token])
            found = _newest(cursor, ids[0][0]) if ids else None
        if found is None:
            raise NotebookError("this link leads to no notebook", hint="It may have been revoked: ask its author.")
        return found

    def entries(self, user: str, *, deleted: bool = False) -> tuple[Entry, ...]:
        """The user's own, last changed first; those that were deleted instead, if asked."""
        state = "NOT NULL" if deleted else "NULL"
        sql = f"SELECT {_ENTRY} FROM {_LATEST} WHERE author = ? AND deleted_at IS {state} ORDER BY saved_at DESC, notebook_id"
        with self._store.read() as (cursor, _):
            return tuple(_entry(row) for row in rows(cursor, sql, [user]))

    def versions(self, notebook_id: str, user: str) -> tuple[Version, ...]:
        """All that are kept, the newest first."""
        self.load(notebook_id, user)
        sql = (
            "SELECT version, title, saved_by, saved_at, len(cell_ids) FROM notebook_versions "
            "WHERE notebook_id = ? ORDER BY version DESC"
        )
        with self._store.read() as (cursor, _):
            found = rows(cursor, sql, [notebook_id])
        return tuple(Version(number, title, by, _utc(at), cells) for number, title, by, at, cells in found)

    def share(self, notebook_id: str, by: str, sharing: Sharing) -> Notebook:
        """Open it to those who get its link, or to nobody: then old links lead nowhere. For its author."""
        with self._store.write() as cursor:
            found = _own(cursor, notebook_id, by)
            token = "" if sharing is Sharing.PRIVATE else found.token or secrets.token_urlsafe(24)
            values = [sharing.value, token, notebook_id]
            rows(cursor, "UPDATE notebooks SET shared = ?, token = ? WHERE notebook_id = ?", values)
        return replace(found, shared=sharing, token=token)

    def copy(self, notebook: Notebook, by: str, at: datetime) -> Notebook:
        """A private notebook of one's own with the same cells."""
        with self._store.write() as cursor:
            copied = _copy_of(notebook, by, f"{notebook.title[: MOST_TITLE_CHARS - 10]} (copy)")
            _create(cursor, copied, by, at)
        return replace(copied, version=1, created_at=at, changed_at=at)

    def delete(self, notebook_id: str, by: str, at: datetime) -> None:
        """Take it out of the lists; its link leads nowhere. For its author."""
        with self._store.write() as cursor:
            _own(cursor, notebook_id, by)
            rows(cursor, "UPDATE notebooks SET deleted_at = ? WHERE notebook_id = ?", [at, notebook_id])

    def restore(self, notebook_id: str, by: str) -> None:
        """Bring a deleted one back, as private as it was. For its author."""
        with self._store.write() as cursor:
            sql = "UPDATE notebooks SET deleted_at = NULL WHERE notebook_id = ? AND author = ?"
            rows(cursor, sql, [notebook_id, by])


def new_id() -> str:
    """An id for a new notebook; nobody guesses it."""
    return secrets.token_hex(8)


_LATEST = (
    "(SELECT n.*, v.version, v.title, v.body, v.cell_ids, v.saved_by, v.saved_at, v.burst_at FROM notebooks AS n "
    "JOIN notebook_versions AS v USING (notebook_id) "
    "QUALIFY row_number() OVER (PARTITION BY notebook_id ORDER BY v.version DESC) = 1) AS latest"
)
_ENTRY = "notebook_id, title, author, shared, version, created_at, saved_at, saved_by"


def _newest(cursor: Cursor, notebook_id: str, version: int | None = None) -> Notebook | None:
    sql = (
        "SELECT n.author, n.shared, n.token, n.created_at, v.version, v.title, v.body, v.saved_at FROM notebooks AS n "
        "JOIN notebook_versions AS v USING (notebook_id) WHERE n.notebook_id = ? AND n.deleted_at IS NULL "
        "AND (v.version = ? OR ? IS NULL) ORDER BY v.version DESC LIMIT 1"
    )
    found = rows(cursor, sql, [notebook_id, version, version])
    if not found:
        return None
    author, shared, token, created_at, number, title, body, saved_at = found[0]
    content = _content(body)
    return Notebook(
        notebook_id=notebook_id,
        title=title,
        author=author,
        cells=content.cells,
        next_number=content.next_number,
        version=number,
        created_at=_utc(created_at),
        changed_at=_utc(saved_at),
        shared=Sharing(shared),
        token=token,
    )


def _content(body: str) -> _Body:
    try:
        return msgspec.json.decode(body, type=_Body)
    except msgspec.MsgspecError as error:
        hint = "A newer GPU Watchdog saved it: update this one."
        raise NotebookError(f"this notebook cannot be read: {error}", hint=hint) from error


def _loaded(cursor: Cursor, notebook_id: str) -> Notebook:
    found = _newest(cursor, notebook_id)
    assert found
    return found


def _own(cursor: Cursor, notebook_id: str, by: str) -> Notebook:
    found = _newest(cursor, notebook_id)
    if found is None or found.author != by:
        raise _unknown()
    return found


def _allow(notebook: Notebook, user: str, token: str, wanted: Sharing) -> None:
    """Whether `user` may read or edit it; who has no link is not even told that it exists."""
    if user == notebook.author:
        return
    has_link = bool(token) and secrets.compare_digest(token.encode(), notebook.token.encode())
    if not has_link or notebook.shared is Sharing.PRIVATE:
        raise _unknown()
    if wanted is Sharing.EDIT and notebook.shared is not Sharing.EDIT:
        raise NotebookError(f"{notebook.author} shares this notebook to be read", hint="Take a copy to change it.")


def _unknown() -> NotebookError:
    return NotebookError("there is no such notebook", hint="It may be private or deleted: ask its author for a link.")


def _same(one: Notebook, other: Notebook) -> bool:
    return (one.title, one.cells, one.next_number) == (other.title, other.cells, other.next_number)


def _is_known(cursor: Cursor, notebook_id: str) -> bool:
    return bool(rows(cursor, "SELECT 1 FROM notebooks WHERE notebook_id = ?", [notebook_id]))


def _create(cursor: Cursor, notebook: Notebook, by: str, at: datetime) -> None:
    values = [notebook.notebook_id, by, Sharing.PRIVATE.value, "", at]
    rows(cursor, "INSERT INTO notebooks VALUES (?, ?, ?, ?, ?, NULL)", values)
    _insert(cursor, notebook, 1, by, (at, at))


def _insert(cursor: Cursor, notebook: Notebook, version: int, by: str, times: tuple[datetime, datetime]) -> None:
    body = msgspec.json.encode(_Body(notebook.cells, notebook.next_number)).decode()
    ids = [cell.cell_id for cell in notebook.cells]
    values = [notebook.notebook_id, version, notebook.title, body, ids, by, *times]
    rows(cursor, "INSERT INTO notebook_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


def _add_version(cursor: Cursor, newest: Notebook, notebook: Notebook, by: str, at: datetime) -> None:
    """One version further; it takes the place of the last one where that is of the same burst and loses no cell."""
    version, identity = newest.version + 1, notebook.notebook_id
    sql = "SELECT saved_by, burst_at FROM notebook_versions WHERE notebook_id = ? AND version = ?"
    saved_by, burst_at = rows(cursor, sql, [identity, newest.version])[0]
    kept = {cell.cell_id for cell in notebook.cells}
    loses = any(cell.cell_id not in kept for cell in newest.cells)
    if saved_by == by and timedelta(0) <= at - _utc(burst_at) < BURST and not loses:
        rows(cursor, "DELETE FROM notebook_versions WHERE notebook_id = ? AND version = ?", [identity, newest.version])
    else:
        burst_at = at
        _thin(cursor, identity)
    _insert(cursor, notebook, version, by, (at, _utc(burst_at)))


def _thin(cursor: Cursor, notebook_id: str) -> None:
    """Drop the oldest version that can go, once there are too many: one whose cells are all in the next."""
    rows(
        cursor,
        "DELETE FROM notebook_versions WHERE notebook_id = ? AND version IN (SELECT version FROM (SELECT version, "
        "cell_ids, lead(cell_ids) OVER (ORDER BY version) AS next_ids, row_number() OVER (ORDER BY version DESC) AS age "
        "FROM notebook_versions WHERE notebook_id = ?) WHERE age >= ? AND list_has_all(next_ids, cell_ids) "
        "ORDER BY version LIMIT 1)",
        [notebook_id, notebook_id, MOST_VERSIONS],
    )


def _kept_aside(cursor: Cursor, notebook: Notebook, by: str, at: datetime) -> ConflictError:
    """Keep what cannot be saved as a copy of its own; the error that tells so."""
    sql = (
        "SELECT n.author, n.deleted_at, v.saved_by, v.saved_at FROM notebooks AS n JOIN notebook_versions AS v "
        "USING (notebook_id) WHERE notebook_id = ? ORDER BY v.version DESC LIMIT 1"
    )
    author, deleted_at, saved_by, saved_at = rows(cursor, sql, [notebook.notebook_id])[0]
    who, when, what = (author, deleted_at, "deleted") if deleted_at else (saved_by, saved_at, "saved")
    title = f"{notebook.title[: MOST_TITLE_CHARS - 40]} (not saved, {at:%Y-%m-%d %H:%M:%S})"
    copied = _copy_of(notebook, by, title)
    _create(cursor, copied, by, at)
    when = _utc(when)
    return ConflictError(
        f"{who} {what} this notebook at {when:%Y-%m-%d %H:%M:%S} UTC, after you opened it",
        by=who,
        at=when,
        copy_id=copied.notebook_id,
        hint=f"Nothing is lost: your text is kept as “{copied.title}”.",
    )


def _copy_of(notebook: Notebook, by: str, title: str) -> Notebook:
    cells, number = notebook.cells, notebook.next_number
    return Notebook(notebook_id=new_id(), title=title, author=by, cells=cells, next_number=number)


def _entry(row: Sequence[Any]) -> Entry:
    identity, title, author, shared, version, created_at, saved_at, saved_by = row
    return Entry(identity, title, author, Sharing(shared), version, _utc(created_at), _utc(saved_at), saved_by)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
