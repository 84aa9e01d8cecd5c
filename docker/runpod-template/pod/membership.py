"""A node's place in the cluster: known to the controller while it lives, gone when it ends."""

from __future__ import annotations

import subprocess
import threading

_ASK_SECONDS = 10.0
# A pod that is told to stop has little time left, and its controller may be gone for good.
_LEAVE_SECONDS = 3.0


class Watch(threading.Thread):
    """Asks again and again whether the controller still knows a node.

    Attributes:
        forgotten: set when slurmctld answers and does not know it: the head was replaced by a new one. Whoever lets the
            node join again clears it.
    """

    def __init__(self, node: str, every_seconds: float = 10.0) -> None:
        super().__init__(name="membership", daemon=True)
        self._node, self._every = node, every_seconds
        self._ended = threading.Event()
        self.forgotten = threading.Event()

    def run(self) -> None:
        """Until `end`."""
        while not self._ended.wait(self._every):
            _, said = _scontrol(_ASK_SECONDS, "show", "node", self._node)
            if "not found" in said:
                self.forgotten.set()

    def end(self) -> None:
        """No more questions."""
        self._ended.set()


def drain(node: str) -> bool:
    """Give it no more jobs. Whether the controller heard it."""
    return _scontrol(_LEAVE_SECONDS, "update", f"nodename={node}", "state=drain", "reason=the pod stops")[0]


def leave(node: str) -> bool:
    """Take a stopped node out of the cluster; what still runs on it is requeued. Whether the controller agreed."""
    _scontrol(_LEAVE_SECONDS, "update", f"nodename={node}", "state=down", "reason=the pod stopped")
    return _scontrol(_LEAVE_SECONDS, "delete", f"nodename={node}")[0]


def _scontrol(seconds: float, *arguments: str) -> tuple[bool, str]:
    argv = ["scontrol", *arguments]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    return done.returncode == 0, done.stdout + done.stderr
