"""HTTP over a Unix socket, for requests: slurmrestd on the same machine."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool


class UnixAdapter(HTTPAdapter):
    """Sends every request to one socket, whatever host its URL names."""

    def __init__(self, path: str) -> None:
        self._path = path
        super().__init__()

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,  # noqa: ANN401 (requests' own type)
    ) -> HTTPConnectionPool:
        """The connections to the socket; there is no TLS on it."""
        return _Pool(self._path)


class _Pool(HTTPConnectionPool):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def _new_conn(self) -> HTTPConnection:
        return _Connection(self._path, timeout=self.timeout.connect_timeout)


class _Connection(HTTPConnection):
    def __init__(self, path: str, timeout: Any) -> None:  # noqa: ANN401 (urllib3's own type)
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if isinstance(self.timeout, (int, float)):
            sock.settimeout(self.timeout)
        try:
            sock.connect(self._path)
        except OSError:
            sock.close()
            raise
        self.sock = sock
