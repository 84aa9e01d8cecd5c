"""How many incidents need somebody, in the navigation."""

from __future__ import annotations

from watchdog.base.errors import WatchdogError
from watchdog.model.findings import Severity
from watchdog.ui.alert_words import LOOKS
from watchdog.ui.data import board

_COUNTED = (Severity.CRITICAL, Severity.WARNING)


def alerts_title() -> str:
    """The page's name with what nobody has yet: "Alerts (2 ⬣, 1 ▲)"; of this moment, however far the page is rewound."""
    try:
        now = board(None)
    except WatchdogError:
        # Said by the page itself, which cannot be drawn either.
        return "Alerts"
    counts = [(now.count(severity), LOOKS[severity].shape) for severity in _COUNTED]
    words = ", ".join(f"{count:,} {shape}" for count, shape in counts if count)
    return f"Alerts ({words})" if words else "Alerts"
