"""dcgm-exporter's job mapping directory: which batch jobs a GPU works for.

A file for each GPU, named by its index, or `index.instance` for a MIG instance; one job id a line. Slurm's prolog and
epilog write them (`--hpc-job-mapping-dir` of dcgm-exporter).
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

log = logging.getLogger(__name__)

_NAME = re.compile(r"\d+(\.\d+)?", re.ASCII)
_MAX_BYTES = 65536
_MAX_ID = 64


def read_jobs(folder: Path) -> dict[str, tuple[str, ...]]:
    """GPU index, or "index.instance", -> job ids, each once. A missing folder or file maps nothing."""
    try:
        names = sorted(entry.name for entry in folder.iterdir() if _NAME.fullmatch(entry.name))
    except OSError as error:
        log.warning("cannot read the job mapping directory %s: %s", folder, error.strerror)
        return {}
    return {name: ids for name in names if (ids := _ids(folder / name))}


def _ids(path: Path) -> tuple[str, ...]:
    """The file's lines; an epilog may remove the file at any moment."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(dict.fromkeys(line.strip()[:_MAX_ID] for line in text.splitlines() if line.strip()))
