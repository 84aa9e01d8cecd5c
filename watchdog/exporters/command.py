"""Run another program under a time limit, whatever it does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchdog.exporters.failure import CollectError

_GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class Raw:
    """What a program said, as it said it."""

    code: int
    out: bytes
    err: bytes


@dataclass(frozen=True)
class Finished:
    """What a program said: exit code and both streams, decoded leniently."""

    code: int
    out: str
    err: str


class Runner:
    """Runs one program at a time and never waits longer than `timeout_seconds` for it.

    A program stuck in the kernel survives SIGKILL. It is left behind, and as long as it lives no second
    one is started: a hung driver must not fill the process table.
    """

    def __init__(self, timeout_seconds: float, env: Mapping[str, str] | None = None) -> None:
        """Prepare; `env` replaces the environment that programs run in."""
        self._timeout = timeout_seconds
        self._env = env
        self._stuck: subprocess.Popen[bytes] | None = None

    def run(self, argv: Sequence[str]) -> Finished:
        """Run `argv` to its end.

        Raises:
            CollectError: reason "missing", "timeout" or "hung".
        """
        raw = self.raw(argv)
        return Finished(raw.code, _text(raw.out), _text(raw.err))

    def raw(self, argv: Sequence[str]) -> Raw:
        """The same, without decoding: text with one emoji takes four times its bytes."""
        if self._stuck is not None and self._stuck.poll() is None:
            raise CollectError(
                f"an earlier {argv[0]} (pid {self._stuck.pid}) still hangs",
                reason="hung",
                hint="It sits in the driver and cannot be killed; the node probably needs a reboot.",
            )
        self._stuck = None
        process = _start(argv, self._env)
        try:
            out, err = process.communicate(timeout=self._timeout)
        except subprocess.TimeoutExpired as error:
            self._kill(process)
            raise CollectError(
                f"{argv[0]} gave no answer within {self._timeout:g} s",
                reason="timeout",
                hint="Turn on persistence mode (nvidia-smi -pm 1), or raise --timeout."
                if "nvidia" in argv[0]
                else "Raise --timeout, or look at what it waits for.",
            ) from error
        return Raw(process.returncode, out, err)

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        try:
            process.communicate(timeout=_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._stuck = process


def _start(argv: Sequence[str], env: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 (an operator's own command line, no shell)
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**(os.environ if env is None else env), "LC_ALL": "C"},
        )
    except OSError as error:
        raise CollectError(
            f"{argv[0]} cannot be started: {error.strerror or error}",
            reason="missing",
            hint=f"Install it or put its folder on PATH; `{argv[0]}` must work in a shell of the same user.",
        ) from error


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace").replace("\r\n", "\n")
