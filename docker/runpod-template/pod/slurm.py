"""Slurm's configuration files, and what a node says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pod.machine import Gpu, Machine

CONTROLLER_PORT, NODE_PORT, DATABASE_PORT = 6817, 6818, 6819
CONF = Path("/etc/slurm")
# Each node has GPUs of its own, while configless Slurm gives all the same gres.conf. It does not send files that are
# included by a full path, so this line means another file on every node.
NODE_GRES = Path("/run/watchdog/gres.conf")
DEVICES = Path("/run/watchdog/gpu")
STATE = Path("/var/lib/watchdog/slurmctld")
SPOOL = Path("/var/spool/slurmd")
JOB_MAP = Path("/run/watchdog/jobs")
JOB_MAP_SCRIPT = "/opt/watchdog/job-map.sh"
# Nodes that come and go must fit beside those of the past, which stay until they are deleted.
_MOST_NODES = 256
_KEPT_MIB, _KEPT_SHARE, _MODEL_KEPT_MIB = 1024, 0.05, 16384

# slurmd of 23.11 sets up cgroups whatever the plugins are, and the cgroup/v2 plugin fails in a container without
# CAP_SYS_ADMIN. cgroup/v1 does nothing until something asks for a controller, and nothing here does.
CGROUP_CONF = "CgroupPlugin=cgroup/v1\n"
GRES_CONF = f"Include {NODE_GRES}\n"


def slurm_conf(cluster: str, hostname: str, address: str, slurmdbd: str = "") -> str:
    """slurm.conf of the head; the nodes get it from slurmctld.

    Args:
        cluster: its name.
        hostname: what `hostname` says on the head: slurmctld refuses to start anywhere else.
        address: where the head is reached in the pods' network, by itself too: a node's address is the one that its
            registration comes from.
        slurmdbd: "host[:port]" of a database daemon; "" keeps no accounting.
    """
    return f"""ClusterName={cluster}
SlurmctldHost={hostname}({address})
SlurmctldPort={CONTROLLER_PORT}
SlurmdPort={NODE_PORT}
SlurmUser=slurm
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
SlurmctldParameters=enable_configless
SlurmdParameters=config_overrides
MaxNodeCount={_MOST_NODES}
TreeWidth=65533
StateSaveLocation={STATE}
SlurmdSpoolDir={SPOOL}
SlurmctldPidFile={STATE}/slurmctld.pid
SlurmdPidFile=/run/watchdog/slurmd.pid
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=15
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=5,sched_interval=5,defer_batch
PrologFlags=Alloc
Prolog={JOB_MAP_SCRIPT}
Epilog={JOB_MAP_SCRIPT}
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=60
KillWait=10
DefMemPerCPU=1024
MinJobAge=300
GresTypes=gpu
{_accounting(slurmdbd)}
PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=1:00:00 State=UP
"""


def gres_lines(gpus: Sequence[Gpu]) -> str:
    """The node's own part of gres.conf: the GPUs that Slurm may give away."""
    return "".join(f"Name=gpu Type={gpu.kind} File={DEVICES}/nvidia{gpu.index}\n" for gpu in gpus)


def link_devices(gpus: Sequence[Gpu], folder: Path = DEVICES, devices: Path = Path("/dev")) -> None:
    """Give each GPU's device file a name by its index.

    A container with two of eight GPUs may have nvidia3 and nvidia5. Slurm puts the number of the file into
    CUDA_VISIBLE_DEVICES, CUDA and the exporter count from 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for gpu in gpus:
        (folder / f"nvidia{gpu.index}").symlink_to(devices / f"nvidia{gpu.minor}")


def node_line(role: str, machine: Machine, gpus: Sequence[Gpu], *, serves_model: bool = False) -> str:
    """`slurmd --conf`: what this node offers. Memory for the system, the daemons and a model server is kept back."""
    kept = max(_KEPT_MIB, int(machine.memory_mib * _KEPT_SHARE))
    if serves_model:
        kept += min(_MODEL_KEPT_MIB, machine.memory_mib // 2)
    kinds = sorted({gpu.kind for gpu in gpus})
    gres = ",".join(f"gpu:{kind}:{sum(gpu.kind == kind for gpu in gpus)}" for kind in kinds)
    features = ",".join([role, *kinds])
    memory = max(machine.memory_mib - kept, 256)
    return f"CPUs={machine.cpus} RealMemory={memory} Feature={features}" + (f" Gres={gres}" if gres else "")


def _accounting(slurmdbd: str) -> str:
    if not slurmdbd:
        return "AccountingStorageType=accounting_storage/none"
    host, _, port = slurmdbd.partition(":")
    return f"""AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={host}
AccountingStoragePort={port or DATABASE_PORT}
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
PriorityType=priority/multifactor
PriorityWeightAge=1000
PriorityWeightFairshare=1000"""
