"""The command line. Exit codes: 0 fine, 1 trouble found, 2 misuse, 3 no answer."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from watchdog import __version__
from watchdog.base.config import Config, load_config
from watchdog.base.errors import ConfigError, WatchdogError
from watchdog.base.log import configure_logging

if TYPE_CHECKING:
    from watchdog.runtime import Runtime

# Each command imports what it needs when it runs: an exporter must not load pandas.
# ruff: noqa: PLC0415


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    args = _parser(words).parse_args(words)
    try:
        return int(args.run(args))
    except ConfigError as error:
        return _complain(error, 2)
    except WatchdogError as error:
        return _complain(error, 3)
    except KeyboardInterrupt:
        return 130


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m watchdog", description="Watch the GPUs of a cluster.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("serve", help="start the app and the collector").set_defaults(run=_serve)
    commands.add_parser("health", help="open a page of the running app; 0 if it is drawn").set_defaults(run=_health)
    _collect_parser(commands.add_parser("collect", help="read the source without a browser"))
    exporters = commands.add_parser("exporter", help="run an exporter on a node").add_subparsers(
        required=True, metavar="KIND"
    )
    _gpu_exporter_parser(exporters.add_parser("gpu", help="GPUs of this machine, with dcgm-exporter's names, on :9400"))
    _slurm_exporter_parser(exporters.add_parser("slurm", help="the queue, nodes and scheduler of Slurm, on :9341"))
    alerts = commands.add_parser("alerts", help="what is watched").add_subparsers(required=True, metavar="ACTION")
    _export_parser(alerts.add_parser("export", help="print the threshold rules as a Prometheus rule file"), words)
    bundle = commands.add_parser("export", help="write a window of history as Parquet files")
    _bundle_parser(bundle, wanted="export" in words[:1])
    _backup_parsers(
        commands.add_parser("backup", help="copy history while the app runs"),
        commands.add_parser("restore", help="put a backup in the place of history"),
        wanted=words[:1] in (["backup"], ["restore"]),
    )
    ask = commands.add_parser("ask", help="ask the assistant; 0 answered, 1 no answer")
    _ask_parser(ask, wanted="ask" in words[:1])
    evaluate = commands.add_parser(
        "evaluate", help="score a model, or the rules, on simulated clusters; 1 below the goals"
    )
    _evaluate_parser(evaluate, wanted="evaluate" in words[:1])
    mcp = commands.add_parser("mcp", help="the assistant's tools for MCP clients, on standard input and output")
    mcp.set_defaults(run=_mcp)
    demo = commands.add_parser("demo", help="serve a simulated cluster's exporters over HTTP")
    _demo_parser(demo, wanted="demo" in words[:1])
    docs = commands.add_parser("docs", help="print a page of the documentation made from the code")
    docs.add_argument("page", choices=("settings", "metrics", "checks", "history"))
    docs.set_defaults(run=_docs)
    return parser


def _collect_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="read once and exit; 1 if a source failed")
    parser.add_argument(
        "--to", choices=("store", "stdout"), default="store", help="keep it (default), or print it as CSV"
    )
    parser.set_defaults(run=_collect)


def _gpu_exporter_parser(parser: argparse.ArgumentParser) -> None:
    from watchdog.exporters.gpu.main import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _slurm_exporter_parser(parser: argparse.ArgumentParser) -> None:
    from watchdog.exporters.slurm.main import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _export_parser(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Its options come with the metric catalogue and the checks, which load pandas: only where it was asked for."""
    if "alerts" in words[:1]:
        from watchdog.alerts.command import add_arguments, run

        add_arguments(parser)
        parser.set_defaults(run=run)


def _bundle_parser(parser: argparse.ArgumentParser, *, wanted: bool) -> None:
    """Its options name the tables of history, and what writes them loads pandas: only where it was asked for."""
    if wanted:
        from watchdog.services.export_command import add_arguments, run

        add_arguments(parser)
        parser.set_defaults(run=run)


def _backup_parsers(backup: argparse.ArgumentParser, restore: argparse.ArgumentParser, *, wanted: bool) -> None:
    """They load DuckDB: only where they were asked for."""
    if wanted:
        from watchdog.services.backup_command import add_backup_arguments, add_restore_arguments

        add_backup_arguments(backup)
        add_restore_arguments(restore)
        backup.set_defaults(run=_backup)
        restore.set_defaults(run=_restore)


def _ask_parser(parser: argparse.ArgumentParser, *, wanted: bool) -> None:
    """The assistant loads everything: only where it was asked for."""
    if wanted:
        from watchdog.ask_command import add_arguments, run

        add_arguments(parser)
        parser.set_defaults(run=run)


def _evaluate_parser(parser: argparse.ArgumentParser, *, wanted: bool) -> None:
    """It loads everything, too."""
    if wanted:
        from watchdog.evaluate_command import add_arguments, run

        add_arguments(parser)
        parser.set_defaults(run=run)


def _mcp(args: argparse.Namespace) -> int:
    from watchdog.mcp_command import run

    return run(args)


def _demo_parser(parser: argparse.ArgumentParser, *, wanted: bool) -> None:
    """Its options come with the simulation, which loads pandas: only where it was asked for."""
    if wanted:
        from watchdog.sources.demo.server import add_arguments, run

        add_arguments(parser)
        parser.set_defaults(run=run)


def _serve(_: argparse.Namespace) -> int:
    config = _config()
    from watchdog.server import serve

    serve(config)
    return 0


def _backup(args: argparse.Namespace) -> int:
    from watchdog.services.backup_command import run_backup
    from watchdog.source_setup import database_of

    config = load_config()
    return run_backup(config, database_of(config), args.file)


def _restore(args: argparse.Namespace) -> int:
    from watchdog.services.backup_command import run_restore
    from watchdog.source_setup import database_of

    return run_restore(database_of(load_config()), args.file)


def _health(_: argparse.Namespace) -> int:
    from watchdog.ui.page_check import check_page

    found = check_page(load_config())
    print(found.problem or f"a page with {found.elements} blocks was drawn")
    return 1 if found.problem else 0


def _collect(args: argparse.Namespace) -> int:
    config = _config()
    from watchdog.base.clock import SystemClock
    from watchdog.runtime import Runtime

    runtime = Runtime(config, SystemClock())
    if args.once:
        return _collect_once(runtime, to_stdout=args.to == "stdout")
    if args.to == "stdout":
        raise ConfigError("printing goes with --once only", hint="Add --once, or leave out --to stdout.")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    runtime.start()
    stop.wait()
    runtime.stop()
    return 0


def _collect_once(runtime: Runtime, *, to_stdout: bool) -> int:
    """Read the source once; print samples as CSV, or store them."""
    reading = runtime.read_once(keep=not to_stdout)
    if to_stdout:
        reading.frame.to_csv(sys.stdout, index=False)
    failed = [status for status in reading.statuses if status.error]
    for status in failed:
        print(f"{status.name}: {status.error} {status.hint}", file=sys.stderr)
    runtime.stop()
    return 1 if failed else 0


def _docs(args: argparse.Namespace) -> int:
    from watchdog.services.history_reference import history_page
    from watchdog.services.reference import checks_page, metrics_page, settings_page

    pages = {"settings": settings_page, "metrics": metrics_page, "checks": checks_page, "history": history_page}
    print(pages[args.page](), end="")
    return 0


def _config() -> Config:
    config = load_config()
    configure_logging(config.log_level)
    return config


def _complain(error: WatchdogError, code: int) -> int:
    print(f"watchdog: {error}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
    return code
