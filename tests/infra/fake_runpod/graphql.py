"""The two reads that API v2 lacks: `myself { clientBalance currentSpendPerHr }`."""

from __future__ import annotations

import re
from typing import Any

from tests.infra.fake_runpod.account import Account


def answer(account: Account, body: Any) -> tuple[int, dict[str, Any]]:
    """Status and body for one query; an unknown field is HTTP 400."""
    query = body.get("query", "") if isinstance(body, dict) else ""
    asked = re.fullmatch(r"\s*(?:query)?\s*\w*\s*\{\s*myself\s*\{([\w\s]*)\}\s*\}\s*", query)
    if asked is None:
        return 400, {"errors": [{"message": "the fake answers `myself` alone"}]}
    known = {
        "id": "user_fake",
        "clientBalance": round(account.balance(), 6),
        "currentSpendPerHr": round(account.spend_per_hour(), 6),
        "spendLimit": 80,
    }
    unknown = [name for name in asked[1].split() if name not in known]
    if unknown:
        return 400, {"errors": [{"message": f'Cannot query field "{unknown[0]}" on type "User".'}]}
    return 200, {"data": {"myself": {name: known[name] for name in asked[1].split()}}}
