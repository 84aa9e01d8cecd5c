"""Start, end and exit of a job, by one rule for every source.

Slurm prints one field for different things: the start of a waiting job is an estimate, the end of a running one is
when its time is up, and of a job that never ran both are when it was cancelled.
"""

from __future__ import annotations

import re
from datetime import datetime

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm.records import ENDED, WAITING, JobState

Exit = tuple[int | None, int | None]
NO_EXIT: Exit = (None, None)


def over(state: JobState) -> bool:
    """Whether its script has ended: an exit code and an end mean something."""
    return state in ENDED or state is JobState.COMPLETING


def lived(
    state: JobState, start: datetime | None, end: datetime | None, *, ran: bool
) -> tuple[datetime | None, datetime | None, datetime | None]:
    """`started_at`, `ended_at` and `expected_start_at`; `ran` = it was given nodes."""
    if state in WAITING:
        return None, None, start
    return (start if ran else None), (end if over(state) else None), None


def exit_of(said: str) -> Exit:
    """Exit code and signal of "3:0", or of a wait status such as "768".

    Raises:
        SourceFormatError: it is neither.
    """
    word = said.strip()
    if not word:
        return NO_EXIT
    if match := re.fullmatch(r"(\d{1,9}):(\d{1,9})", word, re.ASCII):
        return int(match[1]), int(match[2])
    if re.fullmatch(r"\d{1,9}", word, re.ASCII):
        return of_wait_status(int(word))
    raise SourceFormatError(f"not an exit code: {said[:40]!r}")


def of_wait_status(status: int) -> Exit:
    """The same of what wait(2) gives: the code in the upper byte, the signal in the lower seven bits."""
    return status >> 8, status & 0x7F
