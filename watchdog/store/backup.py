"""A copy of the store: whether it is whole and ours, and putting it in the place of the one that is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from watchdog.base.errors import StoreError, StoreFullError, StoreVersionError
from watchdog.store.connection import rows
from watchdog.store.database import Store
from watchdog.store.schema import MIGRATIONS
from watchdog.store.translate import translated


@dataclass(frozen=True)
class Copied:
    """What a copy holds: the version of its schema, the rows of each table, and a digest of them in any order."""

    version: int
    rows: dict[str, int]
    digests: dict[str, int]


def looked_at(path: Path) -> Copied:
    """Read every table of a copy that nobody has open.

    Raises:
        StoreError: it cannot be read, is another program's, or is newer than this one.
    """
    if not path.is_file():
        raise StoreError(f"there is no {path}", hint="Name a file that `backup` made.")
    with translated(path):
        connection = duckdb.connect(str(path), read_only=True, config={"enable_external_access": False})
        try:
            names = [str(name) for (name,) in rows(connection, "SELECT table_name FROM duckdb_tables() ORDER BY 1")]
            if "schema_version" not in names:
                raise StoreVersionError(f"{path} is a DuckDB file of another program")
            version = int(rows(connection, "SELECT max(version) FROM schema_version")[0][0])
            # Hashing reads every block, and DuckDB checks the sum of each; counting alone reads none.
            found = {name: rows(connection, f'SELECT count(*), bit_xor(hash(t)) FROM "{name}" t')[0] for name in names}
        finally:
            connection.close()
    if version > len(MIGRATIONS):
        raise StoreVersionError(
            f"{path} has schema version {version}, this program knows {len(MIGRATIONS)}",
            hint="It was made by a newer GPU Watchdog: update this one first.",
        )
    counts = {name: int(count) for name, (count, _) in found.items()}
    return Copied(version, counts, {name: int(digest or 0) for name, (_, digest) in found.items()})


def put_back(copy: Path, database: Path, aside: Path, *, checkpoint: Callable[[str], None] = lambda _: None) -> Copied:
    """Put a copy in the place of `database`; what was there is kept as `aside`.

    At every moment there is a whole file of one or the other under the name of `database`, so a kill leaves one of
    them and the same call can be made again. `checkpoint` is told of each step, for tests.

    Raises:
        StoreLockedError: an app has the database open.
        StoreError: the copy is not whole, not ours or newer; nothing was changed.
    """
    found = looked_at(copy)
    database.parent.mkdir(parents=True, exist_ok=True)
    incoming = database.with_name(f"{database.name}.restoring")
    try:
        shutil.copyfile(copy, incoming)
        _to_disk(incoming)
    except OSError as error:
        incoming.unlink(missing_ok=True)
        raise StoreFullError(f"{database.parent} cannot be written: {error.strerror}", hint="Free space.") from error
    checkpoint("copied")
    _set_aside(database, aside)
    checkpoint("set aside")
    incoming.replace(database)
    _to_disk(database.parent)
    return found


def _set_aside(database: Path, aside: Path) -> None:
    """Keep the old file, without a log beside it: DuckDB would play that log into the new one."""
    log = database.with_name(f"{database.name}.wal")
    if database.exists():
        # Opening it proves that nobody else has it open, and closing folds its log in.
        Store(database).close()
        with suppress(FileExistsError):
            os.link(database, aside)
    if log.exists():
        log.replace(aside.with_name(f"{aside.name}.wal"))


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
