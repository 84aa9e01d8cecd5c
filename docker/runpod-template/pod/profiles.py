"""The model servers that a head can run: profiles.toml, one profile a GPU size."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pod.machine import Gpu
from pod.settings import SettingsError

FILE = Path(__file__).resolve().parent.parent / "profiles.toml"


@dataclass(frozen=True)
class Plugin:
    """A reasoning parser that lies beside the weights on Hugging Face."""

    repository: str
    file: str
    revision: str


@dataclass(frozen=True)
class Profile:
    """How vLLM serves one model.

    Attributes:
        name: value of WATCHDOG_MODEL_PROFILE.
        fits: for people: on which GPUs.
        model: Hugging Face id.
        revision: branch, tag or commit of it.
        gpus: how many it takes.
        gpu_memory_gib: the least memory of each.
        args: of `vllm serve`.
        env: for vLLM.
        plugin: of its reasoning parser; None: vLLM has it.
    """

    name: str
    fits: str
    model: str
    revision: str
    gpus: int
    gpu_memory_gib: int
    args: tuple[str, ...]
    env: dict[str, str]
    plugin: Plugin | None = None


def read_profiles(path: Path = FILE) -> dict[str, Profile]:
    """All profiles by name."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: _profile(name, table) for name, table in tables.items()}


def choose(name: str, gpus: Sequence[Gpu]) -> Profile | None:
    """The profile of that name; None for "".

    Raises:
        SettingsError: it is unknown, or this pod's GPUs cannot hold it.
    """
    if not name:
        return None
    profiles = read_profiles()
    if name not in profiles:
        near = difflib.get_close_matches(name, profiles, 1)
        raise SettingsError(f"WATCHDOG_MODEL_PROFILE {name!r} is none of {', '.join(profiles)}"
                            + (f"; did you mean {near[0]}?" if near else ""))  # fmt: skip
    profile = profiles[name]
    # nvidia-smi tells a little less than a card's name: 81559 MiB of "80 GB", 23034 of "24 GB".
    big = [gpu for gpu in gpus if not gpu.memory_mib or gpu.memory_mib >= profile.gpu_memory_gib * 1024]
    if len(big) < profile.gpus:
        sizes = ", ".join(f"{gpu.kind} {gpu.memory_mib // 1024} GiB" for gpu in gpus) or "none"
        raise SettingsError(
            f"profile {name} needs {profile.gpus} GPU(s) of {profile.gpu_memory_gib} GiB or more; this pod has {sizes}"
        )
    return profile


def split_gpus(gpus: Sequence[Gpu], profile: Profile | None) -> tuple[tuple[Gpu, ...], tuple[Gpu, ...]]:
    """(for jobs, for the model): the model gets the last ones, and Slurm never gives these away."""
    taken = profile.gpus if profile else 0
    return tuple(gpus[: len(gpus) - taken]), tuple(gpus[len(gpus) - taken :])


def _profile(name: str, table: dict[str, object]) -> Profile:
    known = {"fits", "model", "revision", "gpus", "gpu_memory_gib", "args", "env", "plugin"}
    if unknown := set(table) - known:
        raise SettingsError(f"profiles.toml: {name} has unknown keys {', '.join(sorted(unknown))}")
    plugin = table.get("plugin")
    args, env = table["args"], table.get("env", {})
    assert isinstance(args, list)
    assert isinstance(env, dict)
    return Profile(
        name=name,
        fits=str(table["fits"]),
        model=str(table["model"]),
        revision=str(table.get("revision", "main")),
        gpus=int(str(table.get("gpus", 1))),
        gpu_memory_gib=int(str(table["gpu_memory_gib"])),
        args=tuple(str(a) for a in args),
        env={str(k): str(v) for k, v in env.items()},
        plugin=_plugin(plugin) if isinstance(plugin, dict) else None,
    )


def _plugin(table: dict[str, object]) -> Plugin:
    return Plugin(str(table["repository"]), str(table["file"]), str(table.get("revision", "main")))
