"""What the hard test of chats runs in a process of its own: an answer that goes on until the process is killed."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from watchdog.assistant.records import Answer, Ending, Text
from watchdog.assistant.runs import Runs
from watchdog.base.clock import SystemClock
from watchdog.services.history import History

CHAT, OWNER, QUESTION = "chat", "ann", "why is job 812 slow?"


def answer_until_killed(path: Path, noted: Path) -> None:
    """Say a number every 20 ms, noting each with its instant once it is said."""
    note = os.open(noted, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def counting(question, emit, cancelled):
        number = 0
        while not cancelled():
            emit(Text(f"{number} "))
            os.write(note, b"%d %f\n" % (number, time.monotonic()))
            number += 1
            time.sleep(0.02)
        return Answer("", Ending.STOPPED, "m")

    clock = SystemClock()
    runs = Runs(counting, History(path, clock), clock)
    runs.ask(OWNER, CHAT, QUESTION)
    runs.tend(threading.Event())
