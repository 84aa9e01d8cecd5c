"""`python -m watchdog backup [FILE]` and `restore FILE`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from watchdog.base.config import Config
from watchdog.base.errors import StoreError
from watchdog.services.backup import ask_for_backup, back_up
from watchdog.store.backup import Copied, looked_at, put_back
from watchdog.store.database import Store


def add_backup_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `backup`."""
    parser.add_argument("file", type=Path, nargs="?", help="where to; default: the folder `backups` beside the store")


def add_restore_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `restore`."""
    parser.add_argument("file", help="a file that `backup` made, or - for standard input")


def run_backup(config: Config, database: Path, file: Path | None) -> int:
    """Make one, through the app where it runs, and print where it is."""
    made = ask_for_backup(config) or _by_ourselves(database)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        made = Path(shutil.move(made, file))
    sys.stdout.write(f"{made}\n")
    _tell(looked_at(made))
    return 0


class _Apart:
    """A store that is opened for this alone; looks like History."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def store(self) -> Store:
        return self._store


def _by_ourselves(database: Path) -> Path:
    if not database.exists():
        raise StoreError(f"there is no {database}", hint="Nothing is kept there yet: see WATCHDOG_DATA_DIR.")
    with Store(database) as store:
        return back_up(_Apart(store), database.parent / "backups", datetime.now(UTC))


def run_restore(database: Path, file: str) -> int:
    """Put it back, and say what was put aside."""
    aside = database.with_name(f"{database.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    if file != "-":
        _tell(put_back(Path(file), database, aside))
    else:
        with tempfile.TemporaryDirectory(dir=_made(database.parent)) as folder:
            received = Path(folder) / "received.duckdb"
            with received.open("wb") as target:
                shutil.copyfileobj(sys.stdin.buffer, target)
            _tell(put_back(received, database, aside))
    if aside.exists():
        sys.stderr.write(f"What was there is kept as {aside}.\n")
    return 0


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _tell(found: Copied) -> None:
    total = sum(found.rows.values())
    sys.stderr.write(f"Schema version {found.version}, {total:,} rows in {len(found.rows)} tables.\n")
