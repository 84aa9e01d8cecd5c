"""How Slurm writes jobs: `123`, `123_4`, `123_[5-10%2]` (what waits of an array), `123+1` (a component), `123.batch`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from watchdog.base.errors import SourceFormatError

_ID = re.compile(r"(\d{1,10})(?:_(\d{1,10}|\[[^\[\]]*\]?))?(?:\+(\d{1,6}))?(?:\.(\S+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class JobId:
    """A job's name, taken apart.

    Attributes:
        base: of the job, the array, or the heterogeneous job.
        task: of an array task.
        tasks: the waiting rest of an array, as Slurm writes it without brackets: "5-10%2".
        component: of a heterogeneous job.
        step: "batch", "extern", "0", "3+1"; "" for the job itself.
    """

    base: int
    task: int | None = None
    tasks: str = ""
    component: int | None = None
    step: str = ""

    @property
    def job(self) -> str:
        """As people write the job, without its step."""
        task = f"_{self.task}" if self.task is not None else f"_[{self.tasks}]" if self.tasks else ""
        return f"{self.base}{task}" + (f"+{self.component}" if self.component is not None else "")


@lru_cache(maxsize=16_384)
def job_id(text: str) -> JobId:
    """`text` taken apart; a list of tasks that was shortened (`123_[1,3,...]`) stays as it is.

    Raises:
        SourceFormatError: it is no job.
    """
    match = _ID.fullmatch(text.strip())
    if not match:
        raise SourceFormatError(f"not a job: {text[:40]!r}")
    base, task, component, step = match.groups()
    one = task is not None and not task.startswith("[")
    return JobId(
        base=int(base),
        task=int(task) if one else None,
        tasks="" if one or task is None else task.strip("[]"),
        component=None if component is None else int(component),
        step=step or "",
    )


def task_count(tasks: str) -> int | None:
    """How many tasks "1-10%2" or "1,3-9:2" stands for; None where the list was shortened ("...") or is none."""
    total = 0
    for part in tasks.partition("%")[0].split(","):
        match = re.fullmatch(r"(\d{1,10})(?:-(\d{1,10})(?::(\d{1,10}))?)?", part.strip(), re.ASCII)
        if not match:
            return None
        low, high, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        total += max(0, high - low) // max(1, step) + 1
    return total
