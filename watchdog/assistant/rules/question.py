"""What a question is about: entities that exist in the data, numbers, and the time that it speaks of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchdog.assistant.desk import Desk
from watchdog.assistant.records import About
from watchdog.base.errors import StoreError, ToolError

LONGEST = 2_000
_WORD = re.compile(r"[^\s,;?!\"'()<>`]+")
_JOB = re.compile(r"\bjobs?\s*(?:id|number|no\.?)?\s*[#:]?\s*(\d[\w\[\]+%.-]*)", re.IGNORECASE)
_NODE = re.compile(
    r"\b(?:node|host|machine|server)s?\s+(?:called\s+|named\s+)?([A-Za-z][\w.-]*\d[\w.-]*)", re.IGNORECASE
)
_PLACE = re.compile(r"\bgpu\s*#?\s*(\d{1,2})\s+(?:on|of|in|at)\s+(?:node\s+)?([\w.-]+)", re.IGNORECASE)
_PLACE_BACK = re.compile(r"\b([\w.-]+)[,:]?\s+gpu\s*#?\s*(\d{1,2})\b", re.IGNORECASE)
_UUID = re.compile(r"\bGPU-[0-9a-fA-F-]{6,}")
_XID = re.compile(r"\bxids?\b\D{0,12}(\d{1,5})", re.IGNORECASE)
_GPUS = re.compile(
    r"\b(\d{1,6}|an?|one|two|three|four|five|six|seven|eight|sixteen)[\s-]*(?:free\s+|idle\s+)?gpus?\b", re.IGNORECASE
)
_NODES = re.compile(r"\b(\d{1,5}|two|three|four|eight)[\s-]*(?:nodes?|machines?|servers?)\b", re.IGNORECASE)
_USER = re.compile(r"\b(?:user|by|of|does|is|for)\s+([a-z_][\w.-]*)", re.IGNORECASE)
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "sixteen": 16}  # fmt: skip
_SPAN = re.compile(
    r"\b(?:last|past|previous|recent|within|in|over)\s+(?:the\s+)?(?:last\s+|past\s+)?(\d+(?:\.\d+)?|an?|few|couple\s+of)?\s*"
    r"(minute|min|hour|h|day|d|week|month)s?\b",
    re.IGNORECASE,
)
_AGO = re.compile(r"\b(\d+(?:\.\d+)?|an?)\s*(minute|min|hour|h|day|week)s?\s+ago\b", re.IGNORECASE)
_AT = re.compile(r"\b(?:at|around)\s+(\d{1,2}):(\d{2})\b", re.IGNORECASE)
_SINCE = re.compile(r"\bsince\s+(\d{1,2}):(\d{2})\b", re.IGNORECASE)
_DATE = re.compile(r"\b(20\d\d-\d\d-\d\d)(?:[T ](\d{2}:\d{2})(?::\d{2})?)?(?:Z|\s*UTC)?\b")
_HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}
_MONTH = 720.0


@dataclass(frozen=True)
class Question:
    """What was asked.

    Attributes:
        text: on one line, in small letters.
        at: the past instant that it speaks of; None for the desk's own.
        hours: the span that it speaks of; None where it names none.
        job, node, gpu, user, partition: named in it, or what was looked at; `job` and `node` may be unknown to the data.
        gpus, nodes: numbers of a request; None where none is named.
    """

    text: str
    at: datetime | None = None
    hours: float | None = None
    job: str = ""
    node: str = ""
    gpu: str = ""
    user: str = ""
    partition: str = ""
    incident: str = ""
    xid: int | None = None
    gpus: int | None = None
    nodes: int | None = None


def read_question(text: str, desk: Desk, about: About) -> Question:
    """Find in the text what the data knows; what `about` names counts where the text names nothing of its kind."""
    line = " ".join(text.split())[:LONGEST]
    at, hours = _time(line.lower(), desk)
    names = _Names.of(desk)
    job, (gpu, node) = _job(line, names), _gpu(line, desk)
    node = node or _node(line, names)
    if not (job or gpu or node):
        job, gpu, node = about.job, about.gpu, about.node
    xid = _XID.search(line)
    return Question(
        text=line.lower(),
        at=at,
        hours=hours,
        job=job,
        node=node,
        gpu=gpu,
        user=_named(line, names.users),
        partition=_named(line, names.partitions),
        incident=about.incident,
        xid=int(xid[1]) if xid else None,
        gpus=_count(_GPUS.search(line)),
        nodes=_count(_NODES.search(line)),
    )


@dataclass(frozen=True)
class _Names:
    jobs: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    partitions: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, desk: Desk) -> _Names:
        nodes = frozenset(desk.gpus()["node"].astype(str))
        try:
            view = desk.view()
        except (ToolError, StoreError):
            return cls(nodes=nodes)
        jobs = desk.known().view.jobs
        users = {*view.jobs["user"].astype(str), *jobs["user"].astype(str), *_past_users(desk)}
        return cls(
            jobs=frozenset({*view.jobs["job_id"].astype(str), *jobs["job_id"].astype(str)}),
            users=frozenset(users),
            partitions=frozenset(view.partitions["partition"].astype(str)),
            nodes=nodes | frozenset(view.nodes["node"].astype(str)),
        )


def _past_users(desk: Desk) -> set[str]:
    jobs, _ = desk.held(desk.window(168.0))
    return set(jobs["user"].astype(str))


def _job(line: str, names: _Names) -> str:
    found = _JOB.search(line)
    if found:
        return found[1].rstrip(".-")
    numbers = [word.strip("#.:") for word in _WORD.findall(line)]
    return next((word for word in numbers if word in names.jobs and any(map(str.isdigit, word))), "")


def _gpu(line: str, desk: Desk) -> tuple[str, str]:
    """A GPU's UUID, and its node where it is named by its place; the place of a GPU that is not known gives the node."""
    uuid = _UUID.search(line)
    if uuid:
        return uuid[0], ""
    places = [(found[1], found[2]) for found in _PLACE.finditer(line)]
    places += [(found[2], found[1]) for found in _PLACE_BACK.finditer(line)]
    known = desk.gpus()
    for index, node in places:
        name = node.rstrip(".")
        rows = known[(known["node"] == name) & (known["gpu_index"] == int(index))]
        if len(rows):
            return str(rows["gpu_uuid"].iloc[-1]), ""
        if name in set(known["node"].astype(str)):
            return "", name
    return "", ""


