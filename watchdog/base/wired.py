"""What the driver of a rented cluster tells the app: where its pods are read. `<data_dir>/infra/<cluster>/app.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from watchdog.base.errors import ConfigError


class Wired(msgspec.Struct, frozen=True):
    """Settings that a cluster brings; they hold where nobody set others."""

    targets: list[str] = []
    targets_token: str = ""
    assistant_base_url: str = ""
    assistant_api_key: str = ""

    def __repr__(self) -> str:
        """Short: it holds tokens."""
        return f"Wired({len(self.targets)} targets)"


def wired_settings(folder: Path) -> dict[str, Any]:
    """Settings of all wired clusters in the folder of the driver's state; none where none is wired.

    Targets of several clusters are read together; token and model are the first one's.
    """
    found = [_read(path) for path in sorted(folder.glob("*/app.json"))]
    settings: dict[str, Any] = {"targets": ",".join(url for each in found for url in each.targets)}
    for name in ("targets_token", "assistant_base_url", "assistant_api_key"):
        settings[name] = next(filter(None, (getattr(each, name) for each in found)), "")
    return {name: value for name, value in settings.items() if value}


def _read(path: Path) -> Wired:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Wired)
    except FileNotFoundError:
        return Wired()
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", hint="`python -m infra.cluster wait` writes it anew."
        ) from (error)
