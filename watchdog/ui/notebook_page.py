"""Which notebook is on screen, with which window and whose answers; what happens to it goes through here."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from watchdog.base.errors import StoreError, WatchdogError
from watchdog.model.notebook import Before, Cell, Chart, Notebook, Sharing
from watchdog.model.people import Role
from watchdog.model.telemetry import Window
from watchdog.services.notebook.comparing import earlier
from watchdog.services.notebook.desk import Desk, SaveState
from watchdog.services.notebook.library import starting
from watchdog.services.notebook.outcome import CellState
from watchdog.services.notebook.session import Session
from watchdog.store.notebooks import new_id
from watchdog.ui import state
from watchdog.ui.data import runtime
from watchdog.ui.filters import current_view, set_parameters
from watchdog.ui.who import person, refusal

# An hour, the default of other pages, has no full hour in it.
_FIRST_WINDOW = "24h"
_COOKIE = "watchdog_answers"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}", re.ASCII)
# A save and a small question take less: then nothing has to be drawn twice.
_SOON_SECONDS = 0.3
# The copy of history that questions read is about as old.
_AGAIN_SECONDS = 15.0


@dataclass(frozen=True)
class Place:
    """The open notebook, its answers, and the window of `$since` and `$until`."""

    desk: Desk
    session: Session
    window: Window

    @property
    def notebook(self) -> Notebook:
        """As it is on screen."""
        return self.desk.notebook

    @property
    def has_prometheus(self) -> bool:
        """Whether there is one to ask."""
        return runtime().notebooks.prom is not None

    def states(self) -> dict[str, CellState]:
        """How all cells stand."""
        return self.session.states(self.notebook, self.window)

    def other(self, before: Before) -> Session:
        """Answers of the same notebook about an earlier window."""
        return runtime().notebooks.sessions.get(_browser(), f"{self.notebook.notebook_id} {before}")

    def compared(self) -> list[Cell]:
        """Cells that are compared with an earlier window."""
        return [cell for cell in self.notebook.cells if cell.before]

    def others(self) -> list[Session]:
        """The sessions of all earlier windows in use."""
        return [self.other(before) for before in dict.fromkeys(cell.before for cell in self.compared())]

    @property
    def running(self) -> bool:
        """Whether anything is being answered, of this window or an earlier one."""
        return self.session.running or any(other.running for other in self.others())

    def start(self, cell_id: str | None = None) -> None:
        """Run a cell or all, and what is compared with it; in the background."""
        self.session.start(self.notebook, self.window, cell_id)
        name = self.notebook.cell(cell_id).name if cell_id else ""
        for cell in self.compared():
            of = cell.body.of if isinstance(cell.body, Chart) else None
            if cell_id in (None, cell.cell_id) or of == name:
                self.start_earlier(cell)

    def start_earlier(self, cell: Cell) -> None:
        """Ask about the earlier window that a cell is compared with."""
        self.other(cell.before).start(self.notebook, earlier(cell.before, self.window), cell.cell_id)

    def stop(self) -> None:
        """End whatever is being answered."""
        for session in (self.session, *self.others()):
            session.stop()


def arrive() -> Place:
    """Open what the address asks for; the first thing a page does."""
    if not {"window", "at", "since"} & {*st.query_params}:
        set_parameters(window=_FIRST_WINDOW)
        st.rerun()
    _keep_cookie()
    desk = _desk()
    place = Place(desk, runtime().notebooks.sessions.get(_browser(), desk.notebook.notebook_id), _window())
    _show_address(desk)
    st.session_state.pop(state.NOTEBOOK_DONE, None)
    st.session_state[state.NOTEBOOK_DRAWN] = _signature(place)
    return place


def place_now() -> Place:
    """The same within a fragment."""
    desk: Desk = st.session_state[state.NOTEBOOK]
    return Place(desk, runtime().notebooks.sessions.get(_browser(), desk.notebook.notebook_id), _window())


# What is done


def act(action: Callable[[], Any], cell_id: str = "") -> bool:
    """Do it, in a callback; where it cannot be done, the cell (or the page) says why when it is drawn next."""
    try:
        action()
    except WatchdogError as error:
        st.session_state.setdefault(state.NOTEBOOK_SAID, {})[cell_id] = error
        return False
    finally:
        st.session_state[state.NOTEBOOK_DONE] = True
        if cell_id:
            st.session_state[state.NOTEBOOK_CURRENT] = cell_id
    place = place_now()
    place.desk.settle(_SOON_SECONDS)
    return True


def doing(action: Callable[[], Any], cell_id: str = "") -> Callable[[], None]:
    """`act`, as a callback."""

    def done() -> None:
        act(action, cell_id)

    return done


def run(cell_id: str | None = None) -> None:
    """Run a cell, or all, in the background."""

    def started() -> None:
        if cell_id is None:
            st.session_state.pop(state.NOTEBOOK_WINDOW, None)
        place = place_now()
        place.start(cell_id)
        place.session.wait(_SOON_SECONDS)

    act(started, cell_id or "")


def said(cell_id: str = "") -> WatchdogError | None:
    """What could not be done; told once."""
    found: dict[str, WatchdogError] = st.session_state.get(state.NOTEBOOK_SAID, {})
    return found.pop(cell_id, None)


def redraw_if_changed() -> None:
    """At the end of a fragment: what was done there may concern other cells."""
    if st.session_state.pop(state.NOTEBOOK_DONE, False) and _has_changed():
        st.rerun(scope="app")


def watch() -> None:
    """Draw the page again as runs and saves go on; nothing is asked while nothing goes on."""
    place = place_now()
    goes_on = place.running or place.desk.saved.state in (SaveState.SAVING, SaveState.FAILED)
    # What came to its end while the page was drawn is on it as it was before.
    if goes_on or _has_changed():
        st.fragment(_look, run_every=0.5)()
    elif _is_first_and_empty(place):
        st.fragment(_look, run_every=_AGAIN_SECONDS)()


def _look() -> None:
    if _is_first_and_empty(place_now()) and _is_time_again():
        run()
    if _has_changed():
        st.rerun(scope="app")


def _is_first_and_empty(place: Place) -> bool:
    """Whether this is the notebook of somebody new, untouched, and history had nothing to answer it with."""
    notebook = place.notebook
    if place.running or notebook != starting(notebook.notebook_id, notebook.author):
        return False
    found = [place.session.outcome(notebook, cell.cell_id) for cell in notebook.cells]
    return any(found) and not any(outcome.rows for outcome in found if outcome)


def _is_time_again() -> bool:
    now = runtime().clock.monotonic()
    if now - st.session_state.setdefault(state.NOTEBOOK_FIRST, now) < _AGAIN_SECONDS:
        return False
    st.session_state[state.NOTEBOOK_FIRST] = now
    return True


def _has_changed() -> bool:
    return bool(st.session_state.get(state.NOTEBOOK_DRAWN) != _signature(place_now()))


def _signature(place: Place) -> object:
    saved, notebook = place.desk.saved, place.notebook
    cells = [(cell.cell_id, cell.name, cell.kind, cell.before) for cell in notebook.cells]
    mood = (saved.state, str(saved.error or ""), place.desk.conflict is None, place.running)
    standing = [*place.states().values(), *(before_state(place, cell) for cell in place.compared())]
    return notebook.notebook_id, notebook.title, cells, standing, mood, place.window


def before_state(place: Place, cell: Cell) -> CellState:
    """How a cell's answer about the earlier window stands."""
    other = place.other(cell.before)
    return other.state(place.notebook, cell.cell_id, earlier(cell.before, place.window))


