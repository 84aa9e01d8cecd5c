"""Mail, Slack, Teams, webhooks, ntfy, PagerDuty and a hundred more, through the apprise library.

The library is imported when the first channel needs it: it costs about 20 MB and half a second.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from watchdog.alerts.notify.addresses import Address
from watchdog.alerts.notify.letter import Letter
from watchdog.base.errors import NotDeliveredError
from watchdog.model.alerts import MessageKind
from watchdog.model.findings import Severity

_CONNECT_SECONDS, _READ_SECONDS = 5.0, 10.0
_TONES = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
_CALM = {MessageKind.RESOLVED: "success", MessageKind.TEST: "info"}
_FAILURE = re.compile(r"[\w/ -]{0,40}(Exception|Error)\b")
_STATUS = re.compile(r"error=(\d{3})\b")
_REASONS = (
    ("timed out", "no answer in time"),
    ("refused", "connection refused"),
    ("resolve", "the host name is unknown"),
    ("Name or service", "the host name is unknown"),
    ("getaddrinfo", "the host name is unknown"),
    ("certificate", "its certificate was not accepted"),
    ("SSL", "the TLS handshake failed"),
    ("uthentication", "it refused our credentials"),
    ("Unauthorized", "it refused our credentials"),
    ("reset by peer", "the connection broke off"),
    ("RemoteDisconnected", "the connection broke off"),
    ("closed", "the connection broke off"),
)


class AppriseChannel:
    """One apprise URL."""

    limited = True

    def __init__(self, address: Address, mark: str = "") -> None:
        """Prepare; `mark` stands before every title ("[demo data] ")."""
        self._mark = mark
        self.name, self.description = address.name, address.description
        self._url = address.url

    def prepare(self) -> None:
        """Load the library and read the URL; NotDeliveredError where it is none of apprise's."""
        self._service()

    def send(self, letter: Letter) -> None:
        """Deliver it, or raise NotDeliveredError."""
        import apprise  # noqa: PLC0415 (see above)

        box = apprise.Apprise(asset=_asset())
        box.add(_with_ids(self._service(), letter))
        result = box.notify(
            title=f"{self._mark}{letter.title}",
            body=letter.body,
            notify_type=_CALM.get(letter.kind, _TONES[letter.severity]),
            body_format=apprise.NotifyFormat.TEXT,
            log_level=logging.DEBUG,
        )
        if not result:
            raise NotDeliveredError(_reason(each.message for each in result.logs() if _tells(each)))

    def _service(self) -> Any:  # noqa: ANN401 (apprise's plugins have no common type worth naming)
        import apprise  # noqa: PLC0415

        _silence_library()
        service = apprise.Apprise.instantiate(self._url, asset=_asset(), suppress_exceptions=True)
        if service is None:
            raise NotDeliveredError("apprise cannot read this URL", hint="Look it up in apprise's list of services.")
        if "cto=" not in self._url:
            service.socket_connect_timeout = _CONNECT_SECONDS
        if "rto=" not in self._url:
            service.socket_read_timeout = _READ_SECONDS
        if "overflow=" not in self._url:
            service.overflow_mode = apprise.OverflowMode.TRUNCATE
        return service


def _asset() -> Any:  # noqa: ANN401
    import apprise  # noqa: PLC0415

    asset = apprise.AppriseAsset(
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        # Our own deadline holds; the library's would share a pool of threads among channels.
        service_timeout=0,
        allow_templates=False,
        http_redirects=False,
        interpret_emojis=False,
        app_id="GPU Watchdog",
        app_desc="GPU Watchdog",
        app_url="",
        # Else messages have receivers fetch pictures from GitHub.
        image_url_mask="",
        image_url_logo="",
    )
    asset.pgp_autogen = asset.pem_autogen = False
    return asset


def _silence_library() -> None:
    # What it logs quotes URLs, and why something failed it only says in detail: we read that from the result instead.
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _with_ids(service: Any, letter: Letter) -> Any:  # noqa: ANN401
    """The service, told what lets a receiver drop a repeat, where its form has a place for that."""
    if isinstance(headers := getattr(service, "headers", None), dict):
        headers |= {"Idempotency-Key": letter.message_id, "X-Watchdog-Message-Id": letter.message_id}
    if isinstance(extras := getattr(service, "payload_extras", None), dict):
        fields = {"message_id": letter.message_id, "incident_id": letter.incident_id}
        extras |= fields | {"kind": str(letter.kind), "severity": str(letter.severity)}
    if type(service).__name__ == "NotifyPagerDuty" and letter.incident_id:
        # One PagerDuty incident for each of ours, and ended with it.
        service.dedup, service.action = service.dedup or letter.incident_id, "map"
    return service


def _tells(entry: Any) -> bool:  # noqa: ANN401
    """Whether a line of its log is about a failure, not about what was sent."""
    return entry.level != "DEBUG" or bool(_FAILURE.match(entry.message))


def _reason(messages: Iterable[str]) -> str:
    """Why, in our words: the library's quote hosts, paths and tokens."""
    text = "\n".join(messages)
    if status := _STATUS.search(text):
        return f"it answered {status[1]}"
    return next((words for sign, words in _REASONS if sign in text), "it was not accepted")
