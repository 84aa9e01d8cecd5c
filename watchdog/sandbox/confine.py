"""Rights that a worker gives up for good, as far as the kernel lets an ordinary user do so.

Two steps, both while the process has one thread. `leave_network` first: namespaces cannot be changed later. Then, with
everything imported, `read_only(folder)`: from there on no file outside `folder` can be opened, none can be written or
made, no socket connected, and no process outside signalled (Landlock, Linux 5.13 and newer). What the kernel refuses is
named by the returned words, never passed over in silence; the limits of `limit` hold everywhere.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from contextlib import suppress

_NEW_USER, _NEW_NET, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_SET_DUMPABLE, _NO_NEW_PRIVS = 4, 38
# Of every architecture, as Linux numbers system calls since 5.0.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# Rights on files that each version of Landlock knows: 13 at first, then refer, truncate and ioctl.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_NET_BIND_CONNECT = 0b11
_SCOPED_SOCKETS_AND_SIGNALS = 0b11
# DuckDB ends the process at its start where it cannot read how much of the machine it may use.
_OF_THE_MACHINE = ("/proc/self/cgroup", "/sys/fs/cgroup")
_PROCESSES = 64
_OPEN_FILES = 4096
_MOST_MAPPED = 512 * 2**20

_libc = ctypes.CDLL(None, use_errno=True)


def leave_network() -> str:
    """Move to a network without interfaces; says why where that cannot be had."""
    for flags in (_NEW_USER | _NEW_NET | _NEW_IPC, _NEW_NET):
        if _libc.unshare(flags) == 0:
            return ""
    return f"no network of its own: {os.strerror(ctypes.get_errno())}"


def read_only(folder: str) -> str:
    """Open nothing but what is in `folder`, to read; says why where that cannot be had."""
    global _mapped_before  # noqa: PLW0603 (of this process)
    _mapped_before = _mapped_bytes()
    _libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    version = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    if version < 1:
        return f"no Landlock: {os.strerror(ctypes.get_errno())}"
    ruleset = _ruleset(version)
    for place in (folder, *_OF_THE_MACHINE):
        _allow(ruleset, place)
    done = _libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0))
    os.close(ruleset)
    return "" if done == 0 else f"no Landlock: {os.strerror(ctypes.get_errno())}"


def _ruleset(version: int) -> int:
    files = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    attributes = struct.pack("<QQQ", files, _NET_BIND_CONNECT, _SCOPED_SOCKETS_AND_SIGNALS)
    known = 24 if version >= 6 else 16 if version >= 4 else 8
    return int(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(known), ctypes.c_uint32(0)))


def _allow(ruleset: int, path: str) -> None:
    rights = _READ_FILE | _READ_DIR if os.path.isdir(path) else _READ_FILE
    with suppress(OSError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("<Qi", rights, place)
        _libc.syscall(_ADD_RULE, ruleset, ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0))
        os.close(place)


def limit(seconds: float, memory_bytes: int, threads: int) -> None:
    """Bound the processor time, addresses, files and processes that this process may use from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _bound(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds * threads) + 2, last=1)
    _bound(resource.RLIMIT_AS, (_mapped_before or _mapped_bytes()) + memory_bytes + _MOST_MAPPED)
    _bound(resource.RLIMIT_FSIZE, 0)
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _bound(resource.RLIMIT_NPROC, _PROCESSES)


def _bound(what: int, value: int, last: int = 0) -> None:
    """A limit for good; beyond `last` more, the kernel ends the process without a word."""
    _, most = resource.getrlimit(what)
    hard = value + last if most == resource.RLIM_INFINITY else min(value + last, most)
    resource.setrlimit(what, (min(value, hard), hard))


def _mapped_bytes() -> int:
    """Addresses in use."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


# Of the libraries; /proc can be read only before `read_only`.
_mapped_before = 0
