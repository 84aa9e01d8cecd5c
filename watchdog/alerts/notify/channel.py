"""What a channel is, and a deadline for it that holds whatever the receiver does."""

from __future__ import annotations

import threading
from typing import Protocol

from watchdog.alerts.notify.letter import Letter
from watchdog.base.errors import NotDeliveredError

# Beyond the time-outs of a single read or connect, which a receiver that sends a byte now and then never meets.
DEADLINE_SECONDS = 45.0


class Channel(Protocol):
    """A place where letters go.

    Attributes:
        name: as in the outbox and on the page.
        description: what it is, without any secret: "slack", "mail through smtp.example.com".
        limited: whether people read it, so that a flood is to be kept from it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 (said above)

    @property
    def description(self) -> str: ...  # noqa: D102

    @property
    def limited(self) -> bool: ...  # noqa: D102

    def send(self, letter: Letter) -> None:
        """Deliver it, or raise NotDeliveredError."""
        ...


def send_within(channel: Channel, letter: Letter, seconds: float = DEADLINE_SECONDS) -> None:
    """Send, or raise NotDeliveredError when that failed or takes too long; then the attempt is left to itself."""
    outcome: list[NotDeliveredError | None] = []

    def attempt() -> None:
        try:
            channel.send(letter)
        except NotDeliveredError as error:
            outcome.append(error)
        else:
            outcome.append(None)

    thread = threading.Thread(target=attempt, name=f"watchdog-send-{channel.name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        late = thread.is_alive()
        raise NotDeliveredError(f"not through within {seconds:g} s" if late else "the channel failed; see the log")
    if outcome[0] is not None:
        raise outcome[0]
