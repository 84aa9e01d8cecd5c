"""Which model answers, and how it is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from watchdog.base.config import Config


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """An OpenAI-compatible server and a model of it.

    Attributes:
        base_url: with its `/v1`; "" is no model: then the rules answer.
        api_key: never shown in `repr`, never logged.
        ca_file: CA bundle for its certificate; "" is the machine's own.
        thinking: "auto" leaves it to the server; "on" and "off" are sent as `enable_thinking` to the chat template.
        strict: whether tools are sent with `strict: true`.
        max_tokens: of one turn, the reasoning included.
        connect_seconds, silence_seconds: longest wait for a connection, and between two pieces of an answer.
    """

    base_url: str = ""
    model: str = ""
    api_key: str = field(default="", repr=False)
    ca_file: str = ""
    thinking: str = "auto"
    strict: bool = True
    max_tokens: int = 4096
    temperature: float = 0.2
    connect_seconds: float = 5.0
    silence_seconds: float = 60.0

    @property
    def address(self) -> str:
        """The base URL without what may be secret in it: for messages."""
        return re.sub(r"//[^/@]*@", "//", self.base_url).partition("?")[0]

    @property
    def configured(self) -> bool:
        """Whether there is a model to ask."""
        return bool(self.base_url)


def model_settings(config: Config) -> ModelSettings:
    """The settings `WATCHDOG_ASSISTANT_*`."""
    return ModelSettings(
        base_url=config.assistant_base_url.rstrip("/"),
        model=config.assistant_model,
        api_key=config.assistant_api_key,
        ca_file=config.assistant_ca_file,
        thinking=config.assistant_thinking,
        strict=config.assistant_strict == "on",
        max_tokens=config.assistant_max_tokens,
        temperature=config.assistant_temperature,
        connect_seconds=config.assistant_connect_seconds,
        silence_seconds=config.assistant_silence_seconds,
    )
