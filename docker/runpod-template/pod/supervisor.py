"""Keeps daemons running: starts each when what it needs is there, again with growing pauses when it ends."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from pod.log import Log

_FIRST_PAUSE, _LAST_PAUSE = 0.5, 30.0
# Who lived that long did not fail at its start.
_SETTLED_SECONDS = 30.0


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Service:
    """A daemon.

    Attributes:
        name: in the log and in the health file.
        argv: its command line; holds no secret.
        env: its whole environment.
        user: whom it runs as.
        ready: whether it may be started now; asked often, answers at once.
        stop_seconds: from SIGTERM to SIGKILL.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    user: str = "root"
    ready: Callable[[], bool] = _always
    stop_seconds: float = 5.0


def pause(failures: int) -> float:
    """Seconds before the next start after so many ends in a row: 0.5, 1, 2, … 30."""
    return min(_LAST_PAUSE, _FIRST_PAUSE * 2.0 ** min(max(failures, 1) - 1, 16))


@dataclass
class _Running:
    service: Service
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    failures: int = 0
    starts: int = 0
    last_end: str = ""


@dataclass(frozen=True)
class State:
    """How a service does: "running", "waiting" (for what it needs) or "pausing" (after an end).

    `settled` is False while one that ended by itself has not run long since: it may be about to end again.
    """

    name: str
    state: str
    restarts: int
    pid: int | None
    last_end: str
    settled: bool = True


class Supervisor:
    """Runs services in their order; `tick` is called a few times a second by one thread."""

    def __init__(self, services: Sequence[Service], log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self._all: dict[str, _Running] = {}
        self._log, self._clock = log, clock
        self.add(services)

    def add(self, services: Sequence[Service]) -> None:
        """More services; the next tick starts them."""
        self._all |= {service.name: _Running(service) for service in services}

    def tick(self) -> None:
        """Notice ends, start what is due."""
        for running in self._all.values():
            self._notice_end(running)
            if running.process is None and self._clock() >= running.due and running.service.ready():
                self._start(running)

    def states(self) -> list[State]:
        """Of all services."""
        return [self._state(running) for running in self._all.values()]

    def restart(self, name: str) -> None:
        """End a service; the next ticks start it again."""
        running = self._all[name]
        if running.process is not None:
            self._end([running])
            running.process = None

    def stop(self, names: Sequence[str] | None = None) -> None:
        """End services, all of them by default, in the reverse order of their start."""
        chosen = [self._all[name] for name in (self._all if names is None else names) if name in self._all]
        for running in reversed(chosen):
            self._end([running])
            running.process, running.due = None, float("inf")

    def _start(self, running: _Running) -> None:
        service = running.service
        running.starts += 1
        running.started = self._clock()
        try:
            process, output = _spawn(service)
        except (OSError, KeyError, subprocess.SubprocessError) as error:
            self._failed(running, f"cannot be started: {error}")
            return
        running.process = process
        threading.Thread(target=self._log.copy, args=(service.name, output), daemon=True).start()
        self._log.pod(f"started {service.name} (pid {process.pid})")

    def _notice_end(self, running: _Running) -> None:
        if running.process is None or (code := running.process.poll()) is None:
            return
        # A master that was killed leaves workers behind, which hold its port.
        _signal_group(running.process, signal.SIGKILL)
        running.process = None
        how = f"ended with code {code}" if code >= 0 else f"was ended by {_signal_name(-code)}"
        if self._has_lived(running):
            running.failures = 0
        self._failed(running, how)

    def _failed(self, running: _Running, how: str) -> None:
        running.failures += 1
        running.last_end = how
        wait = pause(running.failures)
        running.due = self._clock() + wait
        self._log.pod(f"{running.service.name} {how}; next start in {wait:g} s")

    def _end(self, chosen: Sequence[_Running]) -> None:
        for running in chosen:
            process = running.process
            if process is None or process.poll() is not None:
                continue
            _signal_group(process, signal.SIGTERM)
            try:
                process.wait(running.service.stop_seconds)
            except subprocess.TimeoutExpired:
                self._log.pod(f"{running.service.name} did not stop within {running.service.stop_seconds:g} s: SIGKILL")
                _signal_group(process, signal.SIGKILL)
                process.wait()

    def _state(self, running: _Running) -> State:
        process = running.process
        state = "running" if process is not None else "pausing" if self._clock() < running.due else "waiting"
        pid = process.pid if process is not None else None
        settled = not running.failures or (process is not None and self._has_lived(running))
        return State(running.service.name, state, max(0, running.starts - 1), pid, running.last_end, settled)

    def _has_lived(self, running: _Running) -> bool:
        return self._clock() - running.started >= _SETTLED_SECONDS


def _spawn(service: Service) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """The process, and what it prints."""
    account = pwd.getpwnam(service.user)
    other = account.pw_uid != os.geteuid()
    ours, theirs = os.pipe()
    try:
        if other:
            # nginx opens /dev/stdout anew, which asks for rights on the pipe.
            os.fchown(theirs, account.pw_uid, account.pw_gid)
        process = subprocess.Popen(  # noqa: S603 (argv of our own)
            service.argv,
            env=dict(service.env),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.pw_uid if other else None,
            group=account.pw_gid if other else None,
            extra_groups=os.getgrouplist(service.user, account.pw_gid) if other else None,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return process, os.fdopen(ours, "rb")


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # slurmd gives each job a session of its own, so this reaches a daemon and its helpers, and no job.
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
