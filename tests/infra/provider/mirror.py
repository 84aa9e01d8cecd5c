"""Puts the stand-in where Terraform finds it: `python -m tests.infra.provider.mirror` prints the variables to set."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
HOME = ROOT / "build" / "terraform-stand-in"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
VERSION = "2.0.0"


class UnavailableError(Exception):
    """The packages of the stand-in cannot be had here."""


def stand_in(home: Path = HOME) -> dict[str, str]:
    """Variables under which `terraform init` finds the stand-in and nothing else. Installs it on first use.

    Raises:
        UnavailableError: pip cannot get what tests/infra/provider/requirements.txt names.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(home)
        config = _mirror(home)
    return {
        "TF_CLI_CONFIG_FILE": str(config),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
    }


def _install(home: Path) -> None:
    """The packages, in a folder of their own, once for each list of them."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    done = home / "installed"
    if done.exists() and done.read_text() == digest:
        return
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(home / "packages")]
    ran = subprocess.run([*pip, "-r", str(REQUIREMENTS)], capture_output=True, text=True, check=False, timeout=180)
    if ran.returncode:
        raise UnavailableError(ran.stderr[-500:])
    done.write_text(digest)


def binary(home: Path) -> Path:
    """Where the mirror keeps what Terraform takes for the provider."""
    kind = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
    place = home / "mirror" / "registry.terraform.io" / "runpod" / "runpod" / VERSION / f"{sys.platform}_{kind}"
    return place / f"terraform-provider-runpod_v{VERSION}"


def _mirror(home: Path) -> Path:
    binary(home).parent.mkdir(parents=True, exist_ok=True)
    _write(binary(home), _script(home), 0o755)
    rule = f'provider_installation {{\n  filesystem_mirror {{\n    path = "{home / "mirror"}"\n  }}\n}}\n'
    return _write(home / "terraform.rc", rule, 0o644)


def _script(home: Path) -> str:
    """-S keeps the project's own packages out; tf keeps a certificate under HOME."""
    path = f"{home / 'packages'}:{ROOT}"
    words = ["env", f"PYTHONPATH={path}", f"HOME={home}", sys.executable, "-S", "-m", "tests.infra.provider"]
    return f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n'


def _write(path: Path, text: str, mode: int) -> Path:
    """Written only when it differs: Terraform may be running it."""
    if not path.exists() or path.read_text() != text:
        fresh = path.with_suffix(".new")
        fresh.write_text(text)
        fresh.chmod(mode)
        os.replace(fresh, path)
    return path


if __name__ == "__main__":
    for name, value in stand_in().items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
