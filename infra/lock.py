"""Never two drivers at once: a lock that ends with the process, and with the terraform it started."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.errors import BusyError
from watchdog.base.clock import Clock
from watchdog.base.errors import InfraError

_POLL_SECONDS = 0.2


@contextmanager
def only_driver(path: Path, clock: Clock, wait_seconds: float = 0.0) -> Iterator[int]:
    """Hold the lock; gives its file descriptor, for children to inherit.

    A child that has it keeps the lock after we were killed, so nobody lists pods while an orphaned terraform rents some.

    Raises:
        BusyError: another driver, or what it left running, holds the lock after `wait_seconds`.
        InfraError: the file cannot be written.
    """
    handle = _opened(path)
    try:
        _take(handle, path, clock, wait_seconds)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield handle
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise InfraError(
            f"cannot write {path}: {error.strerror}", hint="Nothing is rented or returned without a record."
        ) from error


def _take(handle: int, path: Path, clock: Clock, wait_seconds: float) -> None:
    until = clock.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.monotonic() >= until:
                raise _busy(path) from None
            clock.sleep(_POLL_SECONDS)
        else:
            return


def _busy(path: Path) -> BusyError:
    pid = path.read_text(encoding="ascii", errors="replace").strip() or "unknown"
    return BusyError(
        f"another driver is at work (process {pid}, or a terraform it left)",
        hint="Wait for it, or end it, and try again.",
    )
