"""On which nodes jobs are."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm.hostlist import expand


def on_nodes(jobs: pd.DataFrame, nodes: Iterable[str]) -> pd.DataFrame:
    """`jobs` with a row for each of `nodes` that a job's own list `nodes` names, in `node`; others go."""
    wanted = set(nodes)
    here = {text: [name for name in _names(text) if name in wanted] for text in jobs["nodes"].unique()}
    # As objects: lists that are all empty would become an Arrow type that cannot be taken apart.
    found = pd.Series([here[text] for text in jobs["nodes"]], index=jobs.index, dtype=object)
    table = jobs.assign(node=found).explode("node")
    return table[table["node"].notna()].astype({"node": "string"}).reset_index(drop=True)


def _names(text: str) -> tuple[str, ...]:
    """A list that cannot be read names nobody."""
    try:
        return expand(text)
    except SourceFormatError:
        return ()
