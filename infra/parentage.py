"""A child that does not outlive us: terraform must not go on renting when the driver was killed."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def ends_with_parent() -> Callable[[], None] | None:
    """What the child calls before it becomes the other program; None where the system cannot do this.

    Terraform takes SIGTERM as "finish what is under way, write the state, stop".
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def call() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return call
