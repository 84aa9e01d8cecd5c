"""What a kill or a power cut in the midst of a checkpoint would break, kept aside until the checkpoint is through.

DuckDB writes data to free blocks and then turns to them by one small header, so a checkpoint that ends in its midst
leaves the state before it. Blocks of its metadata it writes again in place: ended in the midst of one, the file cannot
be opened any more. Seen with 1.5.6 and 2.0.0.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np

# DuckDB's file format: a header, two headers of databases of which the newer counts, then blocks with their checksums.
HEADERS_BYTES, BLOCK_BYTES = 3 * 4096, 1 << 18
_FACTOR, _SEED = np.uint64(0xBF58476D1CE4E5B9), 5381


class _Kept(msgspec.Struct):
    """Blocks by their numbers, and the headers of the state to which they belong."""

    headers: bytes
    blocks: dict[int, bytes]


def keep(path: Path, numbers: Iterable[int]) -> None:
    """Write the blocks of an open database aside, to the disk; OSError where that fails.

    Where the database's handle cannot be found (no /proc), nothing is kept: to open the file anew and to close it would
    take DuckDB's lock from it (POSIX).
    """
    handle = _handle(path)
    if handle is None:
        return
    blocks = {number: os.pread(handle, BLOCK_BYTES, _place(number)) for number in numbers}
    sound = {number: block for number, block in blocks.items() if is_sound(block)}
    body = msgspec.msgpack.encode(_Kept(os.pread(handle, HEADERS_BYTES, 0), sound))
    aside = _aside(path)
    fresh = aside.with_name(f"{aside.name}.new")
    try:
        with fresh.open("wb") as file:
            file.write(zlib.crc32(body).to_bytes(4, "little") + body)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    fresh.replace(aside)


def forget(path: Path) -> None:
    """The checkpoint is through."""
    _aside(path).unlink(missing_ok=True)


def mend(path: Path) -> tuple[int, ...]:
    """Put back the blocks that a checkpoint left half written in a database that nobody has open; their numbers.

    A block is put back only into the state that it was kept from, and only where what is there is broken.
    """
    kept = _read(_aside(path))
    if kept is None or not path.exists() or _handle(path) is not None:
        return ()
    with path.open("r+b", buffering=0) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return ()  # open in another process, which may be writing just now
        return _mended(file.fileno(), kept)


def _mended(handle: int, kept: _Kept) -> tuple[int, ...]:
    if os.pread(handle, HEADERS_BYTES, 0) != kept.headers:
        return ()
    broken = [number for number in kept.blocks if not is_sound(os.pread(handle, BLOCK_BYTES, _place(number)))]
    for number in broken:
        os.pwrite(handle, kept.blocks[number], _place(number))
    os.fsync(handle)
    return tuple(broken)


def is_sound(block: bytes) -> bool:
    """Whether a block is whole and its checksum holds, as DuckDB computes it."""
    if len(block) != BLOCK_BYTES:
        return False
    words = np.frombuffer(block, dtype="<u8")
    return int(np.bitwise_xor.reduce(words[1:] * _FACTOR)) ^ _SEED == int(words[0])


def _place(number: int) -> int:
    return HEADERS_BYTES + number * BLOCK_BYTES


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.blocks")


def _read(aside: Path) -> _Kept | None:
    try:
        body = aside.read_bytes()
        whole = zlib.crc32(body[4:]).to_bytes(4, "little") == body[:4]
        return msgspec.msgpack.decode(body[4:], type=_Kept) if whole else None
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _handle(path: Path) -> int | None:
    """The number of the handle by which this process has the file open."""
    try:
        found = os.stat(path)
        handles = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return None
    return next((handle for handle in handles if _is_of(handle, found)), None)


def _is_of(handle: int, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), found)
    except OSError:
        return False
