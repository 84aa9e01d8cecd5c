"""The door of a pod: where it is, and how a later deadline is told through it."""

from __future__ import annotations

from datetime import datetime

import msgspec
import requests
import urllib3

from infra import tokens
from infra.errors import ForbiddenError, UnavailableError
from infra.settings import Settings
from infra.wire import Pod
from watchdog.base.errors import ConfigError

_PORT = "8080"
_SECONDS = 20.0


def gateway_url(settings: Settings, pod: Pod) -> str:
    """Address of a pod's gateway behind RunPod's proxy, without a trailing slash."""
    port = pod.env.get("WATCHDOG_GATEWAY_PORT", _PORT)
    return settings.proxy.format(pod=pod.id, port=port if port.isdigit() else _PORT)


def gateway_token(settings: Settings, cluster: str) -> str:
    """The bearer token of the metrics paths and of /deadline; '' where it is not known here."""
    kept = tokens.read(settings.state / cluster)
    return kept.get("WATCHDOG_GATEWAY_TOKEN", "") or settings.gateway_token


def model_key(settings: Settings, cluster: str) -> str:
    """The bearer token of /v1; '' where it is not known here."""
    return tokens.read(settings.state / cluster).get("WATCHDOG_VLLM_API_KEY", "") or settings.model_key


def put_deadline(settings: Settings, cluster: str, pod: Pod, until: datetime) -> None:
    """Tell a pod to stay until then.

    Raises:
        ConfigError: the token is not known here.
        ForbiddenError: the pod does not take it; UnavailableError: no answer, or the pod keeps an earlier deadline.
    """
    token = gateway_token(settings, cluster)
    if not token:
        raise ConfigError(
            f"the gateway's token of cluster {cluster} is not known here",
            hint="Set WATCHDOG_TARGETS_TOKEN in .env to the secret that the pods were given.",
        )
    wanted = int(until.timestamp())
    answer = _put(f"{gateway_url(settings, pod)}/deadline", token, str(wanted), pod)
    try:
        holds = msgspec.json.decode(answer, type=dict[str, float | None]).get("deadline")
    except (msgspec.DecodeError, msgspec.ValidationError):
        holds = None
    if holds is None or holds < wanted:
        raise UnavailableError(f"{pod.name} keeps another deadline", hint="See the log of the pod.")


def _put(url: str, token: str, body: str, pod: Pod) -> bytes:
    session = requests.Session()
    # No proxy and no ~/.netrc of this machine gets to see the token.
    session.trust_env = False
    try:
        with session:
            answer = session.put(
                url,
                data=body,
                headers={"Authorization": f"Bearer {token}"},
                timeout=_SECONDS,
                allow_redirects=False,
            )
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise UnavailableError(
            f"{pod.name} was not reached ({type(error).__name__})",
            hint="It stops itself at its old deadline; try again.",
        ) from None
    if answer.status_code in (401, 403):
        raise ForbiddenError(f"{pod.name} does not take our token", hint="See WATCHDOG_TARGETS_TOKEN in .env.")
    if answer.status_code != 200:
        raise UnavailableError(
            f"{pod.name} answered {answer.status_code}", hint="It stops itself at its old deadline; try again."
        )
    return answer.content
