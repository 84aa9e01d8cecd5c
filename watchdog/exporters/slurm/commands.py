"""Slurm's commands: how they are run, counted, and what their failures mean."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from watchdog.exporters.command import Raw
from watchdog.exporters.failure import CollectError
from watchdog.model.exposition import family_text, labels_text

# What a user's environment may change in the output that we read.
_UNWANTED = ("SQUEUE_", "SINFO_", "SCONTROL_", "SLURM_CLUSTERS", "SLURM_JSON", "SLURM_YAML", "SLURM_DEBUG")
# What Slurm prints, the reason we count it under, and what to do.
_COMPLAINTS = (
    ("supported accounting_storage", "no_accounting", "Fair share needs slurmdbd: the other parts do not."),
    ("Unable to contact slurm controller", "unreachable", "See whether slurmctld runs: `scontrol ping`."),
    ("Connection refused", "unreachable", "See whether slurmctld (or slurmdbd) runs: `scontrol ping`."),
    ("timed out", "timeout", "slurmctld is busy: `sdiag` shows who asks it how much."),
    ("Access/permission denied", "permission", "PrivateData in slurm.conf hides it: run as an operator, or change it."),
    ("Invalid authentication", "munge", "munge must run here, with the cluster's key."),
    ("Munge", "munge", "munge must run here, with the cluster's key."),
    ("slurm.conf", "config", "Set SLURM_CONF, or run where slurm.conf is."),
)


class Runs(Protocol):
    """Runs a program to its end; raises CollectError."""

    def raw(self, argv: Sequence[str]) -> Raw:
        """What it said."""
        ...


def environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for Slurm's commands: times in UTC, nothing that bends the output."""
    given = os.environ if base is None else base
    kept = {name: value for name, value in given.items() if not name.startswith(_UNWANTED)}
    # Lists of an array's waiting tasks are part of its id, thus of each of its series: not too long.
    return {**kept, "TZ": "UTC", "SLURM_TIME_FORMAT": "standard", "SLURM_BITSTR_LEN": "4096"}


class Slurm:
    """Runs Slurm's commands and counts them."""

    def __init__(self, runner: Runs) -> None:
        self._runner = runner
        self._runs: Counter[str] = Counter()
        self._failures: Counter[tuple[str, str]] = Counter()

    def ask(self, part: str, argv: Sequence[str]) -> bytes:
        """What a command printed.

        Args:
            part: What it is run for, the label of its count.
            argv: The command line.

        Raises:
            CollectError: it is missing, gave no answer, or failed.
        """
        # New objects each time: a page being written keeps the ones it started with.
        self._runs = self._runs + Counter([part])
        try:
            done = self._runner.raw(argv)
            if done.code:
                raise _failure(argv[0], done)
        except CollectError as error:
            self._failures = self._failures + Counter([(part, error.reason)])
            raise
        return done.out

    def text(self) -> str:
        """How often commands were run, and failed."""
        runs = [(labels_text({"part": part}), float(n)) for part, n in sorted(self._runs.items())]
        failures = [
            (labels_text({"part": part, "reason": reason}), float(n))
            for (part, reason), n in sorted(self._failures.items())
        ]
        return family_text(
            "slurm_exporter_commands_total", "counter", "Slurm commands run, by what for.", runs
        ) + family_text("slurm_exporter_command_failures_total", "counter", "Slurm commands that failed.", failures)


def _failure(program: str, done: Raw) -> CollectError:
    said = done.err.decode("utf-8", "replace").strip() or done.out[-2000:].decode("utf-8", "replace").strip()
    for words, reason, hint in _COMPLAINTS:
        if words in said:
            return CollectError(f"{program} failed: {_last_line(said)}", reason=reason, hint=hint)
    return CollectError(
        f"{program} failed with {done.code}: {_last_line(said)}",
        reason="exit",
        hint=f"Run `{program}` as the same user on this machine and see what it says.",
    )


def _last_line(said: str) -> str:
    return (said.splitlines() or ["it said nothing"])[-1][:200]
