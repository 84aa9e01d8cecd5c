"""The munge key of a cluster, derived from its secret: every pod makes the same one, no image or state holds it."""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
from pathlib import Path

# munge takes 32 to 1024 bytes.
MUNGE_KEY_BYTES = 128
_INFO = b"gpu-watchdog munge key v1"


def hkdf_sha256(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF with SHA-256 (RFC 5869): `length` bytes, at most 8160."""
    size = hashlib.sha256().digest_size
    if not 0 < length <= 255 * size:
        raise ValueError(f"HKDF-SHA256 makes 1 to {255 * size} bytes, not {length}")
    key = hmac.digest(salt or bytes(size), secret, "sha256")
    blocks, block = [], b""
    for number in range(1, -(-length // size) + 1):
        block = hmac.digest(key, block + info + bytes([number]), "sha256")
        blocks.append(block)
    return b"".join(blocks)[:length]


def munge_key(secret: str, cluster: str) -> bytes:
    """The key of this cluster."""
    return hkdf_sha256(secret.encode(), cluster.encode(), _INFO, MUNGE_KEY_BYTES)


def write_private(path: Path, content: bytes, owner: str) -> None:
    """Replace a file that nobody but its owner may read (0400)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as file:
        file.write(content)
    shutil.chown(fresh, owner, owner)
    fresh.replace(path)
