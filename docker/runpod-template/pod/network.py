"""The pod's address in RunPod's global network, which comes some time after the container has started."""

from __future__ import annotations

import fcntl
import socket
import struct
import threading
import time
from collections.abc import Callable

_SIOCGIFADDR = 0x8915  # linux/sockios.h
_POLL_SECONDS = 0.25


class NoAddressError(Exception):
    """The interface got no address in time."""


def interface_address(name: str) -> str | None:
    """IPv4 address of an interface; None while it has none or does not exist."""
    request = struct.pack("256s", name.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])


def wait_for_address(
    name: str, seconds: float, *, stopped: Callable[[float], bool], say: Callable[[str], None]
) -> str | None:
    """The address of an interface, once it has one.

    Args:
        name: of the interface.
        seconds: how long to wait.
        stopped: waits so many seconds; True when the pod is to stop, which ends the wait with None.
        say: takes a line for the log.

    Raises:
        NoAddressError: it did not come. Such a pod's network is dead: return the pod and rent another.
    """
    began = time.monotonic()
    while (address := interface_address(name)) is None:
        if time.monotonic() - began > seconds:
            raise NoAddressError(f"{name} got no address within {seconds:g} s; return this pod and rent another")
        if time.monotonic() - began < _POLL_SECONDS:
            say(f"waiting for an address on {name}")
        if stopped(_POLL_SECONDS):
            return None
    say(f"{name} has address {address} after {time.monotonic() - began:.1f} s")
    return address


def answers(host: str, port: int, seconds: float = 0.5) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), seconds):
            return True
    except OSError:
        return False


class Reachable:
    """Whether something accepts connections at a name and port, asked without ever waiting.

    Name servers may take many seconds to say no, so a thread asks. A yes is told once; the next call asks anew.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._asking: threading.Thread | None = None
        self._up = False

    def __call__(self) -> bool:
        """The last answer; the question goes on in the background."""
        if self._asking is not None and self._asking.is_alive():
            return False
        told, self._up = self._up, False
        if not told:
            self._asking = threading.Thread(target=self._ask, daemon=True)
            self._asking.start()
        return told

    def _ask(self) -> None:
        self._up = answers(self._host, self._port)


def resolves_to(name: str, address: str) -> bool:
    """Whether a host name means this IPv4 address."""
    try:
        return address in {info[4][0] for info in socket.getaddrinfo(name, None, socket.AF_INET)}
    except OSError:
        return False
