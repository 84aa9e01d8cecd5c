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
_START = re.compile(r"^JobId=(\d+)", re.MULTILINE)


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
        if lines := _LINE.findall(record):
            found[job] = tuple(_holds(lines, problems))
    return found


def _records(text: str) -> Iterator[tuple[int, str]]:
    """Each job's id and the part of its record that no user writes: what stands before its paths and comment."""
    starts = list(_START.finditer(text))
    ends = [*(match.start() for match in starts), len(text)]
    for match, end in zip(starts, ends[1:], strict=True):
        limit = text.find("MinCPUsNode=", match.end(), end)
        if limit >= 0 and len(match[1]) <= 10:
            yield int(match[1]), text[match.end() : limit]


def _holds(lines: list[tuple[str, str]], problems: Problems) -> Iterator[GpuHold]:
    for names, resources in lines:
        try:
            count, _, indexes = gpus(gres(resources))
            for node in hostlist.expand(names) if count else ():
                yield GpuHold(node, count, indexes)
        except SourceFormatError as error:
            problems.add("GPUs of a job could not be read", str(error))
