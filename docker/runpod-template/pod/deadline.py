"""The dead-man switch: at its deadline a pod stops itself, whoever else is awake.

Works from the first second, with settings that are otherwise broken too, and through restarts of the container: the
deadline is a time, not a duration. It is only ever moved later, by a file that outlives the container where the pod
has a volume.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

API = "https://api.runpod.io/v2"
# RunPod's front refuses the bare one of urllib (Cloudflare error 1010).
USER_AGENT = "gpu-watchdog-pod/1"
_REQUEST_SECONDS = 30.0
_CHECK_SECONDS = 5.0
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 5.0, 60.0
# So often must RunPod refuse to stop the pod before the pod is deleted: it bills on, and that was not wanted.
REFUSALS_BEFORE_DELETE = 3
# A typing error must not rent a pod for years.
LATEST_SECONDS = 90 * 86400.0


@dataclass(frozen=True)
class Owner:
    """Which pod this is at RunPod, and the key that may stop it."""

    pod_id: str
    api_key: str = field(repr=False)
    api: str = API


@dataclass
class Deadline:
    """When the pod is to stop, in seconds since 1970: the later of the variable and the file.

    Attributes:
        first: from WATCHDOG_DEADLINE; None: none was given.
        file: holds a later one.
    """

    first: float | None
    file: Path

    def at(self) -> float | None:
        """The deadline that holds now; None: there is none."""
        later = _read(self.file)
        times = [t for t in (self.first, later) if t is not None]
        return max(times, default=None)

    def extend(self, until: float) -> float | None:
        """Ask for a later deadline; returns the one that holds.

        Raises:
            ValueError: it is no time within the next 90 days.
        """
        if not 0 < until <= time.time() + LATEST_SECONDS:
            raise ValueError(f"{until:.0f} is not a time within the next {LATEST_SECONDS / 86400:g} days")
        now = self.at()
        if now is None or until > now:
            fresh = self.file.with_name(f"{self.file.name}.new")
            self.file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(f"{until:.0f}\n")
            os.replace(fresh, self.file)
        return self.at()


def deadline_of(environ: Mapping[str, str], folder: Path) -> Deadline:
    """The deadline that this environment and the file in `folder` tell. What cannot be read counts as none given."""
    text = environ.get("WATCHDOG_DEADLINE", "").strip()
    first = float(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
    return Deadline(first, folder / "deadline")


def owner_of(environ: Mapping[str, str]) -> Owner:
    """This pod, as RunPod tells it."""
    api = environ.get("RUNPOD_API_BASE_URL", "").strip().rstrip("/") or API
    return Owner(environ.get("RUNPOD_POD_ID", "").strip(), environ.get("RUNPOD_API_KEY", "").strip(), api)


class Switch(threading.Thread):
    """Waits for the deadline, then stops the pod, and tries until it is stopped.

    Args:
        deadline: may move later while this waits.
        owner: the pod.
        say: takes a line for the log.
        check_seconds: between looks at the clock.
        retry_seconds: wait after the first failure; doubles up to a minute.
    """

    def __init__(
        self,
        deadline: Deadline,
        owner: Owner,
        say: Callable[[str], None],
        *,
        check_seconds: float = _CHECK_SECONDS,
        retry_seconds: float = _FIRST_RETRY_SECONDS,
    ) -> None:
        super().__init__(name="deadline", daemon=True)
        self._deadline, self._owner, self._say = deadline, owner, say
        self._check, self._retry = check_seconds, retry_seconds
        self._ended = threading.Event()
        self.refusals = 0

    def end(self) -> None:
        """The pod stops anyway."""
        self._ended.set()

    def run(self) -> None:
        """Wait and pull."""
        while not self.due():
            if self._ended.wait(self._check):
                return
        wait = self._retry
        while not self._pull():
            if self._ended.wait(wait):
                return
            wait = min(wait * 2, _LAST_RETRY_SECONDS)

    def due(self) -> bool:
        """Whether the deadline has passed. The clock is read anew each time: a paused machine catches up."""
        at = self._deadline.at()
        return at is not None and time.time() >= at

    def _pull(self) -> bool:
        """One try. Not every pod may be stopped (RunPod tells those with a network volume to be deleted)."""
        word = "delete" if self.refusals >= REFUSALS_BEFORE_DELETE else "stop"
        try:
            _ask(self._owner, delete=word == "delete")
        except urllib.error.HTTPError as error:
            # 429 and 5xx say nothing about whether it may be stopped.
            refused = 400 <= error.code < 500 and error.code != 429
            self._say(f"deadline: RunPod did not {word} this pod: {error.code} {_detail(error)}")
        except (OSError, ValueError) as error:
            refused = False
            self._say(f"deadline: RunPod was not reached to {word} this pod: {error}")
        else:
            self._say(f"deadline: asked RunPod to {word} this pod")
            return True
        # Its own tool speaks the older API, where a pod's key may do what v2 might refuse.
        if _by_tool(self._owner, word):
            self._say(f"deadline: runpodctl was told to {word} this pod")
            return True
        self.refusals += refused
        return False


def _by_tool(owner: Owner, word: str) -> bool:
    """`runpodctl` in its present and its former words; False where it is missing or says no."""
    env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/root", "RUNPOD_API_KEY": owner.api_key}
    former = {"stop": "stop", "delete": "remove"}[word]
    for argv in (["runpodctl", "pod", word, owner.pod_id], ["runpodctl", former, "pod", owner.pod_id]):
        try:
            done = subprocess.run(argv, env=env, capture_output=True, timeout=_REQUEST_SECONDS, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired):
            return False
        if done.returncode == 0:
            return True
    return False


def _ask(owner: Owner, *, delete: bool) -> None:
    if not (owner.pod_id and owner.api_key):
        raise ValueError("RUNPOD_POD_ID or RUNPOD_API_KEY is not set")
    url = f"{owner.api}/pods/{owner.pod_id}"
    body = None if delete else json.dumps({"action": "stop"}).encode()
    request = urllib.request.Request(  # noqa: S310 (the API's address of the operator)
        url if delete else f"{url}/action", data=body, method="DELETE" if delete else "POST"
    )
    request.add_header("Authorization", f"Bearer {owner.api_key}")
    request.add_header("User-Agent", USER_AGENT)
    if body:
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=_REQUEST_SECONDS):  # noqa: S310
        return


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error).get("detail", ""))[:200]
    except (ValueError, OSError, AttributeError):
        return str(error.reason)


def _read(path: Path) -> float | None:
    try:
        value = float(path.read_text())
    except (OSError, ValueError):
        return None
    return value if 0 < value <= time.time() + LATEST_SECONDS else None
