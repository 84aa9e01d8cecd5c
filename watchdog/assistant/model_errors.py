"""The SDK's errors as ours: what happened in a sentence, and what to do."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import openai

from watchdog.assistant.settings import ModelSettings
from watchdog.base.errors import (
    ModelAuthError,
    ModelError,
    ModelFormatError,
    ModelLimitError,
    ModelRefusedError,
    ModelUnavailableError,
)

# Everything that asking a model can raise. The SDK passes on what json.loads raises of garbage in a stream.
FOREIGN = (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, ValueError, RecursionError)

_KEY_HINT = "Set WATCHDOG_ASSISTANT_API_KEY to the key the server was started with (vLLM: --api-key)."
_URL_HINT = "WATCHDOG_ASSISTANT_BASE_URL must be the server's address with /v1, as http://head:8000/v1."
_CA_HINT = "Set WATCHDOG_ASSISTANT_CA_FILE to the authority that signed it."
_DOWN_HINT = "Look whether the server runs and can be reached from here; its log says more."
_TOOLS_HINT = "Start vLLM with --enable-auto-tool-choice and the --tool-call-parser that fits the model."
_LENGTH_HINT = "Start a new chat, ask for less at once, or start the server with a larger --max-model-len."
_MAX_TOKENS_HINT = "Set WATCHDOG_ASSISTANT_MAX_TOKENS lower, or start the server with a larger --max-model-len."
_BUSY = {408, 409, 429}
_LONGEST_AGAIN = 10.0


def translated(error: Exception, settings: ModelSettings) -> ModelError:
    """The error of ours that says the same."""
    where = f"the model's server {settings.address}"
    match error:
        case openai.APIStatusError():
            return _status(error, settings, where)
        case openai.APITimeoutError():
            return ModelUnavailableError(f"{where} did not answer in time", hint=_DOWN_HINT)
        case openai.APIConnectionError():
            return _connection(error, where)
        case openai.APIError():
            said = _words(error.body) or error.message
            return ModelUnavailableError(f"{where} broke off: {_short(said)}", hint=_DOWN_HINT)
        case UnicodeEncodeError():
            return ModelAuthError("the key for the model's server has letters no key can have", hint=_KEY_HINT)
        case _:
            return ModelFormatError(f"{where} sent what is not chat.completions", hint=_URL_HINT)


def _connection(error: openai.APIConnectionError, where: str) -> ModelError:
    if "CERTIFICATE" in str(error.__cause__):
        return ModelRefusedError(f"the certificate of {where} is not one we trust", hint=_CA_HINT)
    if isinstance(error.__cause__, httpx2.ConnectError):
        return ModelUnavailableError(f"{where} cannot be reached", hint=_DOWN_HINT, again_seconds=1.0)
    if isinstance(error.__cause__, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return ModelRefusedError(f"{where} has no address that can be asked", hint=_URL_HINT)
    return ModelUnavailableError(f"{where} broke the connection", hint=_DOWN_HINT, again_seconds=1.0)


def _status(error: openai.APIStatusError, settings: ModelSettings, where: str) -> ModelError:
    status, said = error.status_code, _short(_words(error.body))
    if status in {401, 403}:
        what = "refused the key" if settings.api_key else "wants a key"
        return ModelAuthError(f"{where} {what}", hint=_KEY_HINT)
    if status in _BUSY or status >= 500:
        again = _again(error.response.headers.get("retry-after"))
        what = "has too much to do" if status in {429, 503} else "failed"
        text = f"{where} {what} ({status})" + (f": {said}" if said else "")
        return ModelUnavailableError(text, hint=_DOWN_HINT, again_seconds=again)
    if status == 404 and "does not exist" not in said:
        return ModelRefusedError(f"there is no chat.completions at {settings.address}", hint=_URL_HINT)
    return _refused(status, said, where)


def _refused(status: int, said: str, where: str) -> ModelError:
    if found := re.search(r"maximum context length is (\d+)", said):
        text = f"the conversation is longer than the model's context of {found[1]} tokens"
        return ModelLimitError(text, hint=_LENGTH_HINT, context_tokens=int(found[1]))
    if found := re.search(r"max_model_len=(\d+)", said):
        text = f"WATCHDOG_ASSISTANT_MAX_TOKENS is more than the model's context of {found[1]} tokens"
        return ModelLimitError(text, hint=_MAX_TOKENS_HINT, context_tokens=int(found[1]))
    text = f"{where} refused the request ({status}): {said}"
    for word, hint in _HINTS.items():
        if word in said:
            return ModelRefusedError(text, hint=hint)
    return ModelRefusedError(text, hint="Look into docs/assistant.md, Connecting a model.")


_HINTS = {
    "does not exist": "Set WATCHDOG_ASSISTANT_MODEL to a name that the server lists.",
    "enable-auto-tool-choice": _TOOLS_HINT,
    "strict": "Set WATCHDOG_ASSISTANT_STRICT=off for servers that do not know strict tools.",
    "chat_template_kwargs": "Set WATCHDOG_ASSISTANT_THINKING=auto for servers without chat templates.",
    "temperature": "Set WATCHDOG_ASSISTANT_TEMPERATURE to what the model allows.",
}


def _words(body: Any) -> str:  # noqa: ANN401 (any JSON, or text)
    """The message of an error body, whatever its shape: `{"message"}`, `{"error"}`, `{"detail"}`, text."""
    if isinstance(body, dict):
        found = next((body[k] for k in ("message", "error", "detail") if body.get(k)), "")
        return _words(found) if isinstance(found, dict) else str(found)
    if isinstance(body, str) and body[:1] == "{":
        try:
            return _words(json.loads(body))
        except ValueError:
            return body
    return "" if body is None else str(body)


def _short(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= 300 else f"{line[:300]}…"


def _again(header: str | None) -> float:
    """Seconds until another try, from Retry-After; one second where it does not say, or says a date."""
    seconds = float(header) if header and header.isdecimal() else 1.0
    return min(seconds, _LONGEST_AGAIN)
