"""Why a job waits, in words."""

import re

import pytest

from tests.unit.slurm_rows import jobs, nodes
from watchdog.analysis.pending import explain, explain_code

THINGS = (
    "Cpu",
    "CPUMinutes",
    "CPURunMinutes",
    "Jobs",
    "Mem",
    "MemMinutes",
    "Node",
    "NodeRunMinutes",
    "SubmitJobs",
    "Wall",
)
THINGS += ("Energy", "EnergyMinutes", "GRES", "GRESMinutes", "GRESRunMinutes", "License", "BB", "Billing", "Unknown")
PER_JOB = ("CpuPerJobLimit", "CpuMinutesPerJobLimit", "NodePerJobLimit", "WallDurationPerJobLimit", "GRESPerJob")
PER_JOB += ("GRESPerNode", "MemPerNode", "BBMinutesPerJob", "LicensePerJob", "EnergyPerNode", "BillingPerJob")
LIMITS = [
    *(f"{owner}Grp{thing}{end}" for owner in ("QOS", "Assoc") for thing in THINGS for end in ("", "Limit")),
    *(f"{owner}Max{thing}" for owner in ("QOS", "Assoc") for thing in PER_JOB),
    *(f"QOSMax{thing}" for thing in ("CpuPerUserLimit", "JobsPerUserLimit", "SubmitJobPerUserLimit", "GRESPerUser")),
    *(f"QOSMax{thing}" for thing in ("MemoryPerUser", "MemoryPerJob", "NodePerUserLimit", "BillingPerUser")),
    *(f"QOSMin{thing}" for thing in ("CpuNotSatisfied", "GRES", "Memory", "Node", "License", "BB", "Billing")),
    *(f"Max{thing}PerAccount" for thing in ("GRES", "Jobs", "SubmitJobs", "Cpu", "Memory", "Node", "Unknown", "BB")),
    *("AssocMaxJobsLimit", "AssocMaxSubmitJobLimit", "AssociationJobLimit", "AssociationResourceLimit"),
    *("AssociationTimeLimit", "QOSJobLimit", "QOSResourceLimit", "QOSTimeLimit"),
]
OTHERS = [
    "None",
    "Prolog",
    "Priority",
    "Dependency",
    "Resources",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
    "PartitionDown",
    "PartitionInactive",
    "JobHeldAdmin",
    "JobHeldUser",
    "BeginTime",
    "Licenses",
    "Reservation",
    "ReqNodeNotAvail",
    "FrontEndDown",
    "SchedDefer",
    "NodeDown",
    "BadConstraints",
    "SystemFailure",
    "JobLaunchFailure",
    "NonZeroExitCode",
    "RaisedSignal",
    "TimeLimit",
    "InactiveLimit",
    "InvalidAccount",
    "InvalidQOS",
    "QOSUsageThreshold",
    "Cleaning",
    "QOSNotAllowed",
    "AccountNotAllowed",
    "DependencyNeverSatisfied",
    "JobHoldMaxRequeue",
    "JobArrayTaskLimit",
    "BurstBufferResources",
    "BurstBufferStageIn",
    "BurstBufferOperation",
    "PowerNotAvail",
    "PowerReserved",
    "DeadLine",
    "PartitionConfig",
    "AccountingPolicy",
    "FedJobLock",
    "OutOfMemory",
    "MaxMemPerLimit",
    "ReservationDeleted",
    "ReservationInvalid",
    "Constraints",
]


@pytest.mark.parametrize("reason", [*LIMITS, *OTHERS])
def test_every_reason_of_slurm_has_words_a_way_out_and_somebody_who_can_take_it(reason):
    found = explain_code(reason)
    assert found.known
    assert found.words
    assert found.unblock.endswith((".", "…"))
    assert found.by
    assert reason not in found.words


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("QOSMaxGRESPerUser", "its QOS has reached its limit of GPUs or other GRES for a user"),
        ("AssocGrpGRES", "its account has reached its limit of GPUs or other GRES for all its jobs together"),
        ("AssocGrpCPUMinutesLimit", "its account has used up its CPUs times minutes"),
        ("QOSMaxWallDurationPerJobLimit", "it asks for more run time than its QOS allows a job"),
        ("QOSMinGRES", "it asks for less than the least GPUs or other GRES of its QOS"),
        ("MaxJobsPerAccount", "its QOS has reached its limit of running jobs for an account"),
    ],
)
def test_limits_are_read_by_their_parts(reason, words):
    assert explain_code(reason).words == words


@pytest.mark.parametrize("reason", ["FluxCapacitor", "'; DROP TABLE", "Max", "QOS", "<b>x</b>"])
def test_an_unknown_reason_is_shown_as_it_came_and_nothing_is_claimed(reason):
    found = explain_code(reason)
    assert not found.known
    assert reason in found.words.replace("\\'", "'").replace('"', "") or repr(reason) in found.words
    assert "not known" in found.words


def test_unavailable_nodes_are_named():
    found = explain_code("ReqNodeNotAvail, UnavailableNodes:gpu[02-03]")
    assert found.known
    assert found.detail == "not available: gpu[02-03]"


def test_reasons_of_the_recorded_jobs_are_known(fixtures):
    texts = (path.read_text(errors="replace") for path in (fixtures / "slurm-lab").rglob("scontrol-show-job*.txt"))
    reasons = {reason for text in texts for reason in re.findall(r" Reason=(\S+)", text)}
    reasons |= {
        "ReqNodeNotAvail,_May_be_reserved_for_other_job",
        "job_requeued_in_held_state",
        "RaisedSignal:9(Killed)",
    }
    assert [reason for reason in reasons if not explain_code(reason).known] == []


CLUSTER = nodes(
    {"node": "gpu01", "gpus_allocated": 6},
    {"node": "gpu02", "gpus_allocated": 8},
    {"node": "gpu03", "gpus_allocated": 3},
    {"node": "gpu04", "gpus_allocated": 0, "takes_work": False},
)


def why(**job):
    row = {"job_id": "7", "state": "PENDING", "gpus": 8, "node_count": 1, "gpu_type": "h100", **job}
    queue = jobs(row, *({"job_id": str(n), "state": "PENDING", "priority": 100.0 + n} for n in (8, 9)))
    return explain(queue.iloc[0].to_dict(), queue, CLUSTER)


def test_a_job_that_waits_for_resources_learns_the_largest_free_block():
    assert why(reason="Resources").detail == (
        "needs 8 GPUs on one node; the largest free block is 5 on gpu03, 7 free in all; "
        "8 more are free on nodes that take no work"
    )


def test_a_job_that_waits_for_priority_learns_how_many_are_ahead():
    assert why(reason="Priority", priority=108.5).detail.startswith("1 waiting job of partition gpu ahead of it")


def test_a_dependency_is_quoted():
    assert why(reason="Dependency", dependency="afterok:6").detail == "its dependency: afterok:6"


def test_a_request_that_no_node_can_hold_says_so():
    assert why(reason="Resources", gpus=16).detail == "needs 16 GPUs on one node; the largest node has 8"


def test_where_there_are_several_partitions_the_free_block_is_said_to_be_of_its_own():
    cluster = nodes({"node": "gpu01", "gpus_allocated": 8}, {"node": "big01", "gpus_allocated": 0, "partitions": "big"})
    queue = jobs({"job_id": "7", "state": "PENDING", "reason": "Resources", "gpus": 8, "node_count": 1})
    detail = explain(queue.iloc[0].to_dict(), queue, cluster).detail

    assert detail == "in partition gpu it needs 8 GPUs on one node; no GPU is free"
