"""What goes over the pipes: blocks of bytes with their length in front; JSON for words, Arrow for tables."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<Q")
_LARGEST = 2**32


def write_block(pipe: BinaryIO, data: bytes | memoryview) -> None:
    """One block."""
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)


def read_block(pipe: BinaryIO) -> bytes:
    """The next block; EOFError where the other side is gone."""
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    if length > _LARGEST:
        raise EOFError("a block with an impossible length")
    return _exactly(pipe, length)


def write_json(pipe: BinaryIO, value: object) -> None:
    """One block of JSON."""
    write_block(pipe, json.dumps(value).encode())


def read_json(pipe: BinaryIO) -> Any:  # noqa: ANN401 (JSON)
    """The next block, which is JSON."""
    return json.loads(read_block(pipe))


def write_blocks(pipe: BinaryIO, blocks: Iterable[bytes | memoryview]) -> None:
    """Several, and send them off."""
    for block in blocks:
        write_block(pipe, block)
    pipe.flush()


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    data = pipe.read(count)
    if len(data) < count:
        raise EOFError("the other side is gone")
    return data
