"""`python -m watchdog exporter gpu`: options, start, stop."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading

from watchdog.base.log import configure_logging
from watchdog.exporters.gpu.backends import CHOICES
from watchdog.exporters.gpu.exporter import GpuExporter, GpuOptions
from watchdog.exporters.http import ExporterServer, Site
from watchdog.exporters.web import add_web_arguments, read_token, tls_context

log = logging.getLogger(__name__)

PORT = 9400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the GPU exporter."""
    defaults = GpuOptions()
    add_web_arguments(parser, PORT)
    parser.add_argument(
        "--interval", type=_positive, default=defaults.interval_seconds, metavar="S", help="seconds between collections"
    )
    parser.add_argument(
        "--timeout", type=_positive, default=defaults.timeout_seconds, metavar="S", help="kill nvidia-smi after it"
    )
    parser.add_argument("--backend", choices=CHOICES, default=defaults.backend, help="how to read the GPUs")
    parser.add_argument("--nvidia-smi", default=defaults.nvidia_smi, metavar="PATH", help="the nvidia-smi to run")
    parser.add_argument("--hostname", default="", help="value of the label Hostname, instead of this machine's name")
    parser.add_argument(
        "--processes", action="store_true", help="also export GPU memory by pid, user and program (more series)"
    )
    parser.add_argument(
        "--hpc-job-mapping-dir",
        default="",
        metavar="DIR",
        help="dcgm-exporter's job files; gives watchdog_gpu_job_info",
    )
    parser.add_argument("--kernel-log", default=defaults.kernel_log, metavar="PATH", help="where to read XIDs from")
    parser.add_argument("--no-xid", action="store_true", help="do not look for XIDs")
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--once", action="store_true", help="print one page to stdout and end")


def run(args: argparse.Namespace) -> int:
    """Run the exporter until SIGTERM or SIGINT.

    Returns:
        0 after a clean stop; with `--once` 1 if nothing could be read.

    Raises:
        ConfigError: an option cannot be used, or the address is taken.
    """
    exporter = GpuExporter(_options(args))
    if args.once:
        return _once(exporter)
    configure_logging(args.log_level)
    token = read_token(args.token_file)
    tls = tls_context(args.tls_cert, args.tls_key, args.web_config)
    site = Site("GPU Watchdog: GPU exporter", exporter.page, exporter.health, token)
    server = ExporterServer(site, args.listen, tls)
    if token and not tls:
        log.warning("the token travels unencrypted: add --tls-cert and --tls-key outside a trusted network")
    exporter.start()
    server.start()
    log.info("serving %s on port %d", "https" if tls else "http", server.port)
    _wait_for_signal()
    server.stop()
    exporter.stop()
    return 0


def _options(args: argparse.Namespace) -> GpuOptions:
    return GpuOptions(
        backend=args.backend,
        interval_seconds=args.interval,
        timeout_seconds=args.timeout,
        hostname=args.hostname,
        processes=args.processes,
        job_mapping_dir=args.hpc_job_mapping_dir,
        nvidia_smi=args.nvidia_smi,
        kernel_log="" if args.no_xid else args.kernel_log,
    )


def _once(exporter: GpuExporter) -> int:
    attempt = exporter.collect_once()
    sys.stdout.write(exporter.page().decode())
    return 0 if attempt.success else 1


def _wait_for_signal() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return value
