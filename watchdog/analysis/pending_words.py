"""What Slurm's reason codes (20.11 to 26.05) mean in plain words, what would unblock the job, and who can do it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType

NOBODY, USER, ADMIN, EITHER = (
    "nobody: it starts by itself",
    "its user",
    "an administrator",
    "its user or an administrator",
)


@dataclass(frozen=True)
class Words:
    """One reason: `words` complete "It waits because …"; `unblock` is what would help, `by` is who can do it."""

    words: str
    unblock: str
    by: str


def _all(by: str, table: dict[str, tuple[str, str]]) -> dict[str, Words]:
    return {code: Words(words, unblock, by) for code, (words, unblock) in table.items()}


_WAITS = {
    "None": ("the scheduler has not looked at it yet", "Wait for the next scheduling cycle, usually under a minute."),
    "Priority": ("jobs with a higher priority are ahead of it", "It moves up as those start; a shorter time limit lets backfill use it sooner."),
    "Resources": ("it is next in line, but what it asks for is not free", "Running jobs must end; fewer GPUs, fewer nodes or a shorter time limit fit sooner."),
    "BeginTime": ("its earliest start time has not come", "Wait, or change it: scontrol update jobid=… starttime=now."),
    "Dependency": ("it depends on another job that has not ended as asked", "The other job must end; see its dependency."),
    "JobArrayTaskLimit": ("as many tasks of its array run as the array allows (the number after %)", "A task must end, or raise it: scontrol update jobid=… arraytaskthrottle=…"),
    "Licenses": ("a licence that it asks for is in use", "Another job must give the licence back."),
    "Prolog": ("the start script of its nodes still runs", "Wait a moment; if it lasts, look at the prolog's log on the node."),
    "Cleaning": ("its former run is still being cleaned up", "Wait; if it lasts, a node has a process that will not die."),
    "FedJobLock": ("another cluster of the federation is deciding about it", "Wait a moment."),
    "SchedDefer": ("the scheduler is set to decide about it later", "Wait for the next scheduling cycle."),
    "BurstBufferResources": ("the burst buffer has no room", "Other jobs must free it, or ask for less."),
    "BurstBufferStageIn": ("its data is being copied to the burst buffer", "Wait for the copy."),
    "PowerReserved": ("the power it needs is reserved for another job", "Wait for that reservation to end."),
    "PowerNotAvail": ("not enough power is available", "Other jobs must end."),
    "QOSUsageThreshold": ("its account has used more than the usage threshold of its QOS", "Usage decays with time; another QOS may have no threshold."),
}  # fmt: skip

_USERS = {
    "JobHeldUser": ("its user has put it on hold", "scontrol release …"),
    "DependencyNeverSatisfied": ("it depends on a job that ended otherwise than asked, so it will never start", "Cancel it, or change it: scontrol update jobid=… dependency=…"),
    "BadConstraints": ("no node has what it asks for", "Ask for features, GPUs, CPUs and memory that a node of its partition has."),
    "Constraints": ("no node meets its constraints", "Change --constraint or what else it asks for."),
    "PartitionTimeLimit": ("its time limit is longer than the partition allows", "Shorten --time, or choose another partition."),
    "PartitionNodeLimit": ("it asks for more or fewer nodes than the partition allows, or its nodes are down", "Change --nodes, or choose another partition."),
    "PartitionConfig": ("it asks for something that the partition does not allow", "Choose another partition, or ask for less."),
    "MaxMemPerLimit": ("it asks for more memory per CPU or node than is allowed", "Lower --mem or --mem-per-cpu."),
    "AccountNotAllowed": ("its account may not use the partition", "Choose another account or partition."),
    "QOSNotAllowed": ("its QOS may not be used there", "Choose another QOS or partition."),
    "InvalidAccount": ("its account does not exist or is not its user's", "Choose another account with --account."),
    "InvalidQOS": ("its QOS does not exist or is not allowed to it", "Choose another QOS with --qos."),
    "DeadLine": ("it cannot end before its deadline any more", "Submit it again with a later --deadline."),
    "ReservationDeleted": ("the reservation that it asks for was deleted", "Submit it without --reservation, or change it."),
    "ReservationInvalid": ("the reservation that it asks for cannot be used", "Submit it without --reservation, or change it."),
    "InactiveLimit": ("it was idle for longer than the system allows", "Submit it again."),
    "NonZeroExitCode": ("it ended with an error", "Look at its output and submit it again."),
    "RaisedSignal": ("it was ended by a signal", "Look at its output and submit it again."),
    "TimeLimit": ("it reached its time limit", "Ask for more time, or save checkpoints."),
    "OutOfMemory": ("it ran out of memory", "Ask for more memory with --mem."),
    "BurstBufferOperation": ("an operation of the burst buffer failed", "Look at its burst buffer lines, and submit it again."),
}  # fmt: skip

_ADMINS = {
    "JobHeldAdmin": ("an administrator has put it on hold", "scontrol release …"),
    "JobHoldMaxRequeue": ("it was requeued too often and is on hold", "Find out why it fails to start, then scontrol release …"),
    "PartitionDown": ("its partition is closed for new starts", "scontrol update partitionname=… state=UP, or another partition."),
    "PartitionInactive": ("its partition is inactive", "scontrol update partitionname=… state=UP, or another partition."),
    "NodeDown": ("a node that it needs is down", "Bring the node back, or do not ask for it by name."),
    "FrontEndDown": ("no front end is up to run it", "Bring a front end back."),
    "ReqNodeNotAvail": ("nodes that it needs are down, drained, reserved or not responding", "Return those nodes to service or wait for the reservation to end; do not ask for them by name."),
    "Nodes_required_for_job_are_DOWN": ("nodes that it needs are down, drained or reserved for partitions of higher priority", "Return those nodes to service, or wait."),
    "Reservation": ("the reservation that it asks for has not begun or has no room", "Wait for it to begin, or submit without --reservation."),
    "SystemFailure": ("Slurm itself failed to start it", "Look at slurmctld's log."),
    "JobLaunchFailure": ("it could not be launched on its node", "Look at slurmd's log on the node: often a missing folder, a full disk or a failed prolog."),
    "AccountingPolicy": ("a limit of accounting is reached; Slurm does not say which", "sacctmgr show assoc and qos list the limits."),
    "job_requeued_in_held_state": ("it was requeued and put on hold", "scontrol release …"),
    "launch_failed_requeued_held": ("it could not be launched and is on hold", "Look at slurmd's log on its node, then scontrol release …"),
}  # fmt: skip

CODES = MappingProxyType(
    _all(NOBODY, _WAITS) | _all(USER, _USERS) | _all(ADMIN, _ADMINS) | _all(EITHER, {})
)  # fmt: skip

# QOSMaxGRESPerUser, AssocGrpCPUMinutesLimit, MaxJobsPerAccount, QOSMinCpuNotSatisfied ...
_LIMIT = re.compile(
    r"(?P<owner>QOS|Assoc|Association)?(?P<kind>Grp|Max|Min)?(?P<what>CPU|Jobs?|SubmitJobs?|Memory|Mem|Node|WallDuration|Wall|"
    r"Energy|GRES|License|BB|Billing|Unknown|Resource|Time)(?P<minutes>RunMinutes|Minutes)?"
    r"(?P<per>PerJob|PerNode|PerUser|PerAccount)?(NotSatisfied)?(Limit)?",
    re.IGNORECASE,
)
_OWNERS = {"qos": "its QOS", "assoc": "its account", "association": "its account", "": "its QOS"}
_THINGS = {
    "cpu": "CPUs", "job": "running jobs", "jobs": "running jobs", "submitjob": "submitted jobs",
    "submitjobs": "submitted jobs", "memory": "memory", "mem": "memory", "node": "nodes", "wallduration": "run time",
    "wall": "run time", "energy": "energy", "gres": "GPUs or other GRES", "license": "licences", "bb": "burst buffer",
    "billing": "billing units", "unknown": "a resource that Slurm does not name", "resource": "resources",
    "time": "run time",
}  # fmt: skip
_PERS = {"perjob": "a job", "pernode": "a node", "peruser": "a user", "peraccount": "an account"}


def limit_words(code: str) -> Words | None:
    """What a limit's code says by its parts; None if it is no limit."""
    match = _LIMIT.fullmatch(code)
    if not match or not (match["owner"] or match["kind"]):
        return None
    owner, thing = _OWNERS[(match["owner"] or "").lower()], _THINGS[match["what"].lower()]
    thing += {"": "", "minutes": " times minutes", "runminutes": " times minutes, of running jobs"}[
        (match["minutes"] or "").lower()
    ]
    per, kind = _PERS.get((match["per"] or "").lower(), ""), (match["kind"] or "").lower()
    if kind == "min":
        return Words(
            f"it asks for less than the least {thing} of {owner}",
            f"Ask for more, or choose another than {owner}.",
            USER,
        )
    if kind == "max" and per in {"a job", "a node"}:
        return Words(
            f"it asks for more {thing} than {owner} allows {per}", "Ask for less, or have the limit raised.", EITHER
        )
    if match["minutes"] == "Minutes":
        return Words(
            f"{owner} has used up its {thing}",
            "Usage decays or is reset with time; an administrator can raise the limit.",
            ADMIN,
        )
    whose = f" for {per}" if per else " for all its jobs together" if kind == "grp" else ""
    return Words(
        f"{owner} has reached its limit of {thing}{whose}",
        "A job under the same limit must end, or the limit must be raised.",
        EITHER,
    )
