"""Tells Prometheus, the app and the gateway where the pods of a cluster are: files that they read, none edited by hand.

Written after renting, written anew without the pods after returning. Tokens stand in files that only their owner may
read; addresses hold none.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from infra.gateway_upstream import obstacle, upstream
from infra.ownership import head_name
from infra.pod_gateway import gateway_token, gateway_url, model_key
from infra.settings import Settings
from infra.wire import Pod
from watchdog.base.errors import InfraError
from watchdog.base.wired import Wired

_KINDS = ("gpu", "slurm", "vllm")


def rewire(settings: Settings, cluster: str, pods: Sequence[Pod]) -> str:
    """Make all files say what these pods of a cluster are; gives what was done, in words.

    Raises:
        InfraError: a file cannot be written.
    """
    hidden = ""
    try:
        _tell_app(settings, cluster, pods)
        if settings.services is not None:
            _tell_prometheus(settings, settings.services / "prometheus", cluster, pods)
            _tell_services(settings, settings.services / ".secrets" / "cluster.env", cluster, pods)
            hidden = _tell_gateway(settings, settings.services / ".secrets", cluster, pods)
    except OSError as error:
        raise InfraError(
            f"cannot write {error.filename}: {error.strerror}", hint="The pods are not wired to the app."
        ) from error
    if pods and not gateway_token(settings, cluster):
        return "The pods are wired, but their token is not known here: set WATCHDOG_TARGETS_TOKEN in .env, then `wait`."
    said = f"Wired {len(pods)} pods to the app and to Prometheus."
    return f"{said} The gateway does not lead to the model: {hidden}." if hidden else said


def paths(cluster: str, pod: Pod) -> dict[str, str]:
    """The metrics paths of a pod's gateway, by kind: every pod has GPUs, the head Slurm and perhaps a model."""
    found = {"gpu": "/metrics/gpu"}
    if pod.name == head_name(cluster):
        found |= {"slurm": "/metrics/slurm"}
        found |= {"vllm": "/metrics/vllm"} if pod.env.get("WATCHDOG_MODEL_PROFILE") else {}
    return found


def wired(settings: Settings, cluster: str, pods: Sequence[Pod]) -> Wired:
    """What the app is to read, in its own words."""
    urls = [
        f"{gateway_url(settings, pod)}{paths(cluster, pod)[kind]}"
        for pod in pods
        for kind in ("gpu", "slurm")
        if kind in paths(cluster, pod)
    ]
    head = _with_model(cluster, pods)
    return Wired(
        targets=urls,
        targets_token=gateway_token(settings, cluster),
        assistant_base_url=f"{gateway_url(settings, head)}/v1" if head else "",
        assistant_api_key=model_key(settings, cluster) if head else "",
    )


def file_sd(settings: Settings, cluster: str, pods: Sequence[Pod], kind: str) -> list[dict[str, object]]:
    """Targets of one kind in the form of Prometheus' file_sd."""
    found: list[dict[str, object]] = []
    for pod in pods:
        path = paths(cluster, pod).get(kind)
        if path is None:
            continue
        url = urlsplit(gateway_url(settings, pod))
        port = url.port or (443 if url.scheme == "https" else 80)
        labels = {"__scheme__": url.scheme, "__metrics_path__": f"{url.path}{path}", "instance": pod.name}
        found.append({"targets": [f"{url.hostname}:{port}"], "labels": {**labels, "cluster": cluster}})
    return found


def _with_model(cluster: str, pods: Sequence[Pod]) -> Pod | None:
    return next((pod for pod in pods if "vllm" in paths(cluster, pod)), None)


def _tell_app(settings: Settings, cluster: str, pods: Sequence[Pod]) -> None:
    file = settings.state / cluster / "app.json"
    if pods:
        _write_secret(file, msgspec.json.encode(wired(settings, cluster, pods)))
    else:
        file.unlink(missing_ok=True)


def _tell_prometheus(settings: Settings, folder: Path, cluster: str, pods: Sequence[Pod]) -> None:
    token = folder / "secrets" / "exporters-token"
    known = gateway_token(settings, cluster)
    if pods and known:
        _write_secret(token, known.encode())
    for kind in _KINDS:
        file = folder / "targets" / kind / f"cluster-{cluster}.json"
        found = file_sd(settings, cluster, pods, kind)
        if found:
            _write_public(file, msgspec.json.format(msgspec.json.encode(found), indent=1))
        else:
            file.unlink(missing_ok=True)
    if not pods and known and token.exists() and token.read_text() == known:
        _write_secret(token, b"")


def _tell_services(settings: Settings, file: Path, cluster: str, pods: Sequence[Pod]) -> None:
    """The model's address for the app in Docker, which starts with these variables."""
    found = wired(settings, cluster, pods)
    if found.assistant_base_url:
        lines = {"ASSISTANT_BASE_URL": found.assistant_base_url, "ASSISTANT_API_KEY": found.assistant_api_key}
        text = "".join(f"WATCHDOG_{name}={value}\n" for name, value in lines.items())
        _write_secret(file, f"# cluster {cluster}\n{text}".encode())
    else:
        _forget(file, cluster)


def _tell_gateway(settings: Settings, secrets: Path, cluster: str, pods: Sequence[Pod]) -> str:
    """Where the model is, and its token; why it was not told of a model that there is, in words."""
    file, head = secrets / "model" / "upstream.conf", _with_model(cluster, pods)
    url = gateway_url(settings, head) if head else ""
    key = model_key(settings, cluster)
    why = obstacle(url, key) if head else ""
    if head is None or why:
        _forget(file, cluster)
        return why
    # The gateway's user reads the file; nobody else of this machine gets into the folder above.
    secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    secrets.chmod(0o700)
    file.parent.mkdir(exist_ok=True)
    file.parent.chmod(0o755)
    _write_public(file, upstream(cluster, url, key).encode())
    return ""


def _forget(file: Path, cluster: str) -> None:
    """Take a file away that was written for this cluster."""
    if file.exists() and file.read_text().startswith(f"# cluster {cluster}\n"):
        file.unlink()


def _write_public(path: Path, data: bytes) -> None:
    """Whole or not at all: Prometheus reads it at any moment, as another user."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_bytes(data)
    new.chmod(0o644)
    os.replace(new, path)


def _write_secret(path: Path, data: bytes) -> None:
    """Only its owner may read it; where somebody opened it to a service already, it stays so."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
