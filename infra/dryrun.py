"""Without a key: the same commands against a stand-in for RunPod on this machine. Nothing is rented, nothing is kept."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.errors import UnavailableError
from infra.settings import Settings
from infra.spec import IMAGE

BANNER = """\
+---------------------------------------------------------------------------------+
| DRY RUN: there is no RUNPOD_API_KEY. All below happens at a stand-in for RunPod |
| on this machine, at invented prices. Nothing is rented and nothing is billed.   |
+---------------------------------------------------------------------------------+"""
_ROOT = Path(__file__).parent.parent
_KEY = "dry-run"


@contextmanager
def dry_settings() -> Iterator[Settings]:
    """Settings that reach a stand-in, which lives as long as the block; its folder of state is thrown away."""
    with tempfile.TemporaryDirectory(prefix="gpu-watchdog-dry-run-") as folder, _stand_in() as urls:
        terraform = _terraform_env()
        yield Settings(
            key=_KEY,
            api=urls["RUNPOD_API_BASE_URL"],
            graphql=urls["RUNPOD_GRAPHQL_URL"],
            state=Path(folder),
            terraform_env=terraform,
            image=IMAGE,
            direct=not terraform,
        )


@contextmanager
def _stand_in() -> Iterator[dict[str, str]]:
    words = [sys.executable, "-m", "tests.infra.fake_runpod", "--port", "0", "--key", _KEY]
    with subprocess.Popen(words, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (our words)
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline().strip().partition("=") for _ in range(2)]
            if not all(value for _, _, value in lines):
                raise UnavailableError(
                    "the stand-in for RunPod did not start", hint="It is in tests/infra/fake_runpod."
                )
            yield {name: value for name, _, value in lines}
        finally:
            process.terminate()


def _terraform_env() -> dict[str, str]:
    """Variables under which terraform finds the stand-in for RunPod's provider; none where either is missing."""
    if shutil.which("terraform") is None:
        return {}
    words = [sys.executable, "-m", "tests.infra.provider.mirror"]
    ran = subprocess.run(words, cwd=_ROOT, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603
    if ran.returncode != 0:
        return {}
    pairs = (line.removeprefix("export ").partition("=") for line in ran.stdout.splitlines() if "=" in line)
    return {name: shlex.split(value)[0] for name, _, value in pairs}
