"""What a lab looks like, and the configuration files that say so."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

GPU_TYPE = "h100"


@dataclass(frozen=True)
class LabOptions:
    """Size of a lab and what runs in it.

    Attributes:
        nodes, gpus_per_node, cpus_per_node, megabytes_per_node: made-up hardware.
        accounting: slurmdbd and MariaDB, for sacct, sshare and QOS.
        rest: slurmrestd, once with munge on a socket and once with JWT on a port.
        silent_seconds: after which a node that does not answer is down.
        forget_seconds: after which slurmctld forgets a finished job (MinJobAge).
    """

    nodes: int = 4
    gpus_per_node: int = 4
    cpus_per_node: int = 32
    megabytes_per_node: int = 256000
    accounting: bool = True
    rest: bool = True
    silent_seconds: int = 10
    forget_seconds: int = 300


@dataclass(frozen=True)
class Users:
    """Who runs what. Root lends each daemon Debian's own user; anybody else runs all of it."""

    slurm: str
    munge: str
    database: str
    rest: str

    @classmethod
    def here(cls) -> Users:
        """Of this process."""
        if os.geteuid() == 0:
            return cls("slurm", "munge", "mysql", "daemon")
        me = getpass.getuser()
        return cls(me, me, me, me)


@dataclass(frozen=True)
class Ports:
    """Ports of 127.0.0.1; `slurmd` has one a node, `dynamic` is for a node that joins later."""

    slurmctld: int
    slurmdbd: int
    database: int
    rest: int
    dynamic: int
    slurmd: tuple[int, ...]


def node_names(options: LabOptions) -> list[str]:
    """gn001, gn002, …"""
    return [f"gn{number:03d}" for number in range(1, options.nodes + 1)]


def slurm_conf(folder: Path, options: LabOptions, ports: Ports, host: str) -> str:
    """slurm.conf: one machine, made-up hardware, loopback only, quick to schedule."""
    users, socket = Users.here(), folder / "munge.socket"
    slurmd_user = "root" if os.geteuid() == 0 else users.slurm
    gres = f"Gres=gpu:{GPU_TYPE}:{options.gpus_per_node}" if options.gpus_per_node else ""
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={options.cpus_per_node} Boards=1 "
        f"SocketsPerBoard=1 CoresPerSocket={options.cpus_per_node} ThreadsPerCore=1 "
        f"RealMemory={options.megabytes_per_node} {gres} Feature={GPU_TYPE} State=UNKNOWN"
        for name, port in zip(node_names(options), ports.slurmd, strict=True)
    )
    return f"""ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports.slurmctld}
SlurmdPort={ports.dynamic}
SlurmUser={users.slurm}
SlurmdUser={slurmd_user}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthInfo=socket={socket}
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key={folder}/jwt.key
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
TmpFS={folder}/tmp
MailProg=/bin/true
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,defer_batch
PriorityType=priority/multifactor
PriorityWeightAge=1000
PriorityWeightFairshare=1000
PriorityWeightQOS=10000
DefMemPerCPU=1000
MaxJobCount=20000
MaxArraySize=20001
MinJobAge={options.forget_seconds}
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout={options.silent_seconds}
InactiveLimit=0
KillWait=2
MessageTimeout=20
MaxNodeCount={options.nodes + 16}
TreeWidth=65533
Licenses=matlab:10,ansys:2
GresTypes=gpu
{_accounting(folder, options, ports)}
{nodes}
PartitionName=gpu Nodes=ALL Default=YES MaxTime=7-0 DefaultTime=1:00:00 State=UP PriorityTier=10
PartitionName=debug Nodes={node_names(options)[0]} MaxTime=30 DefaultTime=5 State=UP PriorityTier=20
"""


def _accounting(folder: Path, options: LabOptions, ports: Ports) -> str:
    if not options.accounting:
        return "AccountingStorageType=accounting_storage/none"
    return f"""AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={ports.slurmdbd}
AccountingStoragePass={folder}/munge.socket
AccountingStorageEnforce=associations,limits,qos
AccountingStoreFlags=job_comment
AccountingStorageTRES=gres/gpu,gres/gpu:{GPU_TYPE}"""


def gres_conf(folder: Path, options: LabOptions) -> str:
    """gres.conf; the same private devices serve every node."""
    lines = (f"Name=gpu Type={GPU_TYPE} File={folder}/dev/nvidia{i}\n" for i in range(options.gpus_per_node))
    return "".join(lines)


def slurmdbd_conf(folder: Path, ports: Ports, host: str) -> str:
    """slurmdbd.conf."""
    return f"""AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key={folder}/jwt.key
CommunicationParameters=NoInAddrAny
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={ports.slurmdbd}
SlurmUser={Users.here().slurm}
PidFile={folder}/run/slurmdbd.pid
LogFile={folder}/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports.database}
StorageUser=slurm
StoragePass=lab
StorageLoc=slurm_acct
"""


def database_conf(folder: Path, ports: Ports) -> str:
    """MariaDB, small and fast rather than durable."""
    return f"""[mariadbd]
datadir={folder}/db
socket={folder}/db.sock
pid-file={folder}/db/own.pid
tmpdir={folder}/db
bind-address=127.0.0.1
port={ports.database}
skip-name-resolve
skip-log-bin
performance-schema=OFF
innodb-buffer-pool-size=64M
innodb-log-file-size=64M
innodb-lock-wait-timeout=900
innodb-flush-log-at-trx-commit=0
innodb-doublewrite=0
innodb-flush-method=nosync
max-allowed-packet=16M
"""
