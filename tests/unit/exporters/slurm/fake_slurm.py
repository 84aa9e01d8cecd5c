"""A FAKE Slurm: prints what the commands would, for the jobs and nodes it is given, and counts its runs."""

from __future__ import annotations

import re
from collections import Counter

from watchdog.exporters.command import Raw
from watchdog.exporters.failure import CollectError
from watchdog.model.slurm.hostlist import compress
from watchdog.model.slurm.records import Job, Node

SDIAG = """Server thread count:  3
Agent queue size:     1
DBD Agent queue size: 2

Jobs submitted: 63

Main schedule statistics (microseconds):
\tLast cycle:   15
\tCycles per minute: 34

Backfilling stats
\tLast cycle: 4002

Remote Procedure Call statistics by message type
\tREQUEST_NODE_INFO                       ( 2007) count:281    ave_time:1045   total_time:293876

Remote Procedure Call statistics by user
\troot            (       0) count:2986   ave_time:1022   total_time:3053474
"""
LICENSES = "LicenseName=ansys Total=2 Used=1 Free=1 Reserved=0 Remote=no\n"
RESERVATIONS = (
    "ReservationName=maint StartTime=2026-03-01T12:00:00 EndTime=2026-03-01T13:00:00 Duration=01:00:00 Nodes=gn004 "
    "NodeCnt=1 CoreCnt=32 Features=(null) PartitionName=(null) Flags=MAINT Users=root Groups=(null) Accounts=(null) "
    "Licenses=(null) State=ACTIVE\n"
)
SHARES = "root|||0.000000|0|1.000000|\n research||1|0.5|120|0.25|\n  research|ada|parent|0.5|120|0.25|0.75\n"
PARTITIONS = (
    "PartitionName=gpu Default=YES DefaultTime=01:00:00 MaxTime=7-00:00:00 MaxNodes=UNLIMITED Nodes=gn[001-004] "
    "PriorityTier=10 PreemptMode=OFF State=UP\n"
)


class FakeSlurm:
    """Stands in for `command.Runner`.

    Attributes:
        failing: parts of a command line -> how it fails, a CollectError or an exit code with a text.
    """

    def __init__(self, jobs: list[Job] | None = None, nodes: list[Node] | None = None) -> None:
        self.jobs, self.nodes = jobs or [], nodes or []
        self.runs: Counter[str] = Counter()
        self.failing: dict[str, CollectError | tuple[int, str]] = {}

    def raw(self, argv) -> Raw:
        line = " ".join(argv)
        self.runs[argv[0] if argv[0] != "scontrol" else f"scontrol {argv[-1]}"] += 1
        for words, how in self.failing.items():
            if words in line:
                if isinstance(how, CollectError):
                    raise how
                return Raw(how[0], b"", how[1].encode())
        return Raw(0, self._answer(argv).encode("utf-8", "surrogateescape"), b"")

    def _answer(self, argv) -> str:
        if argv[0] == "squeue":
            return "".join(squeue_row(job, argv[-1]) for job in self.jobs)
        if argv[0] == "scontrol":
            return {
                "job": "\n\n".join(map(details, self.jobs)), "node": "\n\n".join(map(node_record, self.nodes)),
                "partition": PARTITIONS, "licenses": LICENSES, "reservations": RESERVATIONS,
            }[argv[-1]]  # fmt: skip
        return {"sdiag": SDIAG, "sshare": SHARES}[argv[0]]


def squeue_row(job: Job, format_argument: str) -> str:
    """The job's row, in the format that squeue was called with."""
    fields = re.findall(r"([A-Za-z_-]+):(\x1f\w+\x1f|\x1e\w+\x1e)", format_argument)
    row = _row(job)
    return "".join(f"{row.get(name, 'N/A')}{mark}" for name, mark in fields) + "\n"


def _row(job: Job) -> dict[str, str]:
    def time(at):
        return at.strftime("%Y-%m-%dT%H:%M:%S") if at else "N/A"

    tres = f"cpu={job.cpus},mem=8G,node=1" + (f",gres/gpu={job.gpus},gres/gpu:h100={job.gpus}" if job.gpus else "")
    return {
        "JobID": str(job.raw_id), "JobArrayID": job.job_id, "ArrayJobID": str(job.array_job_id or job.raw_id),
        "Name": job.name, "UserName": job.user, "Account": job.account, "QOS": job.qos, "Partition": job.partition,
        "State": str(job.state), "Reason": job.reason or "None", "TimeLimit": "1:00:00",
        "NumNodes": str(job.node_count), "NumCPUs": str(job.cpus), "tres-alloc": tres, "tres-per-node": "N/A",
        "NodeList": compress(job.nodes), "ReqNodes": "", "SchedNodes": "(null)", "SubmitTime": time(job.submitted_at),
        "EligibleTime": time(job.eligible_at), "StartTime": time(job.started_at), "EndTime": time(job.ended_at),
        "PriorityLong": str(int(job.priority or 0)), "Dependency": "(null)", "Reservation": "(null)",
        "Feature": "(null)", "exit_code": "0", "Comment": job.comment or "(null)",
    }  # fmt: skip


def details(job: Job) -> str:
    """The job's record in `scontrol show job -d`."""
    held = "".join(
        f"     Nodes={hold.node} CPU_IDs=0-7 Mem=8192 GRES=gpu:h100:{hold.count}"
        f"(IDX:{','.join(map(str, hold.indexes))})\n"
        for hold in job.holds
    )
    return (
        f"JobId={job.raw_id} JobName={job.name}\n   UserId={job.user}(1000)\n{held}"
        "   MinCPUsNode=1 MinMemoryCPU=1000M MinTmpDiskNode=0\n   Command=(null)\n"
    )


def node_record(node: Node) -> str:
    """The node's record in `scontrol show node -d`."""
    reason = f"   Reason={node.reason} [root@2026-03-01T11:00:00]\n" if node.reason else ""
    kinds = ",".join(f"gpu:{kind}:{count}" for kind, count in node.gpu_types)
    used = ",".join(f"gpu:{kind}:{node.gpus_allocated}(IDX:0)" for kind, _ in node.gpu_types[:1])
    state = "+".join([node.state, *sorted(node.flags)])
    return (
        f"NodeName={node.node} Arch=x86_64 CoresPerSocket=32\n   CPUAlloc={node.cpus_allocated} CPUTot={node.cpus}\n"
        f"   AvailableFeatures=(null)\n   Gres={kinds}\n   GresUsed={used}\n   RealMemory=262144 AllocMem=8192 \n"
        f"   State={state} ThreadsPerCore=1\n   Partitions={','.join(node.partitions)} \n"
        f"   BootTime=2026-03-01T10:00:00\n{reason}"
    )
