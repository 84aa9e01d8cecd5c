"""`python -m pod.serve_model PROFILE CACHE`: fetch what vLLM needs besides the weights, then become vLLM.

Runs with the Python of vLLM's own environment. The API key and Hugging Face's token are in the environment, where
vLLM reads them; they are in no command line.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from pod.profiles import Plugin, Profile, read_profiles

PORT = 8000


def command(profile: Profile, vllm: str, plugin: Path | None) -> list[str]:
    """The command line of vLLM. It listens on loopback, the gateway is the only way to it."""
    argv = [vllm, "serve", profile.model, "--revision", profile.revision, "--host", "127.0.0.1", "--port", str(PORT)]
    if plugin is not None:
        argv += ["--reasoning-parser-plugin", str(plugin)]
    return [*argv, *profile.args]


def fetch(plugin: Plugin, folder: Path) -> Path:
    """Download a file beside the weights, once."""
    hub = importlib.import_module("huggingface_hub")
    return Path(hub.hf_hub_download(plugin.repository, plugin.file, revision=plugin.revision, cache_dir=str(folder)))


def main() -> None:
    """Replace this process by vLLM."""
    name, cache = sys.argv[1:3]
    profile = read_profiles()[name]
    plugin = fetch(profile.plugin, Path(cache)) if profile.plugin else None
    argv = command(profile, str(Path(sys.executable).with_name("vllm")), plugin)
    os.execv(argv[0], argv)  # noqa: S606 (a program of the image)


if __name__ == "__main__":
    main()
