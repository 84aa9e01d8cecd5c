"""Logging: one line an event on stderr, UTC, so that stdout stays free for data."""

from __future__ import annotations

import logging
import time


def configure_logging(level: str) -> None:
    """Send our own log to stderr at `level`; other libraries stay at their warnings."""
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    ours = logging.getLogger("watchdog")
    ours.handlers[:] = [handler]
    ours.setLevel(level.upper())
    ours.propagate = False
