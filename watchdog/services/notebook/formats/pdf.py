"""The report on paper, by a Chromium that reaches no network; the report itself forbids scripts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from watchdog.base.errors import NotebookError

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_SECONDS = 60.0
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def browser() -> str | None:
    """The Chromium of this machine, if it has one."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def to_pdf(html: str, *, seconds: float = _SECONDS) -> bytes:
    """The page as PDF; NotebookError where there is no Chromium, or it fails."""
    program = browser()
    if program is None:
        hint = "Install Chromium on the server, or print the HTML report from your browser."
        raise NotebookError("there is no Chromium here to print with", hint=hint)
    with tempfile.TemporaryDirectory(prefix="watchdog-pdf-", ignore_cleanup_errors=True) as folder:
        page, out = Path(folder, "report.html"), Path(folder, "report.pdf")
        page.write_text(html, encoding="utf-8")
        _print([program, *_flags(folder), f"--print-to-pdf={out}", page.as_uri()], folder, seconds)
        if not out.exists() or not out.stat().st_size:
            raise NotebookError(
                "Chromium printed nothing", hint="Take the HTML report, and print it from your browser."
            )
        return out.read_bytes()


def _flags(folder: str) -> list[str]:
    # Chromium refuses root with its sandbox; the page is our own, without scripts.
    unsafe = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [*_FLAGS, *unsafe, f"--user-data-dir={folder}/profile"]


def _print(command: list[str], folder: str, seconds: float) -> None:
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": folder, "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(  # noqa: S603 (a program found on PATH, our own arguments)
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        hint = "Take the HTML report, and print it from your browser."
        raise NotebookError(f"Chromium did not print within {seconds:g} s", hint=hint) from None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
