"""`python -m watchdog export`: a window of history as Parquet, also beside a running server."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from watchdog.base.clock import SystemClock
from watchdog.base.config import Config, load_config
from watchdog.base.errors import ConfigError, StoreLockedError
from watchdog.model.tables import TABLES
from watchdog.model.telemetry import Window
from watchdog.services.history_export import Exported, export_history
from watchdog.store.database import Store
from watchdog.store.lake.lake import Lake, Snapshot, lake_folder, latest

_AGO = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `export`."""
    parser.add_argument("--since", required=True, help="from when on: 2026-03-01, 2026-03-01T12:00, or 7d (ago)")
    parser.add_argument("--until", default="now", help="until when, not included (now)")
    parser.add_argument("--to", required=True, type=Path, metavar="DIR", help="a folder that is new or empty")
    parser.add_argument("--tables", nargs="+", default=[], metavar="TABLE", help=f"of {', '.join(TABLES)} (all)")
    parser.add_argument("--demo", action="store_true", help="the simulated cluster's history")


def run(args: argparse.Namespace) -> int:
    """Write the bundle, and say what is in it."""
    now = SystemClock().now()
    since, until = instant(args.since, now, "--since"), instant(args.until, now, "--until")
    if since >= until:
        raise ConfigError(f"--since {args.since} is not before --until {args.until}", hint="Turn them round.")
    config = load_config()
    database = config.database.with_name("demo.duckdb") if args.demo else config.database
    snapshot = _snapshot(config, database)
    if snapshot.taken_at < until:
        _say(f"History is as of {snapshot.taken_at:%Y-%m-%d %H:%M:%S} UTC.")
    _tell(export_history(snapshot, Window(since, until), args.to, args.tables, _progress))
    return 0


def instant(text: str, now: datetime, name: str) -> datetime:
    """`2026-03-01`, `2026-03-01T12:00` (UTC without a zone), `7d` ago, or `now`."""
    if text == "now":
        return now
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "Write 2026-03-01, 2026-03-01T12:00, 7d, 12h or now."
        raise ConfigError(f"{name} {text!r} is no instant", hint=hint) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _snapshot(config: Config, database: Path) -> Snapshot:
    """The store's newest state; while a server has the store open, the newest that it has written beside it."""
    if not database.exists():
        raise ConfigError(f"there is no history in {database}", hint="Set WATCHDOG_DATA_DIR, or --demo for the demo's.")
    folder = lake_folder(database)
    try:
        with Store(database) as store:
            return Lake(folder, SystemClock(), config.gpu_rates).snapshot(store)
    except StoreLockedError as error:
        found = latest(folder)
        if found is None:
            hint = "It copies its history beside the file within minutes: try again, or stop it for a moment."
            raise StoreLockedError(str(error), hint=hint) from error
        return found


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done} of {of} files" + "\n" * (done == of))


def _tell(done: Exported) -> None:
    for table, rows in done.rows.items():
        _say(f"{table:16} {rows:>14,} rows")
    _say(f"{done.folder}: {done.file_bytes / 2**20:,.1f} MiB; see README.md there.")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
