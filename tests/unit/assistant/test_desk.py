"""What was read for one instant is read once, and what takes long holds up nothing else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from watchdog.assistant.desk import Memo
from watchdog.base.errors import SourceUnavailableError


def test_a_thing_that_many_want_is_read_once():
    memo, reads = Memo(), []
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: memo.get("fleet", lambda: reads.append(1) or len(reads)), range(40)))
    assert (found, reads) == ([1] * 40, [1])


def test_a_read_that_takes_long_holds_up_no_other():
    memo, on = Memo(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(memo.get, "past", lambda: on.wait(10))
        assert memo.get("fleet", lambda: 1) == 1
        assert not slow.done()
        on.set()
        assert slow.result()


def test_a_read_that_failed_is_tried_again():
    memo = Memo()
    with pytest.raises(SourceUnavailableError):
        memo.get("fleet", _down)
    assert memo.get("fleet", lambda: 7) == 7


def _down():
    raise SourceUnavailableError("down")
