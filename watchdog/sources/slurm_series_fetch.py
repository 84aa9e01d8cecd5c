"""Slurm exporters' series, from their pages or from a Prometheus-compatible server, apart for each exporter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from watchdog.base.clock import Clock
from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm import series as own
from watchdog.sources.exposition import series
from watchdog.sources.promapi import PromApi, Query
from watchdog.sources.scrape import Fetched, Target
from watchdog.sources.slurm_series_foreign import FOREIGN_NAMES
from watchdog.sources.slurm_series_read import Samples

LAST_SUCCESS = "watchdog_exporter_last_success_timestamp_seconds"
COMMANDS = "slurm_exporter_commands_total"
OWN_NAMES = (
    own.SNAPSHOT_AT, own.SNAPSHOT_PROBLEM, own.JOBS_CUT, COMMANDS, own.JOB_INFO, own.JOB_GPU, own.JOB_NODE_GPUS,
    own.NODE_INFO, own.NODE_GRES, own.NODE_GPU_USED, own.PARTITION_INFO,
    *(number.series for numbers in (own.JOB_NUMBERS, own.NODE_NUMBERS, own.PARTITION_NUMBERS) for number in numbers),
)  # fmt: skip
WANTED = frozenset((*OWN_NAMES, *FOREIGN_NAMES, LAST_SUCCESS))
# Prometheus renames an exporter's label that it wants for itself.
_RENAMED = "exported_"

# Samples by exporter, and the server's clock where it was told.
Fetch = Callable[[], tuple[Mapping[str, Samples], datetime | None]]


def from_pages(targets: Sequence[Target]) -> Fetch:
    """Reads each target's page; raises SourceError if one cannot be read."""

    def fetch() -> tuple[Mapping[str, Samples], datetime | None]:
        found: dict[str, Samples] = {}
        at = None
        for target in targets:
            answer = target.fetch()
            fetched = answer if isinstance(answer, Fetched) else Fetched(answer)
            read_page(fetched.body, found.setdefault(target.name, Samples()))
            at = at or fetched.server_time
        return found, at

    return fetch


def read_page(body: bytes, into: Samples) -> None:
    """Take in the series of a page that we know.

    Raises:
        SourceFormatError: the page holds no series of Slurm at all, or was cut off.
    """
    known = 0
    for line in body.decode("utf-8", "replace").split("\n"):
        name = line.partition(" ")[0].partition("{")[0]
        if name not in WANTED:
            known += name.startswith("slurm_")
            continue
        sample = _sample(name, line)
        if sample is not None:
            into.add(name, *sample)
            known += 1
    if not known:
        raise SourceFormatError(
            "the page holds no series of Slurm", hint="Point it at a Slurm exporter's /metrics (ours is on :9341)."
        )
    if not body.endswith(b"\n"):
        raise SourceFormatError("the page was cut off", hint="A proxy in between may limit the size of answers.")


def _sample(name: str, line: str) -> tuple[dict[str, str], float] | None:
    """Labels and value; None for a line that is no sample."""
    end = line.rfind("}") + 1 or len(name)
    found, words = series(line[:end]), line[end:].split()
    try:
        return (found[1], float(words[0])) if found and words else None
    except ValueError:
        return None


def from_prometheus(api: PromApi, clock: Clock) -> Fetch:
    """Asks one instant query for all of it; exporters are told apart by `instance`."""
    query = '{__name__=~"' + "|".join(sorted(WANTED)) + '"}'

    def fetch() -> tuple[Mapping[str, Samples], datetime | None]:
        now = clock.now()
        answer = api.query(Query("/api/v1/query", {"query": query, "time": f"{now.timestamp():.3f}"}))
        found: dict[str, Samples] = {}
        for labels, value in zip(_labels(answer.labels), answer.value.tolist(), strict=True):
            name = labels.pop("__name__", "")
            found.setdefault(labels.get("instance", ""), Samples()).add(name, labels, value)
        return found, None

    return fetch


def _labels(texts: Iterable[bytes]) -> Iterable[dict[str, str]]:
    decoder = msgspec.json.Decoder(dict[str, str])
    for text in texts:
        labels = decoder.decode(text)
        for name in [name for name in labels if name.startswith(_RENAMED)]:
            labels[name.removeprefix(_RENAMED)] = labels.pop(name)
        yield labels
