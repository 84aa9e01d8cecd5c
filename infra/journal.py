"""The file of records: appended, forced to the disk, never rewritten."""

from __future__ import annotations

import os
from pathlib import Path

from infra.records import Record, decoded, encoded
from watchdog.base.errors import InfraError


class Journal:
    """An append-only file of records. One driver writes (it holds the lock); anybody reads."""

    def __init__(self, path: Path, *, expected: bool = False) -> None:
        """`expected`: a file that is not there is unreadable; else it is one without records."""
        self.path = path
        self._expected = expected

    def append(self, record: Record) -> None:
        """Write a record; it is on the disk when this returns, or InfraError."""
        try:
            self._write(encoded(record))
        except OSError as error:
            raise InfraError(
                f"cannot write {self.path}: {error.strerror}",
                hint="Nothing is rented without a record: free some space.",
            ) from error

    def read(self) -> list[Record]:
        """All records, oldest first."""
        return self.read_from(0)[0]

    def read_from(self, offset: int) -> tuple[list[Record], int]:
        """The records after byte `offset` and the offset to go on from; a half-written last line stays for next time.

        Raises:
            InfraError: there is a file, or must be, and it cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                data = file.read()
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not self._expected:
                return [], offset
            raise InfraError(
                f"cannot read {self.path}: {error.strerror}", hint="It belongs to whoever ran the driver."
            ) from error
        whole = data[: data.rfind(b"\n") + 1]
        records = [record for line in whole.splitlines() if (record := decoded(line)) is not None]
        return records, offset + len(whole)

    def _write(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = not self.path.exists()
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(handle).st_size
            # A kill can leave half a line; the next record must not be glued to it.
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            _write_all(handle, b"\n" + line if torn else line)
            os.fsync(handle)
        finally:
            os.close(handle)
        if new:
            _sync_folder(self.path.parent)


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
