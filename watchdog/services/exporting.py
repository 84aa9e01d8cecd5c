"""Exports of history in the background: started, watched and cancelled from a page; one at a time."""

from __future__ import annotations

import shutil
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from watchdog.base.clock import Clock
from watchdog.base.errors import StoreError, WatchdogError
from watchdog.model.telemetry import Window
from watchdog.services.history_export import export_history
from watchdog.store.lake.lake import Snapshot
from watchdog.store.translate import translated

# Folders that stay on the server; older ones make room.
MOST_KEPT = 5
# A browser gets a file through this process' memory.
MOST_DOWNLOAD_BYTES = 256 << 20


class ExportState(StrEnum):
    """How an export stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True)
class Export:
    """One export.

    Attributes:
        by: who began it.
        done, of: files written of all; of = 0 while history is copied for it.
        folder: on the server; what is there is whole once it is DONE.
        archive: the same as one file; None where that would be too large for a browser.
        rows: by table; file_bytes: of the folder.
    """

    by: str
    window: Window
    folder: Path
    state: ExportState = ExportState.RUNNING
    done: int = 0
    of: int = 0
    archive: Path | None = None
    rows: dict[str, int] | None = None
    file_bytes: int = 0
    error: WatchdogError | None = None


class _CancelledError(Exception):
    """Somebody said stop."""


@dataclass(frozen=True)
class _Work:
    """What one thread does."""

    window: Window
    tables: list[str]
    folder: Path
    stop: threading.Event
    ended: threading.Event


class Exports:
    """Any number of threads may ask; one a process."""

    def __init__(self, snapshot: Callable[[], Snapshot], folder: Path, clock: Clock) -> None:
        """`snapshot` gives history as it is, or raises StoreError; bundles are written to new folders in `folder`."""
        self._snapshot, self._folder, self._clock = snapshot, folder, clock
        self._lock = threading.Lock()
        self._now: Export | None = None
        self._stop = threading.Event()
        self._ended = threading.Event()

    @property
    def current(self) -> Export | None:
        """The one that was begun last."""
        with self._lock:
            return self._now

    def start(self, window: Window, tables: Sequence[str], by: str) -> None:
        """Begin; StoreError while another one runs, which would be twice the work for the same disk."""
        folder = self._folder / f"export-{self._clock.now():%Y%m%dT%H%M%S%f}"
        with self._lock:
            if self._now and self._now.state is ExportState.RUNNING:
                raise StoreError(f"{self._now.by} is exporting already", hint="Wait for it, or ask them to cancel it.")
            self._now = Export(by, window, folder)
            self._stop, self._ended = threading.Event(), threading.Event()
            work = _Work(window, [*tables], folder, self._stop, self._ended)
        threading.Thread(target=self._run, args=(work,), name="watchdog-export", daemon=True).start()

    def cancel(self) -> None:
        """End it after the file under way; nothing of it stays."""
        self._stop.set()

    def dismiss(self) -> None:
        """Forget how the last one ended; its folder stays."""
        with self._lock:
            if self._now and self._now.state is not ExportState.RUNNING:
                self._now = None

    def wait(self, seconds: float) -> bool:
        """Wait for the end; False if it goes on."""
        return self._ended.wait(seconds)

    def _run(self, work: _Work) -> None:
        error: WatchdogError = StoreError("the export broke off", hint="The log says why.")
        ended: dict[str, object] = {"state": ExportState.FAILED, "error": error}
        try:
            ended = self._written(work)
        except _CancelledError:
            ended = {"state": ExportState.CANCELLED}
        except WatchdogError as why:
            ended |= {"error": why}
        finally:
            if ended["state"] is not ExportState.DONE:
                _remove(work.folder)
            # Last: from here on another one may begin.
            self._put(**ended)
            work.ended.set()

    def _written(self, work: _Work) -> dict[str, object]:
        def progress(done: int, of: int) -> None:
            if work.stop.is_set():
                raise _CancelledError
            self._put(done=done, of=of)

        with translated(work.folder):
            _make_room(self._folder, MOST_KEPT - 1)
        written = export_history(self._snapshot(), work.window, work.folder, work.tables, progress)
        archive = _archive(work.folder) if written.file_bytes <= MOST_DOWNLOAD_BYTES else None
        return {
            "state": ExportState.DONE, "rows": written.rows, "file_bytes": written.file_bytes, "archive": archive,
        }  # fmt: skip

    def _put(self, **changes: object) -> None:
        with self._lock:
            if self._now:
                self._now = replace(self._now, **changes)  # type: ignore[arg-type]


def _make_room(folder: Path, most: int) -> None:
    old = sorted(folder.glob("export-*")) if folder.is_dir() else []
    bundles = [path for path in old if path.is_dir()]
    for path in bundles[: max(0, len(bundles) - most)]:
        _remove(path)


def _remove(bundle: Path) -> None:
    shutil.rmtree(bundle, ignore_errors=True)
    bundle.with_suffix(".zip").unlink(missing_ok=True)


def _archive(folder: Path) -> Path:
    """The folder as one file beside it; Parquet is compressed already."""
    target = folder.with_suffix(".zip")
    with translated(target), zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return target
