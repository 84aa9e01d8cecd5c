"""The names under which jobs, nodes and partitions travel as series: one table for writing and for reading.

Texts are labels of an info series of value 1, numbers are series of their own. What is not known has no label and no
series. Job and node series carry `job_id` or `node` alone, to be joined with the info series.
"""

from __future__ import annotations

from dataclasses import dataclass

SNAPSHOT_AT = "slurm_snapshot_timestamp_seconds"
SNAPSHOT_PROBLEM = "slurm_snapshot_problem_info"
JOBS_CUT = "slurm_exporter_jobs_cut"

JOB_INFO = "slurm_job_info"
JOB_GPU = "slurm_job_gpu"
JOB_NODE_GPUS = "slurm_job_node_gpus"
NODE_INFO = "slurm_node_info"
NODE_GRES = "slurm_node_gres_total"
NODE_GPU_USED = "slurm_node_gpu_used"
PARTITION_INFO = "slurm_partition_info"


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a job, node or partition as a series.

    Attributes:
        series: its name.
        field: of the record.
        text: what it is, for HELP.
        kind: "int", "float", or "instant" (seconds since 1970).
    """

    series: str
    field: str
    text: str
    kind: str = "float"


# Labels are called like the fields of `records.Job`.
JOB_TEXTS = ("name", "user", "account", "partition", "qos", "reason", "gpu_type", "dependency", "reservation",
             "features", "array_tasks", "comment")  # fmt: skip
JOB_NUMBERS = (
    Number("slurm_job_gpus", "gpus", "GPUs that a job holds, or asks for while it waits.", "int"),
    Number("slurm_job_cpus", "cpus", "CPUs that a job holds, or asks for while it waits.", "int"),
    Number("slurm_job_nodes", "node_count", "Nodes that a job holds, or asks for while it waits.", "int"),
    Number("slurm_job_memory_bytes", "memory_bytes", "Memory that a job holds or asks for, over all its nodes."),
    Number("slurm_job_priority", "priority", "The scheduler's priority of a job."),
    Number("slurm_job_submit_timestamp_seconds", "submitted_at", "When a job was submitted.", "instant"),
    Number("slurm_job_eligible_timestamp_seconds", "eligible_at", "When a job could first have started.", "instant"),
    Number("slurm_job_start_timestamp_seconds", "started_at", "When a job started.", "instant"),
    Number("slurm_job_end_timestamp_seconds", "ended_at", "When a job ended.", "instant"),
    Number("slurm_job_expected_start_timestamp_seconds", "expected_start_at",
           "When the scheduler expects a waiting job to start.", "instant"),
    Number("slurm_job_time_limit_seconds", "time_limit_seconds", "A job's time limit; +Inf without one."),
    Number("slurm_job_exit_code", "exit_code", "Exit code of an ended job's batch script.", "int"),
    Number("slurm_job_signal", "signal", "Signal that ended a job's batch script.", "int"),
)  # fmt: skip

NODE_TEXTS = ("state", "reason", "reason_by", "features", "version")
NODE_NUMBERS = (
    Number("slurm_node_cpus", "cpus", "CPUs of a node.", "int"),
    Number("slurm_node_cpus_alloc", "cpus_allocated", "CPUs of a node that jobs hold.", "int"),
    Number("slurm_node_memory_bytes", "memory_bytes", "Memory of a node."),
    Number("slurm_node_memory_alloc_bytes", "memory_allocated_bytes", "Memory of a node that jobs hold."),
    Number("slurm_node_gpus", "gpus", "GPUs of a node.", "int"),
    Number("slurm_node_gpus_alloc", "gpus_allocated", "GPUs of a node that jobs hold.", "int"),
    Number("slurm_node_reason_timestamp_seconds", "reason_at", "When a node's reason was set.", "instant"),
    Number("slurm_node_boot_timestamp_seconds", "booted_at", "When a node was booted.", "instant"),
)

PARTITION_TEXTS = ("state", "preempt_mode")
PARTITION_NUMBERS = (
    Number("slurm_partition_max_time_seconds", "max_time_seconds", "Longest time limit; +Inf without one."),
    Number("slurm_partition_default_time_seconds", "default_time_seconds", "Time limit of jobs that ask for none."),
    Number("slurm_partition_max_nodes", "max_nodes", "Most nodes of one job.", "int"),
    Number("slurm_partition_priority_tier", "priority_tier", "Partitions of a higher tier go first.", "int"),
)

GPU_GRES = "gpu"


def gres_type(gpu_type: str) -> str:
    """The label of a type of GPU: "gpu:h100", or "gpu" without a type."""
    return f"{GPU_GRES}:{gpu_type}" if gpu_type else GPU_GRES
