"""Run something in a process of its own and kill it -9 at a chosen point: before or after any request or record."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable

import requests

from infra.journal import Journal
from watchdog.base.errors import WatchdogError

_BROKEN = 70


def killed_at(point: int, act: Callable[[], object]) -> bool:
    """Fork, run `act`, kill it at the `point`-th step. Whether it was killed; False: it ended before.

    Steps are: about to ask RunPod, RunPod has answered, about to write a record, the record is written.
    """
    child = os.fork()
    if child == 0:
        _run(point, act)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) != _BROKEN, "see the traceback above"
    return os.WIFSIGNALED(status)


def _run(point: int, act: Callable[[], object]) -> None:
    left = point

    def step() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    _around(requests.Session, "request", step)
    _around(Journal, "append", step)
    code = _BROKEN
    try:
        act()
        code = 0
    except WatchdogError:
        code = 1
    finally:
        if code == _BROKEN:
            traceback.print_exc()
        os._exit(code)


def _around(owner: type, name: str, step: Callable[[], None]) -> None:
    inner = getattr(owner, name)

    def outer(*args, **kwargs):
        step()
        result = inner(*args, **kwargs)
        step()
        return result

    setattr(owner, name, outer)
