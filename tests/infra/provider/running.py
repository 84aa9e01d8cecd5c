"""One process of the stand-in for many runs of terraform: each would else wait a second for processes of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

from tests.infra.provider.mirror import HOME, binary, stand_in


@contextlib.contextmanager
def running(url: str, key: str) -> Iterator[dict[str, str]]:
    """Variables under which terraform talks to a stand-in that is already there, and it to the API at `url`."""
    api = {"RUNPOD_API_BASE_URL": url, "RUNPOD_API_KEY": key}
    env = stand_in() | api
    process = subprocess.Popen(
        [binary(HOME), "--dev"],
        env=os.environ | env | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            line = next(line for line in process.stdout if "TF_REATTACH_PROVIDERS=" in line)
            yield env | {"TF_REATTACH_PROVIDERS": line.partition("=")[2].strip().strip("'")}
        finally:
            process.kill()
