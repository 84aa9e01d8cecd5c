"""Fair share, from `sshare -a -n -P -o Account,User,RawShares,NormShares,RawUsage,EffectvUsage,FairShare`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from watchdog.model.exposition import family_text, labels_text

COLUMNS = "Account,User,RawShares,NormShares,RawUsage,EffectvUsage,FairShare"
_FIELDS = (
    ("raw_shares", "fairshare_raw_shares", "Shares as configured"),
    ("norm_shares", "fairshare_norm_shares", "Share of the whole, 0 to 1"),
    ("raw_usage", "fairshare_raw_usage_cpu_seconds", "Decayed usage, CPU seconds"),
    ("usage", "fairshare_norm_usage", "Used part of the whole, 0 to 1"),
    ("fairshare", "fairshare", "Fair share factor, 0 to 1, 1 is best"),
)


@dataclass(frozen=True)
class Share:
    """One association; `user` is "" for the account itself. NaN where Slurm does not say."""

    account: str
    user: str
    raw_shares: float
    norm_shares: float
    raw_usage: float
    usage: float
    fairshare: float


def parse_sshare(text: str) -> tuple[Share, ...]:
    """Read the rows; those without five numbers at the end are left out."""
    shares = {}
    for line in text.splitlines():
        words = line.split("|")
        if len(words) < 7:
            continue
        account, user = "|".join(words[:-6]).strip(), words[-6].strip()
        shares[account, user] = Share(account, user, *map(_number, words[-5:]))
    return tuple(shares.values())


def shares_page(shares: tuple[Share, ...], most: int) -> str:
    """Series of accounts and users; of users at most so many, those with the most usage."""
    accounts = [share for share in shares if not share.user]
    users = sorted((s for s in shares if s.user), key=lambda s: 0.0 if math.isnan(s.raw_usage) else -s.raw_usage)
    parts = []
    for field, name, text in _FIELDS:
        for kind, rows in (("account", accounts), ("user", users[:most])):
            samples = [(labels_text(_labels(share)), getattr(share, field)) for share in rows]
            shown = [(labels, value) for labels, value in samples if not math.isnan(value)]
            parts.append(family_text(f"slurm_{kind}_{name}", "gauge", f"{text}, by {kind}.", shown))
    return "".join(parts)


def _labels(share: Share) -> dict[str, str]:
    return {"account": share.account, "user": share.user} if share.user else {"account": share.account}


def _number(text: str) -> float:
    """Also "parent" and "", which are no number."""
    try:
        return float(text)
    except ValueError:
        return math.nan
