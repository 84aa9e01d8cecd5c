"""Where the key comes from, and where the driver keeps what it knows.

`RUNPOD_API_KEY` and `HF_TOKEN` come from the environment or `.env`, never from an argument or a file of settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra import runpod
from watchdog.base.config import dotenv
from watchdog.base.errors import ConfigError

_NAMES = (
    "RUNPOD_API_KEY",
    "HF_TOKEN",
    "RUNPOD_API_BASE_URL",
    "RUNPOD_GRAPHQL_URL",
    "RUNPOD_IMAGE",
    "RUNPOD_PROXY_URL",
    "WATCHDOG_DATA_DIR",
    "WATCHDOG_TARGETS_TOKEN",
    "WATCHDOG_ASSISTANT_API_KEY",
)
_SERVICES = Path(__file__).parent.parent / "docker"


@dataclass(frozen=True)
class Settings:
    """Credentials, addresses and the folder of state; secrets never show.

    Attributes:
        api, graphql: base addresses; RUNPOD_API_BASE_URL means the same to Terraform's provider.
        image: of docker/runpod-template, as it was pushed to a registry.
        state: folder of the journal, the lock and Terraform's state.
        terraform_env: more environment for terraform, such as TF_CLI_CONFIG_FILE of a mirror.
        direct: carry plans out by RunPod's API alone; for dry runs and tests.
        proxy: where the gateway of a pod is reached, with `{pod}` and `{port}`.
        gateway_token, model_key: what the pods' gateways ask for, where the secrets are kept at RunPod.
        services: folder of the services' configuration, which is told of the pods; None: none is.
        record: the journal of a driver that works elsewhere: it is read, and nothing is done; None: the driver works here.
    """

    key: str = field(default="", repr=False)
    hf_token: str = field(default="", repr=False)
    api: str = runpod.API
    graphql: str = runpod.GRAPHQL
    state: Path = Path("data/infra")
    terraform_env: dict[str, str] = field(default_factory=dict)
    image: str = ""
    direct: bool = False
    proxy: str = runpod.PROXY
    gateway_token: str = field(default="", repr=False)
    model_key: str = field(default="", repr=False)
    services: Path | None = None
    record: Path | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be printed."""
        return tuple(filter(None, (self.key, self.hf_token, self.gateway_token, self.model_key)))

    def scrubbed(self, text: str) -> str:
        """`text` without any secret."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def load_settings(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Read them; no key is fine, a key that cannot be one is a ConfigError."""
    env = dict(os.environ if environ is None else environ)
    from_file = dotenv((folder or Path()) / ".env")
    found = {name: (env.get(name) or from_file.get(name) or "").strip() for name in _NAMES}
    key = found["RUNPOD_API_KEY"]
    if key and (not key.isascii() or not key.isprintable() or " " in key):
        raise ConfigError("RUNPOD_API_KEY holds characters that no key has", hint="Copy it again, on one line.")
    return Settings(
        key=key,
        hf_token=found["HF_TOKEN"],
        api=found["RUNPOD_API_BASE_URL"] or runpod.API,
        graphql=found["RUNPOD_GRAPHQL_URL"] or runpod.GRAPHQL,
        image=found["RUNPOD_IMAGE"],
        state=Path(found["WATCHDOG_DATA_DIR"] or "data") / "infra",
        proxy=found["RUNPOD_PROXY_URL"] or runpod.PROXY,
        gateway_token=found["WATCHDOG_TARGETS_TOKEN"],
        model_key=found["WATCHDOG_ASSISTANT_API_KEY"],
        services=_SERVICES if _SERVICES.is_dir() else None,
    )
