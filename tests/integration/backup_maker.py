"""Writes to a store and copies it, again and again, until it is killed: `python backup_maker.py STORE FOLDER`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from watchdog.model.audit import AuditEntry
from watchdog.store.audit import AuditStore
from watchdog.store.database import Store


def main(path: Path, folder: Path) -> None:
    with Store(path) as store:
        for number in count():
            AuditStore(store).add([AuditEntry(datetime.now(UTC), "x", False, "a", "b" * 100)] * 100)
            store.copy_to(folder / f"{number}-{datetime.now(UTC):%H%M%S%f}.duckdb")
            print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
