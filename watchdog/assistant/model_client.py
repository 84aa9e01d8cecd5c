"""A connection to the model: one for every answer, so that stopping one disturbs no other."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import httpx2
from openai import OpenAI, Stream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from watchdog.assistant.model_errors import FOREIGN, translated
from watchdog.assistant.settings import ModelSettings
from watchdog.assistant.stream import Piece, pieces
from watchdog.base.errors import ModelError, ModelFormatError, ModelRefusedError

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manner:
    """How one turn is asked for."""

    max_tokens: int
    may_call: bool = True
    think_less: bool = False


@cache
def _tls(ca_file: str) -> ssl.SSLContext:
    """Reading the certificates takes longer than a step of the loop may, so they are read once."""
    return ssl.create_default_context(cafile=ca_file) if ca_file else httpx2.create_ssl_context()


class ModelClient:
    """Asks the model, and can be stopped from another thread in the middle of it. ModelError without certificates."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self._name = settings.model
        self._wires: list[Any] = []
        try:
            tls = _tls(settings.ca_file)
        except OSError as error:
            text = f"the certificates in {settings.ca_file} cannot be read: {error}"
            raise ModelRefusedError(text, hint="Correct WATCHDOG_ASSISTANT_CA_FILE.") from error
        # Whoever listens minds the silence, comments of a proxy that keeps the line open included; this is behind it.
        timeout = httpx2.Timeout(settings.silence_seconds + 5, connect=settings.connect_seconds)
        self._http = httpx2.Client(verify=tls, timeout=timeout, event_hooks={"request": [self._trace]})
        # A server without a key ignores it, the SDK insists on one.
        self._api = OpenAI(
            base_url=settings.base_url,
            api_key=settings.api_key or "none",
            max_retries=0,
            http_client=self._http,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def served(self) -> tuple[str, ...]:
        """The models the server has; ModelError if it does not say."""
        try:
            return tuple(str(model.id) for model in self._api.models.list().data)
        except (*FOREIGN, AttributeError, TypeError) as error:
            raise translated(error, self.settings) from error

    @property
    def name(self) -> str:
        """The model's name; asks the server for its first where none is set."""
        if not self._name:
            listed = self.served()
            if not listed:
                raise ModelRefusedError("the server has no model", hint="Look at its log.")
            self._name = listed[0]
        return self._name

    def pieces(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], how: Manner) -> Iterator[Piece]:
        """The model's answer piece by piece. Ends without a Finish where the stream was cut.

        Raises:
            ModelError: there is no answer, or no more of it.
        """
        try:
            stream = self._opened(messages, tools, how)
            with stream:
                yield from self._read(stream)
        except FOREIGN as error:
            raise self._named(translated(error, self.settings)) from error

    def _opened(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], how: Manner
    ) -> Stream[ChatCompletionChunk]:
        request: dict[str, Any] = {
            "model": self.name,
            "messages": list(messages),
            "stream_options": {"include_usage": True},
            "max_tokens": how.max_tokens,
            "temperature": self.settings.temperature,
            "extra_body": self._thinking(how),
        }
        if tools:
            # Tools are offered in the last turn, too, though not to be called: the server's prefix cache then holds.
            request |= {"tools": list(tools), "tool_choice": "auto" if how.may_call else "none"}
        stream: Stream[ChatCompletionChunk] = self._api.chat.completions.create(stream=True, **request)
        return stream

    def _thinking(self, how: Manner) -> dict[str, Any] | None:
        if self.settings.thinking == "auto":
            return None
        return {"chat_template_kwargs": {"enable_thinking": self.settings.thinking == "on" and not how.think_less}}

    def _read(self, stream: Stream[ChatCompletionChunk]) -> Iterator[Piece]:
        kind = stream.response.headers.get("content-type", "")
        if "json" in kind:
            yield from self._whole(stream.response.read())
            return
        spoke = False
        for chunk in stream:
            for piece in pieces(chunk):
                spoke = True
                yield piece
            spoke = spoke or bool(getattr(chunk, "choices", None))
        if not spoke:
            raise self._strange(kind)

    def _whole(self, body: bytes) -> Iterator[Piece]:
        """A server, or a proxy before it, that does not stream."""
        completion = ChatCompletion.construct(**_object(body))
        if not completion.choices:
            raise self._strange("JSON of another kind")
        yield from pieces(completion)

    def _strange(self, kind: str) -> ModelFormatError:
        what = kind.partition(";")[0] or "nothing"
        hint = "WATCHDOG_ASSISTANT_BASE_URL must lead to the model's server itself, as http://head:8000/v1."
        return ModelFormatError(
            f"the address {self.settings.address} answered with {what}, not with chat.completions", hint=hint
        )

    def _named(self, error: ModelError) -> ModelError:
        """With the names of the models there are, where the name was wrong."""
        if isinstance(error, ModelRefusedError) and "does not exist" in str(error):
            with suppress(ModelError):
                error.hint = f"Set WATCHDOG_ASSISTANT_MODEL to one of: {', '.join(self.served()[:10])}."
        return error

    def _trace(self, request: httpx2.Request) -> None:
        request.extensions["trace"] = self._traced

    def _traced(self, event: str, info: dict[str, Any]) -> None:
        if event.startswith("connection.") and event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._wires.append(info["return_value"])

    def stop(self) -> None:
        """Break what is being read, from any thread: the reader ends at once and the server frees its place."""
        for wire in self._wires:
            with suppress(OSError):
                # Closing would not wake a thread that reads; `socket.socket`'s own, as TLS would first say good-bye.
                socket.socket.shutdown(wire.get_extra_info("socket"), socket.SHUT_RDWR)


def _object(body: bytes) -> dict[str, Any]:
    parsed = json.loads(body)
    return parsed if isinstance(parsed, dict) else {}
