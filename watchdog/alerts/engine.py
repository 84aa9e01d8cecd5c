"""The alert engine: facts in at every tick; alerts, incidents, messages and their history out.

Each step is one transaction of the store, so that a process killed at any moment loses and doubles nothing. Where the
store refuses, the engine goes on in memory and writes later.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchdog.alerts import actions, rulebook, stepping, tending
from watchdog.alerts.adopting import adopt
from watchdog.alerts.board import Board, OpenIncident, RuleState, by_urgency, rule_state, worst_first
from watchdog.alerts.book import Book
from watchdog.alerts.draft import Draft
from watchdog.alerts.judging import Judge, Verdicts
from watchdog.alerts.machine import FLAP_WINDOW
from watchdog.alerts.quantities import cell_metrics, trace_metrics
from watchdog.alerts.rules import default_rules
from watchdog.alerts.unsaved import Unsaved
from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.registry import CHECKS
from watchdog.base.clock import Clock
from watchdog.base.errors import ActionError
from watchdog.model.alert_changes import KeptRule, Outgoing, Saved
from watchdog.model.alerts import Acknowledgement, EventKind, Silence
from watchdog.model.findings import Judged
from watchdog.model.rules import Rule
from watchdog.services.history import History
from watchdog.store.alerts import AlertStore

EVALUATED, GAP = "evaluated", "gap"
# A store that is locked at the start (the process before is still ending) is waited for so long, as alerts without
# their past would be told twice.
PATIENCE_SECONDS = 120.0
KEEP, KEEP_DELIVERED, TIDY_EVERY = timedelta(days=400), timedelta(days=7), timedelta(hours=1)
_NOT_SAID = Verdicts(Judged())


@dataclass(frozen=True)
class EngineState:
    """How the engine is doing.

    Attributes:
        ticks, last_tick_at, last_tick_seconds: judged so often, last at that instant, in so much time.
        unsaved_events: steps that the store has not taken yet; lost_events: given up, as there were too many.
        error, hint: why alerts cannot be trusted or kept just now; empty when all is well.
    """

    ticks: int = 0
    last_tick_at: datetime | None = None
    last_tick_seconds: float | None = None
    unsaved_events: int = 0
    lost_events: int = 0
    error: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Watched:
    """Rules, and the health checks that they name."""

    rules: tuple[Rule, ...]
    checks: Mapping[str, Check]


def _new_id() -> str:
    return uuid.uuid4().hex


class AlertEngine:
    """One a process; `tick` from one thread, everything else from any."""

    def __init__(
        self,
        history: History,
        clock: Clock,
        *,
        channels: Callable[[], tuple[str, ...]] = tuple,
        new_id: Callable[[], str] = _new_id,
        link_base: str = "",
        keep: timedelta = KEEP,
        watched: Watched | None = None,
    ) -> None:
        """Prepare; the store is left alone until `open` or the first tick.

        Args:
            history: where the store is, or why it cannot be had.
            clock: time for what is not judged but done: acknowledging, recording.
            channels: names of the channels that messages go to, asked at every tick.
            new_id: gives an id that was never used.
            link_base: address of the app, for links in messages.
            keep: how long what is over stays in the history.
            watched: the rules to begin with and the checks they name; None = all that ship.
        """
        self._history = history
        self._clock = clock
        self._channels = channels
        self._new_id = new_id
        self._link_base = link_base.rstrip("/")
        self._keep = keep
        watched = watched or Watched(default_rules(), CHECKS)
        self._shipped, self._checks = watched.rules, watched.checks
        self._lock = threading.RLock()
        self._unsaved = Unsaved()
        self._book = Book()
        self._kept: dict[str, KeptRule] = {}
        self._rules = rulebook.in_force((), self._shipped)
        self._verdicts: dict[str, Verdicts] = {}
        self._number = 0
        self._loaded = self._apart = False
        self._began = clock.monotonic()
        self._tidied: datetime | None = None
        self.state = EngineState()
        self._board = Board()

    def open(self) -> AlertEngine:
        """Take up where the store left off, if it can be had by now; the first tick would, too."""
        with self._lock:
            self._ready()
            self._show()
        return self

    # Judging

    def tick(self, facts: Facts, *, seen_late: bool = False) -> None:
        """Judge the cluster at `facts.at`, and do what follows from it; never raises WatchdogError.

        Args:
            facts: the cluster at that instant.
            seen_late: it is over already, and nobody watched then. What begins and ends in such ticks is told of in
                one message, at `end_gap`.
        """
        started = self._clock.monotonic()
        with self._lock:
            if not self._ready():
                self._show()
                return
            rules = self._enabled()
        judge = Judge(facts, self._book.active, self._checks)
        verdicts = {rule.rule_id: judge.verdicts(rule) for rule in rules}
        with self._lock:
            self._verdicts = verdicts
            self._step(facts.at, seen_late=seen_late)
            self._tidy()
            seconds = self._clock.monotonic() - started
            self.state = replace(
                self.state, ticks=self.state.ticks + 1, last_tick_at=facts.at, last_tick_seconds=seconds
            )

    def end_gap(self) -> None:
        """The last late tick is done: tell of what began and ended meanwhile, in one message."""
        with self._lock:
            if GAP in self._book.marks:
                draft = self._draft()
                tending.summarize(self._book, draft, self._post())
                draft.marks[GAP] = None
                self._commit(draft)

    @property
    def evaluated_until(self) -> datetime | None:
        """The instant that was judged last, in this process or before; None if there was none."""
        return self._book.marks.get(EVALUATED)

    def _step(self, at: datetime, *, seen_late: bool) -> None:
        book, draft = self._book, self._draft(at, seen_late=seen_late)
        before = book.marks.get(EVALUATED)
        if before is not None and at < before:
            book.turn_back(at)
        book.age(at)
        judged = {rule_id: said.judged for rule_id, said in self._verdicts.items() if rule_id in self._rules}
        stepping.take(book, draft, judged, self._rules)
        tending.tend(book, draft, self._post())
        draft.marks[EVALUATED] = at
        if seen_late and GAP not in book.marks:
            draft.marks[GAP] = at
        self._commit(draft)

    # Looking

    def board(self) -> Board:
        """Everything that is open, as of the last step; cheap."""
        return self._board

    def rules(self) -> tuple[Rule, ...]:
        """The rules in force, those that are switched off included."""
        return tuple(self._rules.values())

    def metrics(self) -> tuple[str, ...]:
        """Catalogue keys that `Facts.cells` must have for the rules in force."""
        return tuple(cell_metrics(self._enabled()))

    def traced(self) -> tuple[str, ...]:
        """Catalogue keys that `Facts.trace` must have for the rules in force."""
        return tuple(trace_metrics(self._enabled()))

    def _enabled(self) -> list[Rule]:
        return [rule for rule in self._rules.values() if rule.enabled]

    def unsaved_messages(self) -> tuple[Outgoing, ...]:
        """Messages that the store would not take yet: the only place where they are while it refuses."""
        with self._lock:
            return self._unsaved.messages()

    # Doing; all of these may raise ActionError

    def acknowledge(self, incident_id: str, ack: Acknowledgement, *, expected: Acknowledgement | None) -> None:
        """Take an incident, if it is still acknowledged as `expected` (None = by nobody)."""
        self._act(lambda draft: actions.acknowledge(self._book, draft, incident_id, ack, expected))

    def end_acknowledgement(self, incident_id: str, by: str) -> None:
        """Give an incident back."""
        self._act(lambda draft: actions.end_acknowledgement(self._book, draft, incident_id, by))

    def note(self, incident_id: str, by: str, text: str) -> None:
        """Write something down about an incident."""
        self._act(lambda draft: actions.note(self._book, draft, incident_id, by, text))

    def silence(self, silence: Silence) -> None:
        """Mute what matches, from now on; an empty `silence_id` gets one."""
        known = replace(silence, silence_id=silence.silence_id or self._new_id())
        self._act(lambda draft: self._silenced(draft, lambda: actions.silence(self._book, draft, known)))

    def end_silence(self, silence_id: str, by: str) -> None:
        """End a silence now."""
        self._act(lambda draft: self._silenced(draft, lambda: actions.end_silence(self._book, draft, silence_id, by)))

    def save_rule(self, rule: Rule, by: str) -> None:
        """Keep a rule, new or changed; RuleError where it cannot do what it says."""
        self._act(lambda draft: self._keep_rule(draft, rulebook.saved(rule, by, draft.at)))

    def delete_rule(self, rule_id: str, by: str) -> None:
        """Watch a rule no more; its alerts end at the next tick."""
        self._act(lambda draft: self._keep_rule(draft, rulebook.deleted(rule_id, by, draft.at, self._rules)))

    def reset_rule(self, rule_id: str, by: str) -> None:
        """Set a rule back to what ships."""
        self._act(lambda draft: self._keep_rule(draft, rulebook.reset(rule_id, by, draft.at, self._shipped)))

    def _act(self, action: Callable[[Draft], None]) -> None:
        with self._lock:
            if not self._ready():
                raise ActionError("alerts are not open yet", hint=self.state.hint or "Try again in a moment.")
            draft = self._draft()
            try:
                action(draft)
            finally:
                # What was tried in vain is kept, too.
                if not draft.empty:
                    self._commit(draft)

    def _silenced(self, draft: Draft, action: Callable[[], None]) -> None:
        action()
        tending.silence_again(self._book, draft)

    def _keep_rule(self, draft: Draft, kept: KeptRule) -> None:
        before = self._rules.get(kept.rule_id)
        self._kept[kept.rule_id] = draft.rules[kept.rule_id] = kept
        self._rules = rulebook.in_force(self._kept.values(), self._shipped)
        words = rulebook.difference(before, self._rules.get(kept.rule_id))
        draft.aside(EventKind.RULE_CHANGED, kept.changed_by, words, rule_id=kept.rule_id)

    # Keeping

    def _draft(self, at: datetime | None = None, *, seen_late: bool = False) -> Draft:
        now = self._clock.now()
        return Draft(at or now, now, self._new_id, seen_late)

    def _post(self) -> tending.Post:
        return tending.Post(self._channels(), self._link_base)

    def _commit(self, draft: Draft) -> None:
        self._number += 1
        self._unsaved.add(draft.changes(self._number))
        for name, at in draft.marks.items():
            if at is None:
                self._book.marks.pop(name, None)
            else:
                self._book.marks[name] = at
        self._write()
        self._show()

    def _write(self) -> None:
        if self._loaded:
            number = self._history.attempt(lambda store: AlertStore(store).save(self._unsaved.batches()))
            self._unsaved.written(number or 0)

    def _ready(self) -> bool:
        """Whether there is something to go on: the stored past, or none after much patience."""
        if not self._loaded:
            since = self._clock.now() - FLAP_WINDOW
            saved = self._history.attempt(lambda store: AlertStore(store).load(since))
            if saved is not None:
                self._take_up(saved)
        if not self._loaded and self._clock.monotonic() - self._began >= PATIENCE_SECONDS:
            self._apart = True
        return self._loaded or self._apart

    def _take_up(self, saved: Saved) -> None:
        self._loaded = True
        self._kept = {each.rule_id: each for each in saved.rules} | self._kept
        self._rules = rulebook.in_force(self._kept.values(), self._shipped)
        if not self._apart:
            self._book, self._number = Book(saved), saved.number
            return
        self._number = self._unsaved.number_from(saved.number + 1)
        draft = self._draft()
        adopt(self._book, draft, saved)
        self._commit(draft)

    def _tidy(self) -> None:
        now = self._clock.now()
        if self._tidied is not None and timedelta() <= now - self._tidied < TIDY_EVERY:
            return
        ages = (now - self._keep, now - KEEP_DELIVERED)
        if self._history.done(lambda store: AlertStore(store).expire(*ages)):
            self._tidied = now

    def _show(self) -> None:
        error, hint = self._trouble()
        self.state = replace(
            self.state, unsaved_events=len(self._unsaved), lost_events=self._unsaved.lost, error=error, hint=hint
        )
        book = self._book
        incidents = [OpenIncident(each, worst_first(book.members(key))) for key, each in book.incidents.items()]
        self._board = Board(
            evaluated_at=self.evaluated_until,
            incidents=by_urgency(incidents),
            pending=tuple(sorted(book.pending(), key=lambda alert: (alert.since, alert.subject))),
            rule_states=tuple(self._rule_state(rule) for rule in self._rules.values()),
            silences=tuple(sorted(book.silences.values(), key=lambda silence: silence.starts_at)),
            error=error,
            hint=hint,
            version=self._board.version + 1,
        )

    def _rule_state(self, rule: Rule) -> RuleState:
        said = self._verdicts.get(rule.rule_id, _NOT_SAID) if rule.enabled else _NOT_SAID
        return replace(
            rule_state(rule, self._book.alerts.get(rule.rule_id, {}).values()),
            blind_why=said.judged.blind.why,
            blind=said.judged.blind.everybody,
            not_exported=said.not_exported,
            error=said.error,
        )

    def _trouble(self) -> tuple[str, str]:
        refusal = self._history.error
        if refusal is not None and (self._unsaved.batches() or not self._loaded):
            waiting = f"; {len(self._unsaved)} steps wait in memory" if len(self._unsaved) else ""
            return f"{refusal}{waiting}", refusal.hint
        failed = [rule_id for rule_id, said in self._verdicts.items() if said.error]
        if failed:
            return f"rules that failed: {', '.join(failed)}", "Report it with the log; the other rules go on."
        return "", ""
