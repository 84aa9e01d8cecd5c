"""Tokens of a cluster made on this machine, for those who keep no secrets at RunPod.

They lie in `<state>/<cluster>/secrets.json`, which only its owner may read, and they get into Terraform's state beside it.
Where secrets are kept at RunPod (the default) neither holds them: pods are told names, and RunPod puts the values in.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec

_MADE = ("WATCHDOG_CLUSTER_SECRET", "WATCHDOG_GATEWAY_TOKEN", "WATCHDOG_VLLM_API_KEY")
_BYTES = 32


def make(folder: Path, hf_token: str) -> dict[str, str]:
    """The tokens of the cluster whose state is in `folder`; made once, then kept. `hf_token` is added where there is one."""
    kept = read(folder)
    tokens = {name: kept.get(name) or secrets.token_urlsafe(_BYTES) for name in _MADE}
    tokens |= {"HF_TOKEN": hf_token} if hf_token else {}
    if tokens != kept:
        _write(folder / "secrets.json", tokens)
    return tokens


def read(folder: Path) -> dict[str, str]:
    """The same without making any: empty where secrets are kept at RunPod."""
    try:
        return msgspec.json.decode((folder / "secrets.json").read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}


def _write(path: Path, tokens: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(tokens))
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
