"""A real mail server on loopback that keeps what it is given."""

from __future__ import annotations

from contextlib import contextmanager
from email import message_from_bytes, policy

import pytest

from tests.integration.servers import free_port


class Mailbox:
    """What a mail server took in; `refuses` is its answer to a message."""

    def __init__(self) -> None:
        self.mails, self.refuses = [], ""

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.refuses:
            return self.refuses
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


@contextmanager
def mail_server():
    controllers = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd is not installed")
    box = Mailbox()
    box.port = free_port()
    server = controllers.Controller(box, hostname="127.0.0.1", port=box.port)
    server.start()
    box.url = f"mailto://127.0.0.1:{box.port}/?from=watchdog@example.com&to=ops@example.com&mode=insecure"
    try:
        yield box
    finally:
        server.stop()