# Which one


def open_desk(desk: Desk) -> None:
    """Put a notebook on screen."""
    st.session_state[state.NOTEBOOK] = desk
    st.session_state[state.NOTEBOOK_ASKED] = desk.token or desk.notebook.notebook_id
    st.session_state.pop(state.NOTEBOOK_OPEN, None)
    st.session_state.pop(state.NOTEBOOK_CURRENT, None)
    _show_address(desk)


def open_notebook(notebook_id: str) -> None:
    """Load one of one's own and put it on screen; may raise StoreError or NotebookError."""
    open_desk(_opened(runtime().notebooks.store().load(notebook_id, person().name)))


def new_desk(notebook: Notebook) -> Desk:
    """A desk for a notebook that nobody has saved yet."""
    return runtime().notebooks.desk(notebook, person().name, locked=refusal(Role.OPERATOR))


def _desk() -> Desk:
    asked = st.query_params.get("shared", "") or st.query_params.get("notebook", "")
    desk: Desk | None = st.session_state.get(state.NOTEBOOK)
    if desk is not None and desk.by == person().name and asked in ("", st.session_state.get(state.NOTEBOOK_ASKED)):
        return desk
    st.session_state.pop(state.NOTEBOOK_ERROR, None)
    found = _loaded()
    open_desk(found)
    if not found.notebook.version:
        run()
    return found


