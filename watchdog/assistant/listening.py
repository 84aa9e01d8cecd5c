"""One turn of the model: asked, heard piece by piece, and given up when it is time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from watchdog.assistant.context import Conversation
from watchdog.assistant.limits import Limits
from watchdog.assistant.model_client import Manner, ModelClient
from watchdog.assistant.pump import Pump, SilenceError, Watch
from watchdog.assistant.records import Notice, Step, Text, Thought
from watchdog.assistant.spoken import THOUGHT, Speech, repeats_itself
from watchdog.assistant.stream import Piece, Said
from watchdog.assistant.toolbox import Toolbox
from watchdog.base.errors import ModelFormatError, ModelLimitError, ModelUnavailableError

_PARSER_HINT = "Start vLLM with --enable-auto-tool-choice and the --tool-call-parser that fits the model."
_THOUGHT_HINT = "Start vLLM with the --reasoning-parser that fits the model."
# A token is about four letters of English, fewer of JSON and numbers.
_CHARS_A_TOKEN = 3
_CHECK_EVERY = 400
# Reasons to finish that are none of the model's (vLLM: `vllm/v1/engine`, FinishReason).
_BROKEN = {"error", "abort"}


class Listener:
    """Asks the model for one turn after the other.

    Attributes:
        max_tokens: of a turn, as the server allows.
        think_less: ask for turns without reasoning from now on, where the server can be told.
    """

    def __init__(
        self,
        client: ModelClient,
        toolbox: Toolbox,
        limits: Limits,
        watch: Watch,
        emit: Callable[[Step], None],
        tell: Callable[[Notice], None],
    ) -> None:
        self.client, self.max_tokens = client, client.settings.max_tokens
        self._tools = toolbox.schemas(strict=client.settings.strict)
        self._limits, self._watch, self._emit, self._tell = limits, watch, emit, tell
        self._context_chars = limits.context_chars
        self._told_cut = self._told_thought = False
        self.think_less = False

    def listen(self, said: Said, talk: Conversation, *, may_call: bool) -> None:
        """Hear a turn into `said`: as far as it came where this raises.

        One more try is made where the server was away or busy before it said anything, and one with less where the
        conversation was too long for the model.
        """
        try:
            self._once(said, talk, may_call=may_call)
        except ModelUnavailableError as error:
            if error.again_seconds is None or said.thought or said.text or said.calls:
                raise
            self._watch.rest(error.again_seconds)
            self._once(said, talk, may_call=may_call)
        except ModelLimitError as error:
            if not self._made_shorter(error):
                raise
            self._once(said, talk, may_call=may_call)

    def _made_shorter(self, error: ModelLimitError) -> bool:
        """Fit into the context the server told of; False where it told none or this was tried before."""
        if error.context_tokens is None:
            return False
        tokens = min(self.max_tokens, error.context_tokens // 4)
        room = (error.context_tokens - tokens) * _CHARS_A_TOKEN - len(json.dumps(self._tools))
        chars = min(self._context_chars - 1, room)
        is_less = (tokens, chars) < (self.max_tokens, self._context_chars)
        self.max_tokens, self._context_chars = tokens, chars
        return is_less

    def _once(self, said: Said, talk: Conversation, *, may_call: bool) -> None:
        messages = talk.messages(self._context_chars)
        how = Manner(self.max_tokens, may_call=may_call, think_less=self.think_less)
        pump = Pump(lambda: self.client.pieces(messages, self._tools, how), "model")
        heard = False
        try:
            self._hear(said, pump.items(self._watch, self.client.settings.silence_seconds), may_call=may_call)
            heard = said.whole
        except SilenceError:
            raise self._silent() from None
        finally:
            if not heard:
                self.client.stop()
            pump.leave()

    def _hear(self, said: Said, pieces: Iterable[Piece], *, may_call: bool) -> None:
        speech, checked = Speech(), 0
        for piece in pieces:
            for part in speech.feed(piece.text) if isinstance(piece, Text) else (piece,):
                self._take(said, part)
            size = said.chars
            if size - checked >= _CHECK_EVERY:
                checked = size
                if self._had_enough(said):
                    return
        for part in speech.end():
            self._take(said, part)
        self._part_from_thought(said)
        self._judge(said, leaked=speech.leaked and may_call)

    def _part_from_thought(self, said: Said) -> None:
        """Templates that begin a turn with `<think>` leave only its end in the content where nothing parses it."""
        thought, tag, rest = said.text.rpartition(THOUGHT)
        if tag:
            said.thought, said.text = said.thought + thought, rest.lstrip()
            if not self._told_thought:
                self._told_thought = True
                self._tell(Notice("The model's thoughts arrived in its answer and were taken out.", _THOUGHT_HINT))

    def _take(self, said: Said, part: Piece) -> None:
        said.add(part)
        if isinstance(part, Text | Thought):
            self._emit(part)

    def _had_enough(self, said: Said) -> bool:
        if repeats_itself(said.text) or repeats_itself(said.thought):
            self._stop(said, "The model began to repeat itself and was stopped.")
        elif said.chars > self._limits.text_chars:
            self._stop(said, f"The model wrote more than {self._limits.text_chars:,} letters and was stopped.")
        return said.finish == "length"

    def _stop(self, said: Said, why: str) -> None:
        said.finish, self._told_cut = "length", True
        self._tell(Notice(why, "Ask again, or ask for less at once."))

    def _judge(self, said: Said, *, leaked: bool) -> None:
        said.whole = bool(said.finish)
        if leaked and not said.calls:
            raise ModelFormatError("the model's calls of tools arrive as text", hint=_PARSER_HINT)
        if said.finish in _BROKEN or not said.finish:
            how = f"broke off: {said.finish}" if said.finish else "broke off before the end"
            text = f"the model's server {self.client.settings.address} {how}"
            raise ModelUnavailableError(text, hint="Ask again; its log may say why.")

    def _silent(self) -> ModelUnavailableError:
        settings = self.client.settings
        text = f"the model's server {settings.address} has said nothing for {settings.silence_seconds:g} s"
        hint = "Look whether it still runs; WATCHDOG_ASSISTANT_SILENCE_SECONDS is how long is waited."
        return ModelUnavailableError(text, hint=hint)

    def tell_cut(self) -> None:
        """Say that an answer ends too early, unless it was said."""
        if not self._told_cut:
            text = f"The answer was cut off at {self.max_tokens:,} tokens."
            self._tell(Notice(text, "Ask to go on, or set WATCHDOG_ASSISTANT_MAX_TOKENS higher."))
