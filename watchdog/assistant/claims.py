"""What a text claims: amounts with their units, instants, names; each with its place in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

# Families of units; an amount without a unit is of no family and is compared with all.
RATIO, BYTES, WATTS, JOULES, CELSIUS, HERTZ, RATE, SECONDS, USD, PLAIN = (
    *("ratio", "bytes", "watts", "joules", "celsius", "hertz", "rate", "seconds", "usd", "plain"),
)
_H = 3600.0
# By family: the unit's spellings, and what one of it is in the base unit; GB is read as 10^9 and as 2^30.
_SPELT: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    (r"%|percent(?:age points?)?|pct", RATIO, (0.01,)),
    (r"[KkMGT]i?B/s", RATE, ()),
    (r"TiB|TB", BYTES, (2.0**40, 1e12)),
    (r"GiB|GB", BYTES, (2.0**30, 1e9)),
    (r"MiB|MB", BYTES, (2.0**20, 1e6)),
    (r"KiB|kB|KB", BYTES, (2.0**10, 1e3)),
    (r"bytes?", BYTES, (1.0,)),
    (r"kWh", JOULES, (3.6e6,)),
    (r"MW|megawatts?", WATTS, (1e6,)),
    (r"kW|kilowatts?", WATTS, (1e3,)),
    (r"W|[Ww]atts?", WATTS, (1.0,)),
    (r"°\s?C|℃|degrees(?:\s+[Cc]elsius)?", CELSIUS, (1.0,)),
    (r"GHz", HERTZ, (1e9,)),
    (r"MHz", HERTZ, (1e6,)),
    (r"GPU[- ]?(?:hours?|hrs?|h)\b", SECONDS, (_H,)),
    (r"ms|milliseconds?", SECONDS, (1e-3,)),
    (r"weeks?", SECONDS, (168 * _H,)),
    (r"days?|d", SECONDS, (24 * _H,)),
    (r"hours?|hrs?|h", SECONDS, (_H,)),
    (r"minutes?|mins?|m", SECONDS, (60.0,)),
    (r"seconds?|secs?|s", SECONDS, (1.0,)),
    (r"USD|[Dd]ollars?", USD, (1.0,)),
)  # fmt: skip
_RATES = MappingProxyType({"K": (1e3, 2.0**10), "M": (1e6, 2.0**20), "G": (1e9, 2.0**30), "T": (1e12, 2.0**40)})
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_UNIT = "|".join(f"(?:{spelt})" for spelt, _, _ in _SPELT)
_AMOUNT = re.compile(
    rf"(?<![\w.,:/#-])(?P<sign>[-\u2212+]?)(?P<usd>\$\s?)?(?P<number>{_NUMBER})(?:(?P<gap>[ -]?)(?P<unit>{_UNIT})(?![\w]))?(?![\w])"
)
_PART = r"(?:days?|d|hours?|hrs?|h|minutes?|mins?|m)"
_LENGTH = re.compile(
    rf"(?<![\w.,:/-])(\d+)\s?({_PART})(?:,?\s(?:and\s)?|)(\d+)\s?(hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)(?![\w])"
)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
_MONTH = r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_STAMP = re.compile(
    r"(?<![\w-])(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?(?:\.\d+)?)?(?:Z|\s?UTC|\+00:00)?(?![\w])"
)
_CLOCK = re.compile(r"(?<![\w:.])([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?:\s?UTC|Z)?(?![\w:])")
_DAY = re.compile(rf"(?<![\w])(?:(\d{{1,2}})\s{_MONTH}|{_MONTH}\s(\d{{1,2}}))(?:,?\s(\d{{4}}))?(?![\w])")
_UUID = re.compile(r"GPU-[0-9a-fA-F][0-9a-fA-F-]{5,}")
_PLACE = re.compile(
    r"(?<![\w-])(?:GPU|gpu)s?\s#?(\d{1,3})(?!\d|\s?[%°]|[.,]\d|\s(?:GiB|GB|W|kW|MHz|h|min|s|GPU)\b)"
    r"(?:\s(?:on|of|in|at)\s(?:node\s)?([A-Za-z][\w.-]*\w|[A-Za-z]))?"
)
# An array's task, or the waiting rest of one, is known by its looks.
_JOB = re.compile(
    r"(?<![\w-])[Jj]obs?\s#?(\d+(?:[_+]\d+)?(?:_\[[\d,%-]+\])?)(?![\w])|(?<![\w.-])(\d+_(?:\d+|\[[\d,%-]+\]))(?![\w])"
)
_NAMED = re.compile(
    r"(?<![\w-])(?P<kind>[Uu]ser|[Aa]ccount|[Pp]artition|[Nn]ode|[Hh]ost)\s[\"'“]?(?P<name>[A-Za-z_][\w.-]*\w)"
)
# A name as clusters give them: letters with a digit somewhere, as gpu07, a100-3, sweep_24.
_CODED = re.compile(r"(?<![\w$.-])(?=[\w.-]*\d)(?=[\w.-]*[A-Za-z])[A-Za-z_][\w.-]*\w(?![\w])")
_WORDED = re.compile(
    r"(?<![\w-])(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\s(?:\w+\s)?"
    r"(gpus?|nodes?|jobs?|users?|alerts?|incidents?|partitions?|hours?|minutes?|days?|findings?|warnings?)(?![\w])",
    re.IGNORECASE,
)
_WORDS = {word: n for n, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2)}  # noqa: SIM905
_VAGUE = re.compile(
    r"(?:about|around|roughly|approximately|approx\.?|nearly|almost|some|over|above|more than|at least|under|below|less than|up to|at most|close to|[~≈<>≥≤])\s?\$?$",
    re.IGNORECASE,
)
# Words of the trade with digits in them, and words that follow "node" and the like without being names.
_TRADE = re.compile(
    r"(?:fp|bf|int|tf|pcie|nvlink|hbm|gen|cuda|gddr|sm|l|x|v|ipv|utf|sha|p|xid|http|cve)[-_.]?\d+[\w.]*|p2p|k8s|s3|\d+(?:st|nd|rd|th|x)",
    re.IGNORECASE,
)
_NOT_NAMES = frozenset(
    """is are was were has have had that which who with in on of and or the a an not no does do did can could may might
    will would should by at to for from as it its their this these those name names reports report reporting failure
    failures state states level levels count exporter exporters health time times hours memory jobs gpus data itself
    also only now then there here than more less most least holds held uses used wastes wasted running waiting waits
    runs down drained draining idle busy alone power utilization temperature history reason reasons limits limit
    allocation requests request requested submitted started ended named called if when where while because""".split()  # noqa: SIM905 (a list of words is read as words)
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its unit: `bases` are what it may be in base units, `slacks` how far off the truth may be there.

    Attributes:
        family: of the unit; "" without one.
        more: how much more the truth may be, for lengths of time that are cut off after their second part.
    """

    start: int
    end: int
    text: str
    family: str
    bases: tuple[float, ...]
    slacks: tuple[float, ...]
    more: float = 0.0


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, as exactly as it is told: what is None was not."""

    start: int
    end: int
    text: str
    day: tuple[int | None, int, int] | None
    clock: tuple[int, int, int | None] | None


@dataclass(frozen=True, slots=True)
class Name:
    """A name; `kind` is "gpu" for a place (`text` the index, `node` where it is), else what it is called in the text."""

    start: int
    end: int
    text: str
    kind: str
    node: str = ""


Claim = Amount | Moment | Name


def claims_of(text: str) -> list[Claim]:
    """Every claim in a text without code and citations, in the order of the text; none overlaps another."""
    found: list[Claim] = []
    taken = bytearray(len(text))

    def keep(claim: Claim | None) -> None:
        if claim is not None and not any(taken[claim.start : claim.end]):
            found.append(claim)
            taken[claim.start : claim.end] = b"\1" * (claim.end - claim.start)

    for reader in (_uuids, _stamps, _clocks, _days, _places, _jobs, _named, _lengths, _coded, _amounts, _worded):
        for claim in reader(text):
            keep(claim)
    return sorted(found, key=lambda claim: claim.start)


def _uuids(text: str) -> list[Name]:
    return [Name(m.start(), m.end(), m[0], "gpu_uuid") for m in _UUID.finditer(text)]


def _stamps(text: str) -> list[Moment]:
    return [
        Moment(m.start(), m.end(), m[0], (int(m[1]), int(m[2]), int(m[3])), _hms(m[4], m[5], m[6]))
        for m in _STAMP.finditer(text)
        if 1 <= int(m[2]) <= 12 and 1 <= int(m[3]) <= 31
    ]


def _clocks(text: str) -> list[Moment]:
    return [Moment(m.start(), m.end(), m[0], None, _hms(m[1], m[2], m[3])) for m in _CLOCK.finditer(text)]


def _hms(hour: str | None, minute: str | None, second: str | None) -> tuple[int, int, int | None] | None:
    if hour is None or minute is None:
        return None
    return int(hour), int(minute), None if second is None else int(second)


def _days(text: str) -> list[Moment]:
    found = []
    for m in _DAY.finditer(text):
        day, month, year = m[1] or m[4], m[2] or m[3], m[5]
        told = (None if year is None else int(year), _MONTHS.index(month.lower()[:3]) + 1, int(day))
        found.append(Moment(m.start(), m.end(), m[0], told, None))
    return found


def _places(text: str) -> list[Name]:
    found = []
    for m in _PLACE.finditer(text):
        node = m[2] or ""
        has_node = bool(node) and node.lower() not in _NOT_NAMES
        found.append(
            Name(m.start(), m.end() if has_node or not node else m.end(1), m[1], "gpu", node if has_node else "")
        )
    return found


def _jobs(text: str) -> list[Name]:
    return [Name(*m.span(m.lastindex or 1), m[m.lastindex or 1], "job") for m in _JOB.finditer(text)]


def _named(text: str) -> list[Name]:
    return [
        Name(m.start("name"), m.end("name"), m["name"], m["kind"].lower())
        for m in _NAMED.finditer(text)
        if m["name"].lower() not in _NOT_NAMES and not _TRADE.fullmatch(m["name"])
    ]


def _coded(text: str) -> list[Name]:
    return [Name(m.start(), m.end(), m[0], "name") for m in _CODED.finditer(text) if not _TRADE.fullmatch(m[0])]


def _lengths(text: str) -> list[Amount]:
    found = []
    for m in _LENGTH.finditer(text):
        first, second = _seconds(m[2]), _seconds(m[4])
        total = int(m[1]) * first + int(m[3]) * second
        if second < first:
            found.append(Amount(m.start(), m.end(), m[0], SECONDS, (total,), (second / 2,), more=second))
    return found


def _seconds(word: str) -> float:
    return {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}[word[0].lower()]


def _amounts(text: str) -> list[Amount]:
    return [amount for m in _AMOUNT.finditer(text) if (amount := _amount(m, text)) is not None]


def _amount(m: re.Match[str], text: str) -> Amount | None:
    before = text[max(0, m.start() - 14) : m.start()]
    if re.search(r"\btop[ -]$|\bstep $", before, re.IGNORECASE):
        return None
    digits = m["number"].replace(",", "")
    value = float(digits)
    slack = 0.5 * 10.0 ** -len(digits.partition(".")[2])
    if _VAGUE.search(before):
        slack = max(slack, 0.05 * value)
    family, factors = (USD, (1.0,)) if m["usd"] else _unit(m["unit"])
    # A text holds its last digit exactly; a little more is the float's own.
    slack += 1e-9 * max(1.0, value)
    bases = tuple(value * factor for factor in factors)
    return Amount(m.start(), m.end(), m[0], family, bases, tuple(slack * factor for factor in factors))


def _unit(spelt: str | None) -> tuple[str, tuple[float, ...]]:
    if spelt is None:
        return "", (1.0,)
    for pattern, family, factors in _SPELT:
        if re.fullmatch(pattern, spelt):
            return family, factors or _RATES[spelt[0].upper()]
    return "", (1.0,)


def _worded(text: str) -> list[Amount]:
    found = []
    for m in _WORDED.finditer(text):
        value = float(_WORDS[m[1].lower()])
        found.append(Amount(m.start(1), m.end(1), m[1], "", (value,), (1e-9,)))
    return found


def is_moment(moment: Moment, instant: datetime) -> bool:
    """Whether the instant may be what the moment tells, rounded or cut off to what it tells."""
    utc = instant.astimezone(UTC)
    return any(_fits(moment, each) for each in (utc, utc + timedelta(seconds=30), utc + timedelta(milliseconds=500)))


def _fits(moment: Moment, utc: datetime) -> bool:
    if moment.day is not None:
        year, month, day = moment.day
        if (utc.month, utc.day) != (month, day) or year not in {None, utc.year}:
            return False
    if moment.clock is None:
        return moment.day is not None
    hour, minute, second = moment.clock
    return (utc.hour, utc.minute) == (hour, minute) and second in {None, utc.second}
