"""Terraform starts this as the binary of the provider; with --dev it waits for many runs of terraform."""

import os
import sys
import threading
import time

from tf import runner

from tests.infra.provider.provider import RunpodProvider


def _end_with(parent: int) -> None:
    """A terraform that was killed leaves its providers behind; a stand-in must not outlive its test."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _outlive_interrupts() -> None:
    """An interrupted terraform asks its provider to stop; here others still need it."""
    runner._ShutdownInterceptor.intercept_service = lambda _self, go_on, call: go_on(call)


if __name__ == "__main__":
    if "--dev" in sys.argv:
        _outlive_interrupts()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    runner.run_provider(RunpodProvider(), sys.argv)
