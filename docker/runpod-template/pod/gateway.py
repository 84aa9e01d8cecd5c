"""Configuration of the pod's nginx: what is allowed in, with which token."""

from __future__ import annotations

import re
from pathlib import Path

from pod.settings import Settings

RUN = Path("/run/watchdog/gateway")
CONF = RUN / "nginx.conf"
_HOME = Path(__file__).resolve().parent.parent


def gateway_conf(settings: Settings, run: Path = RUN, home: Path = _HOME) -> str:
    """nginx.conf of this pod. A worker has only its GPUs' metrics and its deadline to show."""
    head = (home / "gateway-head.conf.template").read_text(encoding="utf-8") if settings.role == "head" else ""
    filled = {
        "HEAD_LOCATIONS": head.rstrip("\n"),
        "MODEL_TOKEN_LINE": f'"~^Bearer {_escaped(settings.vllm_api_key)}$" 1;' if settings.vllm_api_key else "",
        "METRICS_TOKEN": _escaped(settings.gateway_token),
        "PORT": str(settings.gateway_port),
        "RUN": str(run),
    }
    text = (home / "gateway.conf.template").read_text(encoding="utf-8")
    for name, value in filled.items():
        text = text.replace(f"@{name}@", value)
    return text


def _escaped(token: str) -> str:
    # Letters, digits and . _ ~ + / = - are all that a token may have, so no quote or $ can occur.
    return re.sub(r"([.+])", r"\\\1", token)
