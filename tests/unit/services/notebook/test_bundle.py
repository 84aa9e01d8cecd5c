"""An exported notebook against a real export: every worked question gives in plain Python what it gives in the app."""

import json

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.history_store import SINCE, UNTIL
from watchdog.base.clock import FakeClock
from watchdog.model.notebook import Notebook, Parameter, ParameterKind, Sql
from watchdog.model.questions import QUESTIONS
from watchdog.model.telemetry import Window
from watchdog.services.history_export import export_history
from watchdog.services.notebook import editing
from watchdog.services.notebook.formats.ipynb import to_ipynb
from watchdog.store.lake.lake import Lake

WINDOW = Window(SINCE, UNTIL)


@pytest.fixture(scope="module")
def snapshot(history_store, tmp_path_factory):
    return Lake(tmp_path_factory.mktemp("lake") / "history", FakeClock(NOON)).snapshot(history_store)


def test_worked_questions_run_outside_the_app_on_an_export(snapshot, tmp_path):
    export_history(snapshot, WINDOW, tmp_path / "bundle")
    built = Notebook("nb", "t", "ann")
    wanted = {name: value for question in QUESTIONS.values() for name, value in question.parameters.items()}
    for name, value in wanted.items():
        kind = ParameterKind.TEXT if isinstance(value, str) else ParameterKind.NUMBER
        built = editing.add(built, Parameter(name, kind, value))
    for question in QUESTIONS.values():
        built = editing.add(built, Sql(question.sql))
    space = {}
    for cell in json.loads(to_ipynb(built, WINDOW, bundle=str(tmp_path / "bundle")))["cells"]:
        exec(cell["source"], space)
    assert len(space["answers"]) == len(QUESTIONS)
    assert all(isinstance(frame, pd.DataFrame) for frame in space["answers"].values())
