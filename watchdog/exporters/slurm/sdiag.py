"""What `sdiag` says of the scheduler."""

from __future__ import annotations

import re
from dataclasses import dataclass

from watchdog.model.exposition import family_text, labels_text

_LINE = re.compile(r"^[ \t]*([^:\n]+?):[ \t]+(-?\d+)[ \t]*$", re.MULTILINE)
_RPC = re.compile(r"^\s+(\S+)\s+\(\s*\d+\)\s+count:(\d+)\s+ave_time:(\d+)\s+total_time:(\d+)", re.MULTILINE)
_SECTIONS = re.compile(r"^(Main schedule statistics|Backfilling stats|Remote Procedure Call statistics by \w+)", re.M)

# Section, sdiag's words, name, what it is. Names are vpenso's where vpenso has them.
_VALUES = (
    ("", "Server thread count", "slurm_scheduler_threads", "Threads of slurmctld."),
    ("", "Agent queue size", "slurm_scheduler_queue_size", "Messages that wait to be sent to nodes."),
    ("", "DBD Agent queue size", "slurm_scheduler_dbd_queue_size", "Records that wait to be sent to slurmdbd."),
    ("", "Jobs submitted", "slurm_scheduler_jobs_submitted", "Jobs submitted since the statistics were reset."),
    ("", "Jobs started", "slurm_scheduler_jobs_started", "Jobs started since the statistics were reset."),
    ("", "Jobs completed", "slurm_scheduler_jobs_completed", "Jobs completed since the statistics were reset."),
    ("", "Jobs canceled", "slurm_scheduler_jobs_canceled", "Jobs cancelled since the statistics were reset."),
    ("", "Jobs failed", "slurm_scheduler_jobs_failed", "Jobs failed since the statistics were reset."),
    ("Main", "Last cycle", "slurm_scheduler_last_cycle", "Microseconds of the last scheduling cycle."),
    ("Main", "Max cycle", "slurm_scheduler_max_cycle", "Microseconds of the longest scheduling cycle."),
    ("Main", "Mean cycle", "slurm_scheduler_mean_cycle", "Microseconds of a scheduling cycle, mean."),
    ("Main", "Cycles per minute", "slurm_scheduler_cycle_per_minute", "Scheduling cycles a minute."),
    ("Main", "Last queue length", "slurm_scheduler_last_queue_length", "Jobs that the last cycle looked at."),
    ("Back", "Last cycle", "slurm_scheduler_backfill_last_cycle", "Microseconds of the last backfill cycle."),
    ("Back", "Mean cycle", "slurm_scheduler_backfill_mean_cycle", "Microseconds of a backfill cycle, mean."),
    ("Back", "Depth Mean", "slurm_scheduler_backfill_depth_mean", "Jobs that a backfill cycle looked at, mean."),
    ("Back", "Total backfilled jobs (since last slurm start)", "slurm_scheduler_backfilled_jobs_since_start_total",
     "Jobs started by backfill since slurmctld started."),
    ("Back", "Total backfilled jobs (since last stats cycle start)",
     "slurm_scheduler_backfilled_jobs_since_cycle_total", "Jobs started by backfill since the statistics were reset."),
    ("Back", "Total backfilled heterogeneous job components", "slurm_scheduler_backfilled_heterogeneous_total",
     "Components of heterogeneous jobs started by backfill."),
)  # fmt: skip


@dataclass(frozen=True)
class Rpc:
    """How often something was asked of slurmctld; times in microseconds."""

    name: str
    count: int
    mean: int
    total: int


@dataclass(frozen=True)
class SchedulerStats:
    """Values by (section, sdiag's words), and requests by operation and by user."""

    values: dict[tuple[str, str], int]
    operations: tuple[Rpc, ...]
    users: tuple[Rpc, ...]


def parse_sdiag(text: str) -> SchedulerStats:
    """Read sdiag's text; what is not there stays out."""
    parts = _SECTIONS.split(text)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    values = {("", name): number for name, number in _numbers(parts[0])}
    for title, body in sections.items():
        values.update({(title[:4], name): number for name, number in _numbers(body)})
    return SchedulerStats(
        values,
        _rpcs(sections.get("Remote Procedure Call statistics by message", "")),
        _rpcs(sections.get("Remote Procedure Call statistics by user", "")),
    )


def scheduler_page(stats: SchedulerStats) -> str:
    """The series of the scheduler; gauges all, since `sdiag -r` and midnight reset them."""
    parts = [
        family_text(name, "gauge", text, [("", stats.values[section, words])])
        for section, words, name, text in _VALUES
        if (section, words) in stats.values
    ]
    for prefix, label, rpcs in (
        ("slurm_rpc_stats", "operation", stats.operations),
        ("slurm_user_rpc_stats", "user", stats.users),
    ):
        texts = [(labels_text({label: rpc.name}), rpc) for rpc in rpcs]
        parts += [
            family_text(prefix, "gauge", f"Requests to slurmctld by {label}.", [(t, r.count) for t, r in texts]),
            family_text(
                f"{prefix}_avg_time", "gauge", f"Microseconds a request, by {label}.", [(t, r.mean) for t, r in texts]
            ),
            family_text(
                f"{prefix}_total_time", "gauge", f"Microseconds in all, by {label}.", [(t, r.total) for t, r in texts]
            ),
        ]
    return "".join(parts)


def _numbers(text: str) -> list[tuple[str, int]]:
    return [(match[1], int(match[2])) for match in _LINE.finditer(text)]


def _rpcs(text: str) -> tuple[Rpc, ...]:
    found = {m[1]: Rpc(m[1], int(m[2]), int(m[3]), int(m[4])) for m in _RPC.finditer(text)}
    return tuple(found.values())
