"""What RunPod refuses in the body of a request."""

from __future__ import annotations

from typing import Any

from tests.infra.fake_runpod.problem import ProblemError

CONTAINER = {"args": str, "disk": int, "env": dict, "image": str, "ports": list, "registry": (str, type(None))}
UPDATE = CONTAINER | {"globalNetworking": bool, "locked": bool, "mounts": dict, "name": str, "templateId": str}
CREATE = CONTAINER | {
    "name": str,
    "cloud": str,
    "cpu": dict,
    "dataCenterIds": list,
    "globalNetworking": bool,
    "gpu": dict,
    "mounts": dict,
    "startJupyter": bool,
    "startSsh": bool,
    "templateId": str,
}
MOST_VARIABLES = 50
MOST_HTTP_PORTS = 10


def check_create(body: Any) -> None:
    _shape(body, CREATE)
    errors = [] if body.get("name") else ["name: is required"]
    if not (body.get("image") or body.get("templateId")):
        errors.append("image: is required")
    if body.get("cloud", "SECURE") not in ("SECURE", "COMMUNITY"):
        errors.append("cloud: must be one of SECURE, COMMUNITY")
    if "gpu" in body:
        errors += _gpu(body["gpu"])
    _refuse(errors + _contents(body))
    if ("gpu" in body) == ("cpu" in body):
        raise ProblemError(400, "exactly one of gpu or cpu must be set")
    if "cpu" in body:
        raise ProblemError(400, "the fake lets no CPU pods")


def check_update(body: Any) -> None:
    _shape(body, UPDATE)
    _refuse(_contents(body))


def check_action(body: Any) -> str:
    _shape(body, {"action": str})
    if body.get("action") not in ("start", "stop", "restart", "terminate"):
        _refuse(["action: must be one of start, stop, restart, terminate"])
    return body["action"]


def _gpu(gpu: dict[str, Any]) -> list[str]:
    unknown = gpu.keys() - {"id", "count", "allowedCudaVersions", "minCudaVersion"}
    errors = [f"gpu.{key}: unknown property" for key in sorted(unknown)]
    if not isinstance(gpu.get("id"), str):
        errors.append("gpu.id: is required")
    if not _whole(gpu.get("count", 1)) or gpu.get("count", 1) < 1:
        errors.append("gpu.count: must be at least 1")
    return errors


def _contents(body: dict[str, Any]) -> list[str]:
    env, ports = body.get("env", {}), body.get("ports", [])
    errors = [f"env.{key}: must be a string" for key, value in env.items() if not isinstance(value, str)]
    if len(env) > MOST_VARIABLES:
        errors.append(f"env: at most {MOST_VARIABLES} variables")
    errors += [f"ports: {port!r} is not port/protocol" for port in ports if not _port(port)]
    if sum(str(port).endswith("/http") for port in ports) > MOST_HTTP_PORTS:
        errors.append(f"ports: at most {MOST_HTTP_PORTS} http ports")
    volume = body.get("mounts", {}).get("persistent")
    if volume and not (_whole(volume.get("size")) and volume["size"] >= 10 and volume.get("path")):
        errors.append("mounts.persistent: needs a path and a size of at least 10")
    if body.get("disk", 1) < 1:
        errors.append("disk: must be at least 1")
    return errors


def _port(port: Any) -> bool:
    number, _, kind = str(port).partition("/")
    return number.isdigit() and kind in ("http", "tcp")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _shape(body: Any, known: dict[str, Any]) -> None:
    if not isinstance(body, dict):
        _refuse(["body: must be an object"])
    errors = [f"{key}: unknown property" for key in sorted(body.keys() - known.keys())]
    for key, kind in known.items():
        wrong = key in body and (not isinstance(body[key], kind) or (kind is int and not _whole(body[key])))
        errors += [f"{key}: has the wrong type"] if wrong else []
    _refuse(errors)


def _refuse(errors: list[str]) -> None:
    if errors:
        raise ProblemError(422, "Request validation failed.", errors)
