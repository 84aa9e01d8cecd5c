"""Answers in the making: each in a thread of its own, so that no reload, no other page and no second tab ends it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from watchdog.assistant.draft import Draft, folded
from watchdog.assistant.kept import about_json, answer_json, answer_of, writable
from watchdog.assistant.records import About, Answer, Ending, Notice, Step, Turn
from watchdog.base.clock import Clock
from watchdog.base.errors import ChatError, WatchdogError
from watchdog.services.history import History
from watchdog.store.chats import Asked, ChatStore, Message, Reply, new_chat_id

_log = logging.getLogger(__name__)

# So many are written at once, so many more may wait for their turn.
MOST_AT_ONCE, MOST_WAITING = 8, 32
MOST_QUESTION_CHARS = 8_000
# A kill loses at most so much of an answer.
SAVE_SECONDS = 2.0
# One that does not stop when told is left to itself, and what it has said so far is the answer.
_PATIENCE_SECONDS = 2.0
_MOST_TURNS = 10
NOTHING = About()


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be answered: the words, what they are about, the instant they are asked of, and what was said before."""

    text: str
    about: About
    view_at: datetime | None
    turns: tuple[Turn, ...]


class Answering(Protocol):
    """Who answers. Runs in a thread; steps go to `emit` as they come; `cancelled` says that nobody waits any more."""

    def __call__(self, question: Question, emit: Callable[[Step], None], cancelled: Callable[[], bool]) -> Answer:
        """The whole answer."""
        ...


class Run:
    """One answer in the making; every method may be called from any thread."""

    def __init__(self, owner: str, title: str, asked: Asked) -> None:
        self.owner, self.title, self.asked = owner, title, asked
        self.asked_is_kept = False
        self.kept_version = -1
        self.keeping = threading.Lock()
        self._lock = threading.Condition()
        self._draft, self._version = Draft(), 0
        self._answer: Answer | None = None
        self._ended_at: datetime | None = None
        self._stopped_at: float | None = None

    @property
    def draft(self) -> Draft:
        """What it has said and looked at so far."""
        return self._draft

    @property
    def answer(self) -> Answer | None:
        """The answer, once it is whole."""
        return self._answer

    @property
    def version(self) -> int:
        """Grows with every step."""
        return self._version

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped_at is not None

    def emit(self, step: Step) -> None:
        """Take in a step; after the end nothing is added."""
        with self._lock:
            if self._answer is None:
                self._draft = folded(self._draft, step)
                self._version += 1
                self._lock.notify_all()

    def wait(self, version: int, seconds: float) -> int:
        """Return the version once it is another than this, or after so many seconds."""
        with self._lock:
            self._lock.wait_for(lambda: self._version != version, seconds)
            return self._version

    def stop(self, monotonic: float) -> None:
        """Ask it to stop; what it has said stays."""
        if self._stopped_at is None:
            self._stopped_at = monotonic

    def is_deaf(self, monotonic: float) -> bool:
        """Whether it was told to stop, and goes on."""
        return (
            self._answer is None and self._stopped_at is not None and monotonic - self._stopped_at > _PATIENCE_SECONDS
        )

    def end(self, answer: Answer | None, at: datetime) -> None:
        """Give the answer, or make one of what was said so far; only the first call counts."""
        with self._lock:
            if self._answer is None:
                self._answer = answer or self._draft.answer((at - self.asked.asked_at).total_seconds())
                self._ended_at = at
                self._version += 1
                self._lock.notify_all()

    def reply(self) -> tuple[int, Reply]:
        """What there is to keep, and its version."""
        with self._lock:
            answer, version, ended_at = self._answer or self._draft.answer(None), self._version, self._ended_at
        usage = answer.usage
        seconds = answer.seconds if ended_at else None
        return version, Reply(
            answer_json(answer),
            writable(answer.text),
            answer.source,
            usage.prompt_tokens,
            usage.completion_tokens,
            seconds,
            ended_at,
        )

    def message(self, kept: Message | None = None) -> Message:
        """As it would be kept now."""
        return replace(kept or Message(self.asked, Reply()), reply=self.reply()[1])


