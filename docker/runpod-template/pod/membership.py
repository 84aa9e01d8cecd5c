"""A node's place in the cluster: known to the controller while it lives, gone when it ends."""

from __future__ import annotations

import subprocess

_SECONDS = 10.0


def controller_forgot(node: str) -> bool:
    """Whether slurmctld answers and does not know this node: the head was replaced by a new one."""
    code, out = _scontrol("show", "node", node)
    return code != 0 and "not found" in out


def drain(node: str) -> None:
    """Give it no more jobs."""
    _scontrol("update", f"nodename={node}", "state=drain", "reason=the pod stops")


def leave(node: str) -> bool:
    """Take a stopped node out of the cluster; what still runs on it is requeued. Whether the controller agreed."""
    _scontrol("update", f"nodename={node}", "state=down", "reason=the pod stopped")
    return _scontrol("delete", f"nodename={node}")[0] == 0


def _scontrol(*arguments: str) -> tuple[int, str]:
    try:
        done = subprocess.run(["scontrol", *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603, S607
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return done.returncode, done.stdout + done.stderr
