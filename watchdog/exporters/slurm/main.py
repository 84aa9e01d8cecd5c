"""`python -m watchdog exporter slurm`: options, start, stop."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading

from watchdog.base.log import configure_logging
from watchdog.exporters.http import ExporterServer, Site
from watchdog.exporters.slurm.exporter import SlurmExporter, SlurmOptions
from watchdog.exporters.web import add_web_arguments, read_token, tls_context

log = logging.getLogger(__name__)

PORT = 9341
# Reading 10,000 jobs keeps Python busy for half a second; a scrape meanwhile must not wait long for its turns.
_SWITCH_SECONDS = 0.0005


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the Slurm exporter."""
    defaults = SlurmOptions()
    add_web_arguments(parser, PORT)
    parser.add_argument(
        "--interval", type=_positive, default=defaults.interval_seconds, metavar="S", help="seconds between readings"
    )
    parser.add_argument(
        "--timeout", type=_positive, default=defaults.timeout_seconds, metavar="S", help="kill a command after it"
    )
    parser.add_argument(
        "--max-jobs", type=_count, default=defaults.max_jobs, metavar="N", help="jobs with series of their own"
    )
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--once", action="store_true", help="print one page to stdout and end")


def run(args: argparse.Namespace) -> int:
    """Run the exporter until SIGTERM or SIGINT.

    Returns:
        0 after a clean stop; with `--once` 1 if nothing could be read.

    Raises:
        ConfigError: an option cannot be used, or the address is taken.
    """
    exporter = SlurmExporter(SlurmOptions(args.interval, args.timeout, args.max_jobs))
    if args.once:
        attempt = exporter.collect_once()
        sys.stdout.write(exporter.page().decode())
        return 0 if attempt.success else 1
    configure_logging(args.log_level)
    sys.setswitchinterval(_SWITCH_SECONDS)
    token = read_token(args.token_file)
    tls = tls_context(args.tls_cert, args.tls_key, args.web_config)
    site = Site("GPU Watchdog: Slurm exporter", exporter.page, exporter.health, token)
    server = ExporterServer(site, args.listen, tls)
    if token and not tls:
        log.warning("the token travels unencrypted: add --tls-cert and --tls-key outside a trusted network")
    exporter.start()
    server.start()
    log.info("serving %s on port %d", "https" if tls else "http", server.port)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    server.stop()
    exporter.stop()
    return 0


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of jobs")
    return value