def _loaded() -> Desk:
    """What the address asks for, else the one changed last, else a first one; errors are kept to be told."""
    try:
        return _asked_for() or _newest() or _first()
    except WatchdogError as error:
        st.session_state[state.NOTEBOOK_ERROR] = error
        if isinstance(error, StoreError):
            return _first()
    try:
        return _newest() or _first()
    except WatchdogError:
        return _first()


def _asked_for() -> Desk | None:
    token, notebook_id = st.query_params.get("shared", ""), st.query_params.get("notebook", "")
    store = runtime().notebooks.store()
    if token:
        return _opened(store.by_token(token[:200]), token[:200])
    return _opened(store.load(notebook_id[:200], person().name)) if notebook_id else None


def _newest() -> Desk | None:
    store = runtime().notebooks.store()
    entries = store.entries(person().name)
    return _opened(store.load(entries[0].notebook_id, person().name)) if entries else None


def _first() -> Desk:
    return new_desk(starting(new_id(), person().name))


def _opened(notebook: Notebook, token: str = "") -> Desk:
    name = person().name
    locked = refusal(Role.OPERATOR)
    if not locked and notebook.author != name and notebook.shared is not Sharing.EDIT:
        locked = f"{notebook.author} shares this notebook to be read"
    return runtime().notebooks.desk(notebook, name, token="" if notebook.author == name else token, locked=locked)


def _show_address(desk: Desk) -> None:
    """The address leads back here; a notebook that was never saved has none."""
    notebook = desk.notebook
    shown = notebook.notebook_id if notebook.version and not desk.token else ""
    set_parameters(notebook=shown, shared=desk.token)
    st.session_state[state.NOTEBOOK_ASKED] = desk.token or shown


def _window() -> Window:
    """The page's window, as it was when the page opened, its filters changed, or all cells were run.

    A window that moves with the clock would make every answer stale within seconds.
    """
    view = current_view()
    key = (view.address.window, view.address.at, view.address.own_range)
    kept = st.session_state.get(state.NOTEBOOK_WINDOW)
    if kept is None or kept[0] != key:
        kept = st.session_state[state.NOTEBOOK_WINDOW] = (key, view.window)
    window: Window = kept[1]
    return window


# Whose answers


def _browser() -> str:
    """A secret of this browser that survives a reload, so that runs and answers do."""
    known = st.session_state.get(state.NOTEBOOK_BROWSER)
    if known is None:
        cookie = str(st.context.cookies.get(_COOKIE, ""))
        known = cookie if _TOKEN.fullmatch(cookie) else secrets.token_urlsafe(24)
        st.session_state[state.NOTEBOOK_BROWSER] = known
    return f"{person().name}\n{known}"


def _keep_cookie() -> None:
    token = _browser().rpartition("\n")[2]
    if st.context.cookies.get(_COOKIE) != token:
        script = f"document.cookie='{_COOKIE}={token}; max-age=2592000; path=/; SameSite=Strict'"
        st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)
