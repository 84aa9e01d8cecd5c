"""The health file: what a pod says of itself, rewritten while it lives."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pod.supervisor import State

FILE = Path("/run/watchdog/health.json")
_STALE_SECONDS = 30.0


@dataclass
class Health:
    """The pod as a whole.

    Attributes:
        phase: "starting", "network", "running", "stopping", or "broken" where the settings cannot be used.
        problems: what keeps it from being as it was meant, in words.
        model: "none", "loading" or "ready".
    """

    role: str
    node: str = ""
    phase: str = "starting"
    address: str = ""
    model: str = "none"
    gpus: int = 0
    problems: list[str] = field(default_factory=list)

    def write(self, states: Sequence[State], path: Path = FILE) -> None:
        """Replace the file."""
        content = {**asdict(self), "at": time.time(), "services": [asdict(state) for state in states]}
        fresh = path.with_name(f"{path.name}.new")
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(content, indent=1))
        os.replace(fresh, path)


def judge(path: Path = FILE, *, want_model: bool = False) -> tuple[bool, str]:
    """Whether the pod is well, and a sentence: all daemons run and have not just crashed, the file is fresh, nothing is missing.

    Args:
        path: the health file.
        want_model: count a model that still loads as not well.
    """
    try:
        told = json.loads(path.read_text())
    except (OSError, ValueError):
        return False, "no health file: the entrypoint does not run"
    age = time.time() - told["at"]
    down = [s["name"] for s in told["services"] if s["state"] != "running"]
    shaky = [f"{s['name']} {s['last_end']}" for s in told["services"] if not s["settled"]]
    for bad, why in (
        (age > _STALE_SECONDS, f"the health file is {age:.0f} s old"),
        (told["phase"] != "running", f"phase {told['phase']}"),
        (bool(told["problems"]), "; ".join(told["problems"])),
        (bool(down), f"not running: {', '.join(down)}"),
        (bool(shaky), f"started again just now: {'; '.join(shaky)}"),
        (want_model and told["model"] == "loading", "the model is loading"),
    ):
        if bad:
            return False, why
    return True, f"{told['node']} is well, model {told['model']}"
