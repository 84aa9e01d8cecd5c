"""What the URL says about the view: text, checked word by word, never trusted.

`?node=&gpu=&job=&incident=&window=&at=&since=&until=&refresh=`; what is absent has its default, what is wrong gets a
sentence and its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from watchdog.base.clock import floor_to
from watchdog.model.telemetry import Where, Window

WINDOWS: MappingProxyType[str, tuple[str, timedelta]] = MappingProxyType(
    {
        "5m": ("5 minutes", timedelta(minutes=5)),
        "15m": ("15 minutes", timedelta(minutes=15)),
        "1h": ("1 hour", timedelta(hours=1)),
        "3h": ("3 hours", timedelta(hours=3)),
        "6h": ("6 hours", timedelta(hours=6)),
        "12h": ("12 hours", timedelta(hours=12)),
        "24h": ("24 hours", timedelta(days=1)),
        "3d": ("3 days", timedelta(days=3)),
        "7d": ("7 days", timedelta(days=7)),
        "30d": ("30 days", timedelta(days=30)),
        "90d": ("90 days", timedelta(days=90)),
    }
)
REFRESHES: MappingProxyType[str, tuple[str, timedelta | None]] = MappingProxyType(
    {
        "off": ("off", None),
        "5s": ("5 s", timedelta(seconds=5)),
        "15s": ("15 s", timedelta(seconds=15)),
        "30s": ("30 s", timedelta(seconds=30)),
        "1m": ("1 min", timedelta(minutes=1)),
        "5m": ("5 min", timedelta(minutes=5)),
    }
)
DEFAULT_WINDOW, DEFAULT_REFRESH = "1h", "15s"
KEYS = ("node", "gpu", "job", "incident", "window", "at", "since", "until", "refresh")
# These go along to the next page; a node, a GPU, a job or an incident is a place of one page.
SHARED_KEYS = ("window", "at", "since", "until", "refresh")

_LONGEST_NAME = 253
_SHORTEST_RANGE, _LONGEST_RANGE = timedelta(minutes=1), timedelta(days=366)
_EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
_TICK = timedelta(seconds=5)


@dataclass(frozen=True)
class Address:
    """The view that a URL asks for; `problems` are sentences about what in it was wrong."""

    node: str = ""
    gpu: str = ""
    job: str = ""
    incident: str = ""
    window: str = DEFAULT_WINDOW
    refresh: str = DEFAULT_REFRESH
    at: datetime | None = None
    own_range: tuple[datetime, datetime] | None = None
    problems: tuple[str, ...] = field(default=())

    @property
    def is_live(self) -> bool:
        """Whether the view moves with the clock."""
        return self.at is None and self.own_range is None

    def view(self, now: datetime) -> View:
        """The instant and the span to show at `now`, rounded down so that visitors share what is cached."""
        if self.own_range is not None:
            return View(self.own_range[1], Window(*self.own_range), None, self)
        length = WINDOWS[self.window][1]
        at = self.at or floor_to(now, _TICK)
        until = self.at or floor_to(now, _grain(length))
        return View(at, Window(until - length, until), REFRESHES[self.refresh][1] if self.is_live else None, self)


@dataclass(frozen=True)
class View:
    """What is on screen: the instant `at`, the `window` of charts, and how often it is drawn again."""

    at: datetime
    window: Window
    refresh: timedelta | None
    address: Address

    @property
    def past(self) -> datetime | None:
        """The instant to rewind to; None for a view that moves with the clock."""
        return None if self.address.is_live else self.at

    @property
    def where(self) -> Where:
        """The picked node or GPU."""
        if self.address.gpu:
            return Where(gpus=(self.address.gpu,))
        return Where(nodes=(self.address.node,)) if self.address.node else Where()


def _grain(length: timedelta) -> timedelta:
    if length <= timedelta(hours=1):
        return timedelta(seconds=15)
    return timedelta(seconds=30 if length <= timedelta(hours=6) else 60)


def read_address(parameters: Mapping[str, str], now: datetime) -> Address:
    """Check every parameter on its own; a wrong one costs itself alone."""
    problems: list[str] = []
    at = _instant("at", parameters.get("at", ""), now, problems)
    return Address(
        node=_name("node", parameters.get("node", ""), problems),
        gpu=_name("gpu", parameters.get("gpu", ""), problems),
        job=_name("job", parameters.get("job", ""), problems),
        incident=_name("incident", parameters.get("incident", ""), problems),
        window=_choice("window", parameters.get("window", ""), WINDOWS, DEFAULT_WINDOW, problems),
        refresh=_choice("refresh", parameters.get("refresh", ""), REFRESHES, DEFAULT_REFRESH, problems),
        at=at,
        own_range=_range(parameters, now, problems),
        problems=tuple(problems),
    )


def _name(key: str, text: str, problems: list[str]) -> str:
    if len(text) <= _LONGEST_NAME and text.isprintable():
        return text
    problems.append(
        f"The address names a{'n' * (key == 'incident')} {key} that cannot be one ({len(text)} characters); all are shown."
    )
    return ""


def _choice(key: str, text: str, known: Mapping[str, object], default: str, problems: list[str]) -> str:
    if text in known or not text:
        return text or default
    problems.append(f"The address has {key}={text[:40]!r}; known are {', '.join(known)}. Shown: {default}.")
    return default


def _instant(key: str, text: str, now: datetime, problems: list[str]) -> datetime | None:
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        problems.append(f"The address has {key}={text[:40]!r}, not an instant like 2026-03-01T14:05:00Z; left out.")
        return None
    instant = read.replace(tzinfo=UTC) if read.tzinfo is None else read
    if not _EARLIEST <= instant <= now + timedelta(minutes=1):
        problems.append(f"The address has {key}={text[:40]}, which is not in the past; left out.")
        return None
    return instant.astimezone(UTC)


def _range(parameters: Mapping[str, str], now: datetime, problems: list[str]) -> tuple[datetime, datetime] | None:
    texts = parameters.get("since", ""), parameters.get("until", "")
    if not any(texts):
        return None
    since = _instant("since", texts[0], now, problems)
    until = _instant("until", texts[1], now, problems)
    if since is None or until is None:
        if all(texts):
            return None
        problems.append("A range needs both since and until; the window is shown instead.")
        return None
    if not _SHORTEST_RANGE <= until - since <= _LONGEST_RANGE:
        problems.append("A range must be from one minute to 366 days long; the window is shown instead.")
        return None
    return since, until


def instant_parameter(instant: datetime) -> str:
    """An instant as it stands in a URL."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
