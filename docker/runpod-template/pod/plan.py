"""Which daemons a pod runs, as whom, with which environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pod import gateway, serve_model, slurm
from pod.machine import Gpu, Machine
from pod.network import Reachable
from pod.profiles import Profile
from pod.settings import Settings, harmless
from pod.supervisor import Service

MUNGE_SOCKET = Path("/run/munge/munge.socket.2")
MUNGE_KEY = Path("/etc/munge/munge.key")
GPU_PORT, SLURM_PORT = 9400, 9341
_EXPORTERS = "/opt/watchdog-venv/bin/python"
_EXPORTERS_HOME = "/opt/watchdog-app"
_VLLM = "/opt/vllm/bin/python"


@dataclass(frozen=True)
class Plan:
    """All that the daemons depend on.

    Attributes:
        controller: where slurmctld is reached.
        machine: what the pod has.
        for_jobs, for_model: its GPUs, parted.
        profile: of the model server; None: none runs.
        cache: folder of model weights.
    """

    settings: Settings
    controller: str
    machine: Machine
    for_jobs: tuple[Gpu, ...]
    for_model: tuple[Gpu, ...]
    profile: Profile | None
    cache: Path

    @property
    def node(self) -> str:
        """`slurmd --conf`."""
        return slurm.node_line(self.settings.role, self.machine, self.for_jobs, serves_model=self.profile is not None)


def services(plan: Plan, environ: Mapping[str, str]) -> list[Service]:
    """The daemons in the order of their start, without the base image's."""
    env = _plain(environ)
    head = plan.settings.role == "head"
    found = [_munged(env), _gateway(env)]
    if head:
        found.append(_slurmctld(env))
    found += [_slurmd(plan, env), _gpu_exporter(plan, env)]
    if head:
        found.append(_slurm_exporter(plan, env))
    if plan.profile is not None:
        found.append(_vllm(plan, plan.profile, env))
    return found


def _plain(environ: Mapping[str, str]) -> dict[str, str]:
    """What every daemon gets: no secret, and nothing that a job would inherit from whoever started the pod."""
    return {"PATH": environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"), "LANG": "C.UTF-8", "HOME": "/tmp"}  # noqa: S108


def base(environ: Mapping[str, str]) -> list[Service]:
    """The base image's own start script: sshd as it sets it up. Jupyter is not asked for."""
    script = environ.get("WATCHDOG_BASE_START", "").strip() or "/start.sh"
    if not os.access(script, os.X_OK):
        return []
    env = {name: value for name, value in harmless(environ).items() if name != "JUPYTER_PASSWORD"}
    return [Service("base", (script,), env)]


def _munged(env: Mapping[str, str]) -> Service:
    return Service("munged", ("munged", "--foreground", "--force", f"--key-file={MUNGE_KEY}"), env, user="munge")


def _gateway(env: Mapping[str, str]) -> Service:
    argv = ("nginx", "-e", "stderr", "-c", str(gateway.CONF), "-g", "daemon off;")
    return Service("gateway", argv, env, user="gateway")


def _slurmctld(env: Mapping[str, str]) -> Service:
    argv = ("slurmctld", "-D", "-f", str(slurm.CONF / "slurm.conf"))
    return Service("slurmctld", argv, env, user="slurm", ready=_munge_is_up, stop_seconds=15)


def _slurmd(plan: Plan, env: Mapping[str, str]) -> Service:
    server = f"{plan.controller}:{slurm.CONTROLLER_PORT}"
    argv = ("slurmd", "-D", "-Z", "-N", plan.settings.node_name, "--conf-server", server, "--conf", plan.node)
    return Service("slurmd", argv, env, ready=_controller_is_up(plan.controller))


def _gpu_exporter(plan: Plan, env: Mapping[str, str]) -> Service:
    options = ("--hostname", plan.settings.node_name, "--hpc-job-mapping-dir", str(slurm.JOB_MAP))
    return _exporter("gpu", GPU_PORT, plan, env, *options)


def _slurm_exporter(plan: Plan, env: Mapping[str, str]) -> Service:
    return replace(_exporter("slurm", SLURM_PORT, plan, env), ready=_controller_is_up("127.0.0.1"))


def _exporter(kind: str, port: int, plan: Plan, env: Mapping[str, str], *options: str) -> Service:
    """An exporter on loopback: the gateway is the only way to it."""
    listen = ("--listen", f"127.0.0.1:{port}", "--interval", str(plan.settings.exporter_seconds))
    argv = (_EXPORTERS, "-m", "watchdog", "exporter", kind, *listen, *options)
    return Service(f"{kind}-exporter", argv, {**env, "PYTHONPATH": _EXPORTERS_HOME}, user="watchdog")


def _vllm(plan: Plan, profile: Profile, env: Mapping[str, str]) -> Service:
    settings = plan.settings
    own = {
        **env, **profile.env,
        "HOME": str(plan.cache), "HF_HOME": str(plan.cache), "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(str(gpu.index) for gpu in plan.for_model),
        "VLLM_API_KEY": settings.vllm_api_key,
    }  # fmt: skip
    if settings.hf_token:
        own["HF_TOKEN"] = settings.hf_token
    argv = (_VLLM, "-m", serve_model.__name__, profile.name, str(plan.cache))
    return Service("vllm", argv, own, user="vllm", stop_seconds=10)


def _munge_is_up() -> bool:
    return MUNGE_SOCKET.exists()


def _controller_is_up(host: str) -> Callable[[], bool]:
    reachable = Reachable(host, slurm.CONTROLLER_PORT)
    return lambda: _munge_is_up() and reachable()


def hostname() -> str:
    """As slurmctld sees it."""
    return os.uname().nodename.partition(".")[0]
