"""What somebody asked for on a page, done in the background, with its progress kept for whoever looks."""

from __future__ import annotations

import io
import logging
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from infra.errors import BusyError
from infra.office import Office
from infra.progress import Progress
from watchdog.base.errors import WatchdogError

_log = logging.getLogger(__name__)
_MOST_LINES = 30


@dataclass(frozen=True)
class Deed:
    """One thing that was asked for.

    Attributes:
        ended_at: None while it goes on.
        said: progress, and at its end what came of it.
        error, hint: why it failed.
    """

    what: str
    by: str
    began_at: datetime
    ended_at: datetime | None = None
    said: str = ""
    error: str = ""
    hint: str = ""


class _Lines(io.StringIO):
    """Takes progress; the newest lines are for the page."""

    def text(self) -> str:
        return "\n".join(self.getvalue().splitlines()[-_MOST_LINES:])


class Deeds:
    """One at a time: the driver's lock allows no more."""

    def __init__(self, office: Office, after: Callable[[], None]) -> None:
        """Prepare. `after` is called when something has been done, or failed."""
        self._office, self._after = office, after
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._lines = _Lines()
        self._deed: Deed | None = None

    @property
    def newest(self) -> Deed | None:
        """The last thing asked for, with its progress so far."""
        deed = self._deed
        return replace(deed, said=self._lines.text()) if deed and deed.ended_at is None else deed

    def start(self, what: str, by: str, action: Callable[[Office], str]) -> None:
        """Begin; BusyError where something else goes on. `action` gives what came of it, in words."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise BusyError("something else is under way", hint="It is shown above; wait for its end.")
            self._lines = _Lines()
            self._deed = Deed(what, by, self._office.clock.now())
            office = replace(self._office, by=by, progress=Progress(self._lines), confirm=lambda _: True)
            # Not a daemon: an exit in the middle of a return waits for its proof.
            self._thread = threading.Thread(target=self._run, args=(self._deed, office, action), name="infra-deed")
            self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for what is under way."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self, deed: Deed, office: Office, action: Callable[[Office], str]) -> None:
        try:
            said, error, hint = action(office), "", ""
        except WatchdogError as wrong:
            said, error, hint = self._lines.text(), office.settings.scrubbed(str(wrong)), wrong.hint
        except Exception:  # noqa: BLE001 (a fault ends one deed, and is told)
            _log.error("%s failed:\n%s", deed.what, office.settings.scrubbed(traceback.format_exc()))
            said, error = self._lines.text(), "a fault of the driver, see the app's log"
            hint = "`python -m infra.cluster reconcile` tells what is rented."
        self._deed = replace(deed, ended_at=office.clock.now(), said=said, error=error, hint=hint)
        self._after()
