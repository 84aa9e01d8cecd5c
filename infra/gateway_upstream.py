"""What the gateway of docker/ is told of a cluster's model: where it is, and the token that the pod asks for.

Settings in nginx's own words, which are nothing but an address and a token: both are checked letter by letter.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_HOST = re.compile(r"[A-Za-z0-9.-]+")
_PATH = re.compile(r"[A-Za-z0-9._/-]*")
# What may stand behind "Bearer": RFC 6750, 2.1.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def obstacle(url: str, key: str) -> str:
    """Why the gateway cannot lead to a model at `url` with `key`, in words; empty where it can."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return "its address is no https, and the token would travel in the clear"
    if not _HOST.fullmatch(parts.hostname or "") or not _PATH.fullmatch(parts.path) or parts.query:
        return "its address is none that a gateway takes"
    if not key:
        return "its key is not known here: set WATCHDOG_ASSISTANT_API_KEY in .env, then `wait`"
    return "" if _TOKEN.fullmatch(key) else "its key holds characters that no bearer token has"


def upstream(cluster: str, url: str, key: str) -> str:
    """The file for nginx. `url` is the pod's gateway without `/v1`; call `obstacle` first."""
    parts = urlsplit(url)
    address = f"https://{parts.hostname}:{parts.port or 443}{parts.path.rstrip('/')}"
    lines = {"url": address, "host": parts.hostname, "authorization": f'"Bearer {key}"'}
    return f"# cluster {cluster}\n" + "".join(f"set $model_{name} {value};\n" for name, value in lines.items())
