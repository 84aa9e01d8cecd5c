"""The lab's supervisor: parent of every daemon and of whatever those leave behind.

Runs as a process of its own (`python keeper.py FOLDER [HOSTNAME]`) and takes one JSON command a line on stdin. When
stdin closes, because the tests ended or were killed, it stops all daemons in reverse order, kills every descendant
(as the "subreaper" it inherits job processes whose own parents have ended), and removes the lab's folder.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 5.0


class Keeper:
    """Daemons by name, in the order in which they were started."""

    def __init__(self) -> None:
        self._daemons: dict[str, subprocess.Popen] = {}

    def start(self, name: str, argv: list[str], env: dict[str, str], log: str) -> str:
        """Start a daemon; its output goes to `log`."""
        with open(log, "ab") as output:
            self._daemons[name] = subprocess.Popen(
                argv, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        return "ok"

    def alive(self, name: str) -> str:
        """ "yes", or how it ended."""
        code = self._daemons[name].poll()
        return "yes" if code is None else f"ended with {code}"

    def stop(self, name: str, signal_number: int = signal.SIGTERM) -> str:
        """Stop one daemon; what does not end in time is killed."""
        daemon = self._daemons.pop(name, None)
        if daemon is not None:
            daemon.send_signal(signal_number)
            try:
                daemon.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        return "ok"

    def stop_all(self) -> None:
        """Stop everything, the last first, then kill what is left of it."""
        for name in [n for n in self._daemons if n.startswith("slurmd-")]:
            self._daemons[name].terminate()
        for name in reversed(list(self._daemons)):
            self.stop(name)
        until = time.monotonic() + GRACE_SECONDS
        while (left := descendants(os.getpid())) and time.monotonic() < until:
            for pid in left:
                _kill(pid)
            _reap()
            time.sleep(0.02)


def descendants(root: int) -> list[int]:
    """Pids below `root`, zombies too."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found = list(children.get(root, []))
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return


def main() -> None:
    """Serve commands until stdin closes."""
    # Ctrl-C is the tests' business: they close stdin when they are done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    folder, *hostname = sys.argv[1:]
    if hostname:
        socket.sethostname(hostname[0])
    keeper = Keeper()
    try:
        for line in sys.stdin:
            word, *arguments = json.loads(line)
            sys.stdout.write(f"{getattr(keeper, word)(*arguments)}\n")
            sys.stdout.flush()
    finally:
        keeper.stop_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