def _node(line: str, names: _Names) -> str:
    words = [word.strip(".:") for word in _WORD.findall(line)]
    known = {name.lower(): name for name in names.nodes}
    direct = next((known[word.lower()] for word in words if word.lower() in known), "")
    if direct:
        return direct
    found = _NODE.search(line)
    return found[1].rstrip(".") if found else ""


def _named(line: str, known: frozenset[str]) -> str:
    words = [word.strip(".:") for word in _WORD.findall(line)]
    own = [word.removesuffix("'s").removesuffix("\u2019s") for word in words]
    return next((word for word in own if word in known and len(word) > 1), "")


def _count(found: re.Match[str] | None) -> int | None:
    if found is None:
        return None
    word = found[1].lower()
    return _NUMBERS.get(word) or (int(word) if word.isdigit() else None)


def _time(line: str, desk: Desk) -> tuple[datetime | None, float | None]:
    """The instant and the span in hours that the text speaks of."""
    midnight = desk.at.replace(hour=0, minute=0, second=0, microsecond=0)
    if since := _since(line, midnight, desk.at):
        return None, (desk.at - since).total_seconds() / 3600
    day = _day(line, midnight)
    at = _clock(line, day or midnight, desk.at) or _ago(line, desk.at) or _dated(line)
    if at is not None or day is None:
        return at, _span(line)
    return min(day + timedelta(days=1), desk.at), 24.0


def _since(line: str, midnight: datetime, now: datetime) -> datetime | None:
    """When a span begins that goes on until now."""
    if re.search(r"\bsince (yesterday|last night)\b", line):
        return midnight - timedelta(days=1)
    if re.search(r"\b(today|this morning|since midnight)\b", line):
        return min(midnight, now - timedelta(hours=1))
    found = _SINCE.search(line)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        return None
    begin = midnight.replace(hour=int(found[1]), minute=int(found[2]))
    return begin if begin < now else begin - timedelta(days=1)


def _clock(line: str, day: datetime, now: datetime) -> datetime | None:
    found = _AT.search(line)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        return None
    at = (_dated(line) or day).replace(hour=int(found[1]), minute=int(found[2]), second=0)
    return at if at <= now else at - timedelta(days=1)


def _ago(line: str, now: datetime) -> datetime | None:
    found = _AGO.search(line)
    return now - timedelta(hours=_amount(found[1]) * _unit(found[2])) if found else None


def _dated(line: str) -> datetime | None:
    found = _DATE.search(line)
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2] or '23:59'}:00+00:00") if found else None
    except ValueError:
        return None


def _day(line: str, midnight: datetime) -> datetime | None:
    return midnight - timedelta(days=1) if re.search(r"\b(yesterday|last night)\b", line) else None


def _span(line: str) -> float | None:
    if found := _SPAN.search(line):
        return max(1 / 60, _amount(found[1]) * _unit(found[2]))
    if re.search(r"\b(this|per|a|the|every|weekly)\s*week|weekly\b", line):
        return 168.0
    return _MONTH if re.search(r"\bthis month|monthly|a month\b", line) else None


def _amount(word: str | None) -> float:
    text = (word or "1").lower()
    if text[0].isdigit():
        return float(text)
    return 3.0 if text == "few" else 2.0 if text.startswith("couple") else 1.0


def _unit(word: str) -> float:
    return _MONTH if word.lower().startswith("month") else _HOURS[word[0].lower()]
