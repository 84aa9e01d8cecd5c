"""Everything a pod writes before its daemons start."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pod import gateway, slurm
from pod.keys import munge_key, write_private
from pod.plan import MUNGE_KEY, MUNGE_SOCKET, Plan, hostname
from pod.settings import Settings


def write_all(plan: Plan, address: str) -> None:
    """Key, configurations, device links and folders.

    Args:
        plan: what will run.
        address: where slurmctld on this pod is reached; used on the head.
    """
    settings = plan.settings
    folder(MUNGE_SOCKET.parent, "munge", 0o755)
    folder(Path("/var/lib/munge"), "munge", 0o700)
    folder(Path("/var/log/munge"), "munge", 0o700)
    write_private(MUNGE_KEY, munge_key(settings.cluster_secret, settings.cluster), "munge")
    write_slurm(plan, address)
    write_gateway(settings)


def write_slurm(plan: Plan, address: str) -> None:
    """Slurm's files: on a worker only its own GPUs, the rest comes from the head."""
    folder(slurm.SPOOL, "root", 0o755)
    _clean_job_map()
    slurm.link_devices(plan.for_jobs)
    slurm.NODE_GRES.write_text(slurm.gres_lines(plan.for_jobs))
    if plan.settings.role != "head":
        return
    folder(slurm.STATE, "slurm", 0o700)
    folder(slurm.CONF, "root", 0o755)
    text = slurm.slurm_conf(plan.settings.cluster, hostname(), address, plan.settings.slurmdbd)
    for name, content in (("slurm.conf", text), ("gres.conf", slurm.GRES_CONF), ("cgroup.conf", slurm.CGROUP_CONF)):
        (slurm.CONF / name).write_text(content)


def write_gateway(settings: Settings) -> None:
    """nginx.conf, which holds the tokens: only nginx may read it."""
    folder(gateway.RUN, "gateway", 0o700)
    write_private(gateway.CONF, gateway.gateway_conf(settings).encode(), "gateway")


def folder(path: Path, owner: str, mode: int) -> None:
    """Make a folder of that owner and mode."""
    path.mkdir(parents=True, exist_ok=True)
    shutil.chown(path, owner, owner)
    path.chmod(mode)


def cache_folder(volume: Path) -> Path:
    """Where model weights are kept: on the volume where vLLM's user may write, else in the container."""
    if os.path.ismount(volume):
        try:
            wanted = volume / "models"
            folder(wanted, "vllm", 0o755)
        except OSError:
            pass
        else:
            return wanted
    folder(Path("/var/lib/watchdog/models"), "vllm", 0o755)
    return Path("/var/lib/watchdog/models")


def deadline_folder(volume: Path, pod_id: str) -> Path:
    """Where a later deadline is kept. By pod: a network volume may have served others before."""
    return volume / ".watchdog" / (pod_id or "pod") if os.path.ismount(volume) else Path("/run/watchdog")


def _clean_job_map() -> None:
    """No job outlives its container, so what an earlier start left is stale."""
    folder(slurm.JOB_MAP, "root", 0o755)
    for old in slurm.JOB_MAP.iterdir():
        old.unlink()
