"""What a pod is told: its environment, read and checked once. The table of names: docs/pod-image.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Role = Literal["head", "worker"]

_CLUSTER = re.compile(r"[a-z][a-z0-9-]{1,30}")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{32,512}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_HOST_PORT = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?")
# Below this a key derived from it could be guessed.
_SECRET_CHARACTERS = 32
SECRETS = ("WATCHDOG_CLUSTER_SECRET", "WATCHDOG_GATEWAY_TOKEN", "WATCHDOG_VLLM_API_KEY", "HF_TOKEN", "RUNPOD_API_KEY")


class SettingsError(Exception):
    """The environment cannot be used; the message names every problem and never a secret's value."""


@dataclass(frozen=True)
class Settings:
    """One pod.

    Attributes:
        head: host name that workers dial; "" on the head.
        model_profile: name of a profile of profiles.toml; "" serves no model.
        gpu_count: GPUs rented for this pod; None: not told.
        interface: network interface of RunPod's global networking.
        address_seconds: how long to wait for its address.
        volume: what outlives the container; the model cache lies there.
        slurmdbd: "host" or "host:port" of a Slurm database daemon; "" keeps no accounting.
        exporter_seconds: how often the exporters look.
    """

    role: Role
    cluster: str
    cluster_secret: str = field(repr=False)
    gateway_token: str = field(repr=False)
    head: str = ""
    worker_index: int = 0
    vllm_api_key: str = field(default="", repr=False)
    hf_token: str = field(default="", repr=False)
    model_profile: str = ""
    gpu_count: int | None = None
    gateway_port: int = 8080
    interface: str = "podnet1"
    address_seconds: float = 180.0
    volume: Path = Path("/workspace")
    slurmdbd: str = ""
    exporter_seconds: int = 15
    pod_id: str = ""

    @property
    def node_name(self) -> str:
        """Name in Slurm and in the metrics' Hostname; the name of the pod at RunPod."""
        return f"{self.cluster}-head" if self.role == "head" else f"{self.cluster}-worker-{self.worker_index}"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings of the environment.

    Raises:
        SettingsError: with all problems, one a line.
    """
    problems: list[str] = []
    read = _Reader(environ, problems)
    role = read.choice("WATCHDOG_ROLE", ("head", "worker"))
    head_only = role == "head"
    profile = read.text("WATCHDOG_MODEL_PROFILE") if head_only else ""
    settings = Settings(
        role="head" if head_only else "worker",
        cluster=read.matching("WATCHDOG_CLUSTER", _CLUSTER, "a small letter, then 1 to 30 small letters, digits or -"),
        cluster_secret=read.secret("WATCHDOG_CLUSTER_SECRET"),
        gateway_token=read.token("WATCHDOG_GATEWAY_TOKEN"),
        head="" if head_only else read.matching("WATCHDOG_HEAD", _HOST, "a host name"),
        worker_index=0 if head_only else read.number("WATCHDOG_WORKER_INDEX", None, 9999) or 0,
        vllm_api_key=read.token("WATCHDOG_VLLM_API_KEY") if profile else "",
        hf_token=read.resolved("HF_TOKEN") if profile else "",
        model_profile=profile,
        gpu_count=read.number("WATCHDOG_GPU_COUNT", -1, 64, none=-1),
        gateway_port=read.number("WATCHDOG_GATEWAY_PORT", 8080, 65535) or 8080,
        interface=read.text("WATCHDOG_NETWORK_INTERFACE") or "podnet1",
        address_seconds=float(read.number("WATCHDOG_NETWORK_SECONDS", 180, 3600) or 180),
        volume=Path(read.text("WATCHDOG_VOLUME") or "/workspace"),
        slurmdbd=read.matching("WATCHDOG_SLURMDBD", _HOST_PORT, "host or host:port", required=False),
        exporter_seconds=read.number("WATCHDOG_EXPORTER_SECONDS", 15, 3600) or 15,
        pod_id=read.text("RUNPOD_POD_ID"),
    )
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Values that may never be shown."""
    return tuple(value for name in SECRETS if len(value := environ.get(name, "")) > 3)


def harmless(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without secrets: what a login session or a daemon may see."""
    return {name: value for name, value in environ.items() if name not in SECRETS}


class _Reader:
    """Reads variables and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str], problems: list[str]) -> None:
        self._environ, self._problems = environ, problems

    def text(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def resolved(self, name: str) -> str:
        value = self.text(name)
        # RunPod leaves the reference as it stands where no such secret exists.
        if value.startswith("{{"):
            self._problems.append(f"{name} is the reference to a RunPod secret that does not exist")
        return value

    def choice(self, name: str, values: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in values:
            self._problems.append(f"{name} must be one of {', '.join(values)}, not {value!r}")
        return value

    def matching(self, name: str, pattern: re.Pattern[str], meaning: str, *, required: bool = True) -> str:
        value = self.text(name)
        if (value or required) and not pattern.fullmatch(value):
            self._problems.append(f"{name} must be {meaning}, not {value!r}")
        return value

    def secret(self, name: str) -> str:
        value = self.resolved(name)
        if len(value) < _SECRET_CHARACTERS:
            self._problems.append(f"{name} must have at least {_SECRET_CHARACTERS} characters, not {len(value)}")
        return value

    def token(self, name: str) -> str:
        value = self.resolved(name)
        if not value.startswith("{{") and not _TOKEN.fullmatch(value):
            self._problems.append(f"{name} must have 32 to 512 characters of A-Z a-z 0-9 . _ ~ + / = -")
        return value

    def number(self, name: str, default: int | None, most: int, *, none: int | None = None) -> int | None:
        value = self.text(name)
        if not value and default is not None:
            return None if default == none else default
        if not (value.isascii() and value.isdigit() and int(value) <= most):
            self._problems.append(f"{name} must be a whole number from 0 to {most}, not {value!r}")
            return default
        return int(value)
