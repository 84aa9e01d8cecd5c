"""Opens a page as a browser does, to tell whether the app works: `/_stcore/health` says ok while every page is broken."""

from __future__ import annotations

import time
from dataclasses import dataclass

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from watchdog.base.config import Config
from watchdog.base.errors import SourceUnavailableError
from watchdog.services.sign_in import SECRET_HEADER, is_loopback

CHECKER = "health-check"
_MOST_BYTES = 64 * 2**20


@dataclass
class PageCheck:
    """What came of opening the page.

    Attributes:
        elements: how many blocks were drawn.
        problem: why the app is not well; '' if it is.
    """

    elements: int = 0
    problem: str = ""


def check_page(config: Config, seconds: float = 15.0) -> PageCheck:
    """Open the overview of the app that these settings start; SourceUnavailableError where nobody listens."""
    host = "127.0.0.1" if is_loopback(config.host) or config.host in {"", "0.0.0.0", "::"} else config.host  # noqa: S104
    url = f"ws://{f'[{host}]' if ':' in host else host}:{config.port}/_stcore/stream"
    headers = {config.proxy_user_header: CHECKER, SECRET_HEADER: config.proxy_secret} if config.proxy_secret else {}
    try:
        with connect(
            url,
            additional_headers=headers,
            subprotocols=[Subprotocol("streamlit")],
            open_timeout=seconds,
            max_size=_MOST_BYTES,
        ) as socket:
            socket.send(BackMsg(rerun_script=ClientState()).SerializeToString())
            return _read(socket, time.monotonic() + seconds)
    except (OSError, TimeoutError, WebSocketException) as error:
        raise SourceUnavailableError(
            f"no page opens at {url}: {error}", hint="Is `python -m watchdog serve` up?"
        ) from error


def _read(socket: ClientConnection, until: float) -> PageCheck:
    found = PageCheck()
    while True:
        message = ForwardMsg()
        answer = socket.recv(timeout=max(0.1, until - time.monotonic()), decode=False)
        message.ParseFromString(answer)
        element = message.delta.new_element if message.HasField("delta") else None
        found.elements += element is not None
        if element is not None and element.HasField("exception"):
            found.problem = f"the page raised {element.exception.type}"
        if message.WhichOneof("type") == "script_finished":
            if message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
                found.problem = found.problem or "the page did not run to its end"
            if not found.elements:
                found.problem = found.problem or "the page is empty"
            return found