class Runs:
    """All answers in the making of this process, and the way to those that were kept."""

    def __init__(
        self, answering: Answering, history: History, clock: Clock, *, most_at_once: int = MOST_AT_ONCE
    ) -> None:
        self._answering, self._history, self._clock = answering, history, clock
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._turn = threading.BoundedSemaphore(most_at_once)
        self._closing = threading.Event()

    def ask(
        self, owner: str, chat_id: str, text: str, *, about: About = NOTHING, view_at: datetime | None = None
    ) -> Run:
        """Begin to answer, in the chat of that id or a new one; the question is kept first, if the store takes it.

        Raises:
            ChatError: nothing was asked, too much, the chat is answering already, or too many are.
        """
        asked = Asked(new_chat_id(), chat_id, _checked(text), self._clock.now(), about_json(about), view_at)
        run = Run(owner, asked.question, asked)
        turns = self._turns(chat_id, owner)
        with self._lock:
            self._admit(chat_id)
            self._runs[asked.message_id] = run
        try:
            self._keep(run)
        except ChatError:
            self._forget(run)
            raise
        question = Question(asked.question, about, view_at, turns)
        threading.Thread(target=self._work, args=(run, question), name="watchdog-answer", daemon=True).start()
        return run

    def _admit(self, chat_id: str) -> None:
        busy = [run for run in self._runs.values() if run.answer is None]
        if any(run.asked.chat_id == chat_id for run in busy):
            raise ChatError("this chat is still being answered", hint="Stop the answer, or wait for it.")
        if len(busy) >= MOST_AT_ONCE + MOST_WAITING or self._closing.is_set():
            raise ChatError(f"{len(busy)} questions are being answered already", hint="Ask again in a minute.")

    def _turns(self, chat_id: str, owner: str) -> tuple[Turn, ...]:
        try:
            said = self.messages(chat_id, owner)
        except WatchdogError:
            return ()
        turns = [Turn(each.asked.question, answer_of(each.reply.body)) for each in said]
        return tuple(turn for turn in turns if turn.answer.text)[-_MOST_TURNS:]

    def _work(self, run: Run, question: Question) -> None:
        while not self._turn.acquire(timeout=0.1):
            if run.stopping:
                run.end(None, self._clock.now())
                return
        try:
            answer = self._answered(run, question)
        finally:
            self._turn.release()
        run.end(answer, self._clock.now())
        if not self._closing.is_set():
            self._keep_or_forget(run)

    def _answered(self, run: Run, question: Question) -> Answer:
        try:
            return self._answering(question, run.emit, lambda: run.stopping)
        except WatchdogError as error:
            notice = Notice(_sentence(str(error)), error.hint)
        except Exception:  # noqa: BLE001 (a fault costs one answer, and is told)
            _log.exception("an answer failed")
            notice = Notice("The assistant failed: a fault in this program.", "The log says where. Ask again.")
        so_far = run.draft.answer((self._clock.now() - run.asked.asked_at).total_seconds())
        ending = Ending.STOPPED if run.stopping else Ending.FAILED
        return replace(so_far, ending=ending, notices=(*so_far.notices, notice))

    def stop(self, message_id: str) -> None:
        """Stop one answer; what it has said stays."""
        run = self._runs.get(message_id)
        if run is not None:
            run.stop(self._clock.monotonic())

    def running(self, chat_id: str) -> Run | None:
        """The answer that the chat waits for."""
        return next((run for run in self._all() if run.asked.chat_id == chat_id and run.answer is None), None)

    def busy_chats(self, owner: str) -> frozenset[str]:
        """The owner's chats that are being answered."""
        return frozenset(run.asked.chat_id for run in self._all() if run.owner == owner and run.answer is None)

    def _all(self) -> list[Run]:
        with self._lock:
            return list(self._runs.values())

    def messages(self, chat_id: str, owner: str) -> tuple[Message, ...]:
        """The chat: what is kept, and over it what is being written or could not be kept yet.

        Raises:
            ChatError: it is nobody's, or somebody else's.
            StoreError: it cannot be read, and nothing of it is in memory.
        """
        # Memory first: what is no more there is in the store by now.
        live = self._in_memory(chat_id, owner)
        try:
            kept = {each.asked.message_id: each for each in ChatStore(self._history.store()).messages(chat_id, owner)}
        except WatchdogError:
            if not live:
                raise
            kept = {}
        for run in live:
            identity = run.asked.message_id
            kept[identity] = run.message(kept.get(identity))
        return tuple(kept.values())

    def unkept(self, chat_id: str, owner: str) -> tuple[Message, ...]:
        """What of a chat is in memory alone: it is being written, or the store does not take it."""
        return tuple(run.message() for run in self._in_memory(chat_id, owner))

    def _in_memory(self, chat_id: str, owner: str) -> list[Run]:
        return [run for run in self._all() if run.asked.chat_id == chat_id and run.owner == owner]

    def forget(self, chat_id: str) -> None:
        """The chat is deleted: stop what is being written for it, and keep nothing of it."""
        for run in self._all():
            if run.asked.chat_id == chat_id:
                run.stop(self._clock.monotonic())
                self._forget(run)

    def _forget(self, run: Run) -> None:
        with self._lock:
            self._runs.pop(run.asked.message_id, None)

    def _keep(self, run: Run) -> None:
        """Write what there is of it; once it is whole and written, memory lets go of it. ChatError: it has no chat."""
        with run.keeping:
            version, reply = run.reply()
            if self._history.done(lambda store: self._write(ChatStore(store), run, reply)):
                run.kept_version = version
                if reply.ended_at is not None:
                    self._forget(run)

    def _keep_or_forget(self, run: Run) -> None:
        try:
            self._keep(run)
        except ChatError:
            self._forget(run)

    def _write(self, chats: ChatStore, run: Run, reply: Reply) -> None:
        if run.asked.message_id not in self._runs:
            return
        if not run.asked_is_kept:
            chats.ask(run.owner, run.title, run.asked)
            run.asked_is_kept = True
        chats.answer(run.asked.message_id, reply)

    def tend(self, stop: threading.Event) -> None:
        """Until `stop`: keep what is being written every two seconds, and end what does not stop when told."""
        while not stop.wait(SAVE_SECONDS):
            self.tend_once()

    def tend_once(self) -> None:
        """One round of `tend`."""
        for run in self._all():
            if run.is_deaf(self._clock.monotonic()):
                run.end(None, self._clock.now())
            if run.kept_version != run.version:
                self._keep_or_forget(run)

    def close(self) -> None:
        """Stop all, and keep what they have said."""
        self._closing.set()
        for run in self._all():
            run.stop(self._clock.monotonic())
            run.end(None, self._clock.now())
            self._keep_or_forget(run)


def _checked(text: str) -> str:
    words = writable(text).strip()
    if not words:
        raise ChatError("nothing was asked", hint="Write a question.")
    if len(words) > MOST_QUESTION_CHARS:
        what = f"the question has {len(words):,} characters; at most {MOST_QUESTION_CHARS:,} are read"
        raise ChatError(what, hint="Ask about less at once. What the tools can read need not be pasted.")
    return words


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
