"""Slurm's states of jobs and nodes, in all the ways its tools write them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from watchdog.model.slurm.records import JobState

_SHORT = {
    "PD": "PENDING", "CF": "CONFIGURING", "R": "RUNNING", "S": "SUSPENDED", "CG": "COMPLETING", "CD": "COMPLETED",
    "F": "FAILED", "CA": "CANCELLED", "TO": "TIMEOUT", "OOM": "OUT_OF_MEMORY", "NF": "NODE_FAIL", "PR": "PREEMPTED",
    "BF": "BOOT_FAIL", "DL": "DEADLINE", "RQ": "REQUEUED", "RF": "REQUEUE_FED", "RH": "REQUEUE_HOLD",
    "RD": "RESV_DEL_HOLD", "RS": "RESIZING", "SE": "SPECIAL_EXIT", "SI": "SIGNALING", "SO": "STAGE_OUT",
    "ST": "STOPPED", "RV": "REVOKED", "LF": "LAUNCH_FAILED",
}  # fmt: skip
# Flags and words that Slurm prints in place of a state, in the order in which they win.
_INSTEAD = {
    "COMPLETING": JobState.COMPLETING,
    "STAGE_OUT": JobState.COMPLETING,
    "CONFIGURING": JobState.CONFIGURING,
    "RESIZING": JobState.RUNNING,
    "REQUEUED": JobState.REQUEUED,
    "REQUEUE_FED": JobState.PENDING,
    "REQUEUE_HOLD": JobState.PENDING,
    "SPECIAL_EXIT": JobState.PENDING,
    "STOPPED": JobState.SUSPENDED,
    "REVOKED": JobState.CANCELLED,
    "RESV_DEL_HOLD": JobState.PENDING,
    "SIGNALING": JobState.RUNNING,
    "LAUNCH_FAILED": JobState.FAILED,
}

NODE_BASES = frozenset({"IDLE", "MIXED", "ALLOCATED", "DOWN", "FUTURE", "UNKNOWN", "ERROR"})
# What sinfo hangs on a state's word.
_SUFFIX = {
    "*": "NOT_RESPONDING",
    "~": "POWERED_DOWN",
    "#": "POWERING_UP",
    "!": "POWER_DOWN",
    "%": "POWERING_DOWN",
    "$": "MAINTENANCE",
    "@": "REBOOT_REQUESTED",
    "^": "REBOOT_ISSUED",
    "-": "PLANNED",
    "+": "COMPLETING",
}
# sinfo's words for a state and its flags together, long and short.
_WORDS = {
    "ALLOC": ("ALLOCATED", ""), "MIX": ("MIXED", ""), "UNK": ("UNKNOWN", ""), "FUTR": ("FUTURE", ""),
    "ERR": ("ERROR", ""), "DRAINED": ("IDLE", "DRAIN"), "DRAINING": ("MIXED", "DRAIN"), "DRNG": ("MIXED", "DRAIN"),
    "FAILING": ("MIXED", "FAIL"), "FAILG": ("MIXED", "FAIL"),
}  # fmt: skip
# Names of one flag in different versions and tools.
_FLAG = {
    "COMP": "COMPLETING", "MAINT": "MAINTENANCE", "RESV": "RESERVED", "PLND": "PLANNED", "INVAL": "INVALID_REG",
    "INVALID": "INVALID_REG", "REBOOT": "REBOOT_REQUESTED", "BOOT": "REBOOT_REQUESTED", "POWER": "POWERED_DOWN",
    "POW_DN": "POWERED_DOWN", "POW_UP": "POWERING_UP", "POWERING_UP_NODE": "POWERING_UP", "POWRNG_DN": "POWERING_DOWN",
    "NET": "PERFCTRS", "NPC": "PERFCTRS", "BLOCK": "BLOCKED", "NO_RESPOND": "NOT_RESPONDING", "DRAINED": "DRAIN",
    "DRAINING": "DRAIN", "POWER_SAVING": "POWERED_DOWN",
}  # fmt: skip
# Flags that say enough of a node when they stand alone; any other word is not understood.
_ALONE = {
    *_SUFFIX.values(), *_FLAG.values(), "DRAIN", "FAIL", "BLOCKED", "RESERVED", "POWER_UP", "POWER_DRAIN",
    "REBOOT_CANCELED", "CLOUD", "DYNAMIC_NORM", "DYNAMIC_FUTURE", "EXTERNAL", "UNDRAIN",
}  # fmt: skip


@lru_cache(maxsize=256)
def job_state(text: str) -> JobState:
    """The state in `RUNNING`, `R`, `CANCELLED by 1000`, `CANCELLED+` or `CANCELLED+COMPLETING`; UNKNOWN for others."""
    words = text.strip().upper().partition(" ")[0].split("+")
    return job_state_of(words)


def job_state_of(words: Iterable[str]) -> JobState:
    """The state in a list of a state and its flags, as JSON has it: a flag such as COMPLETING wins, as in Slurm."""
    said = [_SHORT.get(word.strip().upper(), word.strip().upper()) for word in words]
    for word, state in _INSTEAD.items():
        if word in said:
            return state
    return next((JobState(word) for word in said if word in JobState.__members__), JobState.UNKNOWN)


@lru_cache(maxsize=1024)
def node_state(text: str) -> tuple[str, frozenset[str]]:
    """Base state and flags of `IDLE+DRAIN`, `down*`, `idle~`, `mix-`, `drng` or `DOWN*+DRAIN`, in capitals.

    sinfo's `draining` hides whether the node is mixed or allocated, and `drained` whether it is idle or down: they
    are given as MIXED and IDLE. A flag alone (`maint`, `resv`) counts as IDLE, a word that Slurm
    does not have as UNKNOWN.
    """
    base, flags = "", set[str]()
    for word in text.strip().upper().replace("NET/PERFCTRS", "PERFCTRS").rstrip("+").split("+"):
        while word and word[-1] in _SUFFIX:
            flags.add(_SUFFIX[word[-1]])
            word = word[:-1]  # noqa: PLW2901
        if not base and (word in _WORDS or word in NODE_BASES):
            base, flag = _WORDS.get(word, (word, ""))
            flags |= {flag} - {""}
        elif word:
            flags.add(_FLAG.get(word, word))
    return base or _alone(flags), frozenset(flags)


def node_state_of(words: Iterable[str]) -> tuple[str, frozenset[str]]:
    """The same of a list, as JSON has it."""
    return node_state("+".join(words))


def _alone(flags: set[str]) -> str:
    return "IDLE" if flags & _ALONE else "UNKNOWN"
