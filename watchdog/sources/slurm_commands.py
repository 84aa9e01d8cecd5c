"""Slurm's commands, run so that they can neither hang us, nor speak another language, nor change anything."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from watchdog.base.errors import SourceAuthError, SourceError, SourceFormatError, SourceUnavailableError

# What may be run at all; of scontrol only "show".
READ_ONLY = ("squeue", "sinfo", "scontrol", "sacct", "sdiag")
ENVIRONMENT = {
    "LC_ALL": "C",
    # Times come without a zone: let them be UTC.
    "TZ": "UTC",
    "SLURM_TIME_FORMAT": "standard",
    # Else Slurm cuts the list of an array's waiting tasks at 64 characters.
    "SLURM_BITSTR_LEN": "4096",
}
# An administrator's defaults for people (SQUEUE_FORMAT, SACCT_FORMAT, SLURM_CLUSTERS...) must not change an answer.
_DROPPED = ("SQUEUE_", "SINFO_", "SACCT_", "SLURM_CLUSTERS", "SCONTROL_", "SLURM_JSON", "SLURM_YAML", "SLURM_DEBUG")
_GRACE_SECONDS = 2.0


@dataclass(frozen=True)
class Output:
    """What a command printed, decoded leniently, and its exit code."""

    code: int
    out: str
    err: str


Run = Callable[[Sequence[str], float], Output]


def run(argv: Sequence[str], timeout_seconds: float) -> Output:
    """Run a command to its end, without a shell; at the time limit it and its children are killed.

    Raises:
        SourceUnavailableError: it cannot be started, or takes too long.
    """
    process = _started(argv)
    try:
        out, err = process.communicate(timeout=timeout_seconds)
    except subprocess.TimeoutExpired as error:
        _kill(process)
        raise SourceUnavailableError(
            f"{argv[0]} gave no answer within {timeout_seconds:g} s",
            hint="slurmctld is overloaded, or cannot be reached: look at sdiag and its log.",
        ) from error
    return Output(process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def ask(runner: Run, argv: Sequence[str], timeout_seconds: float) -> str:
    """What a command printed, or the error that it means.

    Raises:
        SourceUnavailableError: slurmctld or slurmdbd does not answer, or the command is missing.
        SourceAuthError: Slurm does not let us.
        SourceFormatError: the command refused for another reason.
    """
    if argv[0] not in READ_ONLY or (argv[0] == "scontrol" and "show" not in argv):
        raise SourceFormatError(f"{argv[0]} is not a command that only reads")
    output = runner(argv, timeout_seconds)
    if output.code:
        raise refusal(argv[0], output)
    return output.out


def refusal(command: str, output: Output) -> SourceError:
    """The error behind a command that failed."""
    said = " ".join(output.err.split())[:300] or " ".join(output.out.split())[:300] or f"exit code {output.code}"
    message, lower = f"{command}: {said}", said.lower()
    for words, kind, hint in _REFUSALS:
        if any(word in lower for word in words):
            return kind(message, hint=hint)
    return SourceUnavailableError(message, hint=f"Run {command} in a shell as the same user to see more.")


class NoAccountingError(SourceUnavailableError):
    """This cluster keeps no accounts: asking again will not help."""


_REFUSALS: tuple[tuple[tuple[str, ...], type[SourceError], str], ...] = (
    (
        ("storage is disabled",),
        NoAccountingError,
        "Set AccountingStorageType=accounting_storage/slurmdbd in slurm.conf to know finished jobs.",
    ),
    (
        ("accounting storage", "slurmdbd", "slurm_persist_conn", "database"),
        SourceUnavailableError,
        "Finished jobs are known only where slurmdbd keeps accounts and answers: look at its log.",
    ),
    (
        ("access/permission denied", "permission denied", "invalid user", "not permitted"),
        SourceAuthError,
        "Let this user see all jobs: an operator in sacctmgr, or without PrivateData in slurm.conf.",
    ),
    (
        ("munge", "authentication", "credential"),
        SourceAuthError,
        "munged must run here with the cluster's munge.key, and the clocks must agree.",
    ),
    (
        (
            "unable to contact slurm controller",
            "connection refused",
            "connect failure",
            "socket timed out",
            "timed out",
        ),
        SourceUnavailableError,
        "slurmctld does not answer: see that it runs (scontrol ping), and that this machine reaches its port.",
    ),
    (
        ("unable to process configuration", "could not establish a configuration", "slurm.conf"),
        SourceUnavailableError,
        "Put the cluster's slurm.conf on this machine, or set SLURM_CONF; see scontrol ping.",
    ),
    (
        ("unrecognized option", "invalid option", "invalid field", "invalid job format", "unknown field"),
        SourceFormatError,
        "This version of Slurm does not know what we ask for; 20.11 and newer do.",
    ),
)


def _started(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    try:
        return subprocess.Popen(  # noqa: S603 (fixed commands, no shell)
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=kept | ENVIRONMENT,
        )
    except OSError as error:
        raise SourceUnavailableError(
            f"{argv[0]} cannot be started: {error.strerror or error}",
            hint="Install Slurm's client commands here and put them on PATH, or read slurmrestd or the exporter.",
        ) from error


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=_GRACE_SECONDS)
