"""Which GPUs a job holds, from `scontrol show job -d`: the only text that tells their places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm import hostlist
from watchdog.model.slurm.gres import gpus, gres
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import GpuHold

ARGUMENTS = ("scontrol", "--all", "--details", "show", "job")
_LINE = re.compile(r"^ +Nodes=(\S+) CPU_IDs=.* GRES(?:_IDX)?=(\S*gpu\S*)", re.MULTILINE)


def holds(text: str, problems: Problems, forged: Iterable[str] = ()) -> dict[int, tuple[GpuHold, ...]]:
    """GPUs by raw job id.

    Args:
        text: What `ARGUMENTS` printed.
        problems: Takes a note of what cannot be read.
        forged: Names and comments that hold newlines (`squeue.texts`): they could write lines of their own.

    A job that appears twice, because somebody's paths pretend to be it, is given no places at all.
    """
    for words in sorted(forged, key=len, reverse=True):
        text = text.replace(words, words.replace("\n", " "))
    found: dict[int, tuple[GpuHold, ...]] = {}
    seen: set[int] = set()
    for job, record in _records(text):
        if job in seen:
            found.pop(job, None)
            problems.add("a job appears twice in scontrol: which GPUs it holds is not known", str(job))
            continue
        seen.add(job)
        # The pattern costs more than the rest: most jobs wait, and hold nothing.
        if " CPU_IDs=" in record and (lines := _LINE.findall(record)):
            found[job] = tuple(_holds(lines, problems))
    return found


def _records(text: str) -> Iterator[tuple[int, str]]:
    """Each job's id and the part of its record that no user writes: what stands before its paths and comment."""
    for record in f"\n{text}".split("\nJobId=")[1:]:
        number = record[:12].partition(" ")[0]
        limit = record.find("\n   MinCPUsNode=")
        if limit >= 0 and number.isascii() and number.isdecimal():
            yield int(number), record[:limit]


def _holds(lines: list[tuple[str, str]], problems: Problems) -> Iterator[GpuHold]:
    for names, resources in lines:
        try:
            count, _, indexes = gpus(gres(resources))
            for node in hostlist.expand(names) if count else ():
                yield GpuHold(node, count, indexes)
        except SourceFormatError as error:
            problems.add("GPUs of a job could not be read", str(error))
