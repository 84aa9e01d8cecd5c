"""The assistant's page: asking, watching, stopping, and what can be done with what was said."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from tests.conftest import NOON, ROOT
from tests.pages.alert_stage import staged_runtime
from tests.pages.conftest import words
from tests.pages.test_alerts import EVIL, HOT, LOST, button
from tests.unit.alerts.stage import Stage, finding, rule
from watchdog.assistant.records import (
    About,
    Answer,
    Column,
    Ending,
    Evidence,
    Mark,
    Notice,
    Text,
    Thought,
    ToolEnded,
    ToolStarted,
    Usage,
)
from watchdog.assistant.runs import Runs
from watchdog.assistant.settings import ModelSettings
from watchdog.base.clock import FakeClock
from watchdog.base.errors import StoreFullError
from watchdog.model.findings import Finding, Severity, Subject
from watchdog.model.telemetry import Window
from watchdog.services.history import History

HOUR = Window(NOON - timedelta(hours=1), NOON)
COURSE = Evidence(
    1, "gpu_metrics", {"metric": "power_watts", "over_time": True}, "Power of node001", "range(power_watts)", NOON, HOUR,
    (Column("bucket_at", "from"), Column("node", "node"), Column("value", "power", "watts")),
    tuple((NOON - timedelta(minutes=n), "node001", 400.0 + n) for n in range(9, 0, -1)),
    9, 4.0, ("one exporter was silent",), "gpus", {"node": "node001", "since": "2026-03-01T11:00:00Z", "until": "2026-03-01T12:00:00Z"}, 0.02,
)  # fmt: skip
TEXT = "It draws **409 W** [1], or 512 W. ![x](http://evil/p.png)"
FACT = Finding("hot", Severity.CRITICAL, Subject("node001"), "GPU 3 is at 91 °C", "cool it", "NVIDIA", NOON)
ANSWER = Answer(
    TEXT, Ending.ANSWERED, "nemotron", (COURSE,), (FACT,), (Mark(TEXT.index("512"), TEXT.index("512") + 5, "512 W", None),),
    (Notice("The limit of steps was reached.", "Ask for less."),), Usage(4210, 320), 6.2,
)  # fmt: skip


class Scripted:
    """Looks once, says half, waits where it is told to, answers."""

    def __init__(self) -> None:
        self.asked, self.answer, self.on = [], ANSWER, threading.Event()
        self.on.set()

    def __call__(self, question, emit, cancelled):
        self.asked.append(question)
        emit(Thought("hm"))
        emit(ToolStarted("a", "gpu_metrics", '{"metric": "power_watts"}'))
        emit(ToolEnded("a", "gpu_metrics", COURSE, seconds=0.2))
        emit(ToolStarted("b", "no_such", "{"))
        emit(ToolEnded("b", "no_such", None, "there is no such tool"))
        emit(Text("It draws "))
        while not self.on.wait(0.005):
            if cancelled():
                return Answer("It draws ", Ending.STOPPED, "nemotron", (COURSE,))
        return self.answer


@pytest.fixture
def script():
    return Scripted()


@pytest.fixture
def runtime(tmp_path, script):
    history = History(tmp_path / "watchdog.duckdb", FakeClock(NOON))
    stage = Stage(rule("hot"), rule("node_down"), history=history).see()
    fake = staged_runtime(stage)
    fake.stage, fake.model = stage, ModelSettings()
    fake.assistant = Runs(script, history, stage.clock)
    yield fake
    fake.assistant.close()
    history.close()


@pytest.fixture
def open_page(monkeypatch):
    """As the shared one, but straight to this page: its address is its file's name."""

    def opened(name, runtime, **parameters):
        streamlit.cache_data.clear()
        monkeypatch.setattr("watchdog.ui.data.current", lambda: runtime)
        navigation = SimpleNamespace(uses_pages_directory=False)
        monkeypatch.setattr("streamlit.runtime.scriptrunner.script_runner.PagesManager", navigation)
        app = AppTest.from_file(ROOT / "app.py", default_timeout=30)
        app.switch_page(f"pages/{name}.py")
        for key, value in parameters.items():
            app.query_params[key] = value
        return app.run()

    return opened


@pytest.fixture
def page(open_page, runtime):
    return open_page("assistant", runtime=runtime)


def until(holds):
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)


def asked(page, runtime, text="Why is node001 hot?"):
    runtime.clock.sleep(1)
    page.chat_input[0].set_value(text).run()
    until(lambda: not runtime.assistant._all())
    return page.run()


def starting(elements, start):
    return next(each for each in elements if each.key and each.key.startswith(start))


def kept(runtime):
    from watchdog.store.chats import ChatStore

    return ChatStore(runtime.history.store())


def test_an_empty_page_says_what_can_be_asked_and_how_to_connect_a_model(page):
    text = words(page)
    assert "Ask about the cluster in your own words" in text
    assert "No model is connected: rules answer" in text
    assert "WATCHDOG_ASSISTANT_BASE_URL" in text
    assert "Which GPUs need attention?" in [each.label.replace("\\", "") for each in page.button]


def test_a_model_is_named(open_page, runtime):
    runtime.model = ModelSettings(base_url="http://model/v1", model="nemotron")
    assert "Answers by nemotron; if it fails, by rules." in words(open_page("assistant", runtime=runtime))


def test_suggestions_fit_what_is_wrong_and_carry_it_along(open_page, runtime, script):
    runtime.stage.see(HOT, LOST)
    page = open_page("assistant", runtime=runtime)
    first = page.button(key="assistant.suggested.0")
    assert first.label.replace("\\", "") == "Node down (node node002): why, and what should be done?"
    first.click().run()
    until(lambda: script.asked)
    assert script.asked[0].about == About(incident=runtime.engine.board().incidents[0].incident.incident_id)


def test_an_answer_shows_facts_apart_marks_what_is_not_traced_and_removes_images(page, runtime):
    text = words(asked(page, runtime))
    assert [each.value for each in page.text] == ["Why is node001 hot?"]
    assert "GPU 3 is at 91 °C" in text.replace("\\", "")
    assert "Facts from checks: 1 critical" in [each.label for each in page.expander]
    assert "**Interpretation** :gray[by nemotron]" in text
    assert "It draws **409 W** [\\[1\\]](#evidence-" in text
    assert ":orange-background[512 W ?]" in text
    assert "1 part of it rests on nothing that was read." in text
    assert "x *(image removed)*" in text
    assert "![x]" not in text
    assert "The limit of steps was reached" in text
    assert "answered by nemotron, 4,210 tokens read, 320 written, 6.2 s" in text.replace("\\", "")
    assert page.get("vega_lite_chart")


def test_what_is_not_known_of_an_answer_is_no_zero_and_facts_left_out_are_counted(page, runtime, script):
    script.answer = replace(ANSWER, usage=Usage(4210, None), more_facts=7)
    text = words(asked(page, runtime)).replace("\\", "")
    assert "4,210 tokens read, n/a written" in text
    assert "Facts from checks: 1 critical, and 7 more" in [each.label for each in page.expander]


def test_evidence_opens_with_query_window_values_chart_and_a_link_to_its_instant(page, runtime):
    asked(page, runtime)
    charts = len(page.get("vega_lite_chart"))
    starting(page.button, "assistant.evidence.").click().run()

    text = words(page)
    assert "2026-03-01 11:00:00 UTC to 2026-03-01 12:00:00 UTC, newest reading 4" in text
    assert "one exporter was silent" in text.replace("\\", "")
    assert page.code[0].value == "range(power_watts)"
    table = page.dataframe[0].value
    assert list(table.columns) == ["from", "node", "power"]
    assert table["power"].iloc[0].replace("\u00a0", " ") == "409 W"
    assert len(page.get("vega_lite_chart")) == charts + 1
    link = next(each for each in page.get("page_link") if "that instant" in each.proto.label)
    assert link.proto.page == "gpus"
    assert "since=2026-03-01" in link.proto.query_string


def test_while_it_is_written_the_page_shows_how_far_it_is_and_stop_keeps_that(page, runtime, script):
    script.on.clear()
    page.chat_input[0].set_value("Why?").run()
    until(lambda: next(iter(runtime.assistant._all())).draft.text)
    page.run()
    text = words(page)
    assert "It draws" in text
    assert "**gpu metrics**" in text
    assert "9 rows" in text
    assert "there is no such tool" in text
    assert "Writing for" in text

    button(page, "Stop").click().run()
    until(lambda: not runtime.assistant._all())
    text = words(page.run())
    assert "It draws" in text
    assert "stopped" in text
    assert not [each for each in page.button if each.label == "Stop"]


def test_another_page_and_another_session_find_the_answer_that_is_being_written(open_page, page, runtime, script):
    script.on.clear()
    page.chat_input[0].set_value("Why?").run()
    chat = page.query_params["chat"]
    page.switch_page("pages/data_health.py").run()
    page.query_params.clear()
    page.switch_page("pages/assistant.py").run()
    assert "It draws" in words(page)

    other = open_page("assistant", runtime=runtime, chat=chat)
    assert "It draws" in words(other)
    script.on.set()
    until(lambda: not runtime.assistant._all())
    assert "answered by nemotron" in words(other.run())


def test_what_is_asked_meanwhile_is_asked_next(page, runtime, script):
    script.on.clear()
    page.chat_input[0].set_value("Why?").run()
    page.chat_input[0].set_value("And then?").run()
    assert "Next: And then" in words(page)
    script.on.set()
    until(lambda: not runtime.assistant._all())
    page.run()
    until(lambda: len(script.asked) == 2 and not runtime.assistant._all())
    page.run()
    assert [each.value for each in page.text] == ["Why?", "And then?"]
    assert [turn.question for turn in script.asked[1].turns] == ["Why?"]


def test_asking_again_and_editing_replace_the_question_and_what_followed(page, runtime, script):
    asked(page, runtime, "One?")
    asked(page, runtime, "Two?")
    button(page, "Ask again").click().run()
    until(lambda: not runtime.assistant._all())
    page.run()
    assert [each.value for each in page.text] == ["One?", "Two?"]

    starting(page.button, "assistant.change.").click().run()
    assert "What was said after it goes with the old answer" in words(page)
    starting(page.text_area, "assistant.edit.").input("Three?")
    button(page, "Ask this").click().run()
    until(lambda: not runtime.assistant._all())
    page.run()
    assert [each.value for each in page.text] == ["Three?"]
    assert [question.text for question in script.asked] == ["One?", "Two?", "Two?", "Three?"]


def test_renaming_finding_and_deleting_a_chat(page, runtime):
    asked(page, runtime, "zebra one")
    button(page, "New chat").click().run()
    assert page.text == []
    asked(page, runtime, "other two")
    titles = [
        each.label.split(" :gray")[0] for each in page.button if each.key and each.key.startswith("assistant.open.")
    ]
    assert titles == ["other two", "zebra one"]

    page.text_input(key="assistant.search").input("zebra 409").run()
    found = [each for each in page.button if each.key and each.key.startswith("assistant.open.")]
    assert len(found) == 1
    found[0].click().run()
    assert [each.value for each in page.text] == ["zebra one"]

    chat = page.query_params["chat"]
    page.text_input(key=f"assistant.title.{chat}").input("Stripes")
    button(page, "Rename").click().run()
    assert "**Stripes**" in words(page)
    page.checkbox(key=f"assistant.sure.{chat}").check().run()
    button(page, "Delete this chat").click().run()
    assert page.text == []
    assert [each.title for each in kept(runtime).chats("local")] == ["other two"]


def test_a_chat_is_exported_with_its_evidence_and_nothing_in_it_is_fetched(page, runtime):
    from watchdog.ui.chat_export import as_markdown

    asked(page, runtime, f"why {EVIL}")
    (entry,) = kept(runtime).chats("local")
    text = as_markdown(entry.title, kept(runtime).messages(entry.chat_id, "local"))
    plain = text.replace("\\", "")
    assert "> why" in plain
    assert "critical: GPU 3 is at 91 °C" in plain
    assert "[512 W ?]" in text
    assert "**[1] Power of node001**" in plain
    assert "`range(power_watts)`" in text
    assert "409 W" in plain.replace("\u00a0", " ")
    assert "![x](" not in text
    assert page.get("download_button")


def test_a_thumb_and_a_note_are_kept(page, runtime):
    asked(page, runtime)
    page.feedback[0].set_value(0).run()
    note = next(each for each in page.text_area if each.key.endswith(".note"))
    note.input("wrong node").run()
    button(page, "Keep note").click().run()
    (entry,) = kept(runtime).chats("local")
    assert [(m.thumb, m.note) for m in kept(runtime).messages(entry.chat_id, "local")] == [(-1, "wrong node")]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("job", "812", "job **812**"), ("gpu", "GPU-1", "GPU **GPU-1**"), ("node", "n1", "node **n1**")],
)
def test_who_comes_from_a_job_or_gpu_asks_about_it(open_page, runtime, script, key, value, said):
    page = open_page("assistant", runtime=runtime, **{key: value})
    assert said in words(page).replace("\\", "")
    page.button(key="assistant.suggested.0").click().run()
    until(lambda: script.asked)
    assert script.asked[0].about == About(**{key: value})
    page.run()
    assert key not in page.query_params
    asked(page, runtime, "and now?")
    assert script.asked[1].about == About(**{key: value})


def test_who_comes_from_an_incident_asks_about_it_as_of_the_instant_on_screen(open_page, runtime, script):
    runtime.stage.see(HOT)
    one = runtime.engine.board().incidents[0].incident.incident_id
    at = f"{NOON - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
    page = open_page("assistant", runtime=runtime, incident=one, at=at)
    asked(page, runtime, "Why?")
    assert (script.asked[0].about, script.asked[0].view_at) == (About(incident=one), NOON - timedelta(hours=2))
    assert "asked of 2026-03-01 10:00:00 UTC" in words(page)


def test_a_question_on_the_overview_is_asked_in_a_chat_of_its_own(open_page, runtime, script):
    page = open_page("assistant", runtime=runtime)
    asked(page, runtime, "First?")
    page.switch_page("pages/overview.py").run()
    page.chat_input(key="overview.ask").set_value("Who wastes most?").run()
    until(lambda: len(script.asked) == 2)
    assert script.asked[1].text == "Who wastes most?"
    assert script.asked[1].turns == ()
    assert len(kept(runtime).chats("local")) == 2


def test_hostile_titles_questions_answers_names_and_ids_stay_text(open_page, runtime, script):
    evil_course = replace(
        COURSE, title=EVIL, query=EVIL, marks=(EVIL,), tool=EVIL, arguments={"node": EVIL, "over_time": True},
        columns=(Column("a", EVIL), Column("b", EVIL)), rows=((EVIL, 1),),
    )  # fmt: skip
    evil_fact = replace(FACT, explanation=EVIL)
    script.answer = replace(
        ANSWER,
        text=EVIL,
        source=EVIL,
        evidence=(evil_course,),
        facts=(evil_fact,),
        marks=(),
        notices=(Notice(EVIL, EVIL),),
    )
    runtime.stage.see(finding(Subject(node=EVIL), "node_down", Severity.CRITICAL))
    page = open_page("assistant", runtime=runtime, node=EVIL)
    asked(page, runtime, EVIL)
    starting(page.button, "assistant.evidence.").click().run()
    said = [words(page), *(each.label for each in page.button), *(each.label for each in page.expander)]
    said += [link.proto.label for link in page.get("page_link")]
    assert "![x](" not in "".join(said)
    button(page, "New chat").click().run()
    assert "![x](" not in "".join([words(page), *(each.label for each in page.button)])


def test_an_answer_cut_by_the_end_of_the_server_is_told_and_can_be_asked_again(open_page, runtime, script):
    from watchdog.store.chats import Asked, Reply

    kept(runtime).ask("local", "Why?", Asked("0" * 16, "a" * 16, "Why?", NOON))
    kept(runtime).answer("0" * 16, Reply('{"text":"It dr","ending":"stopped","source":""}', "It dr"))
    page = open_page("assistant", runtime=runtime, chat="a" * 16)
    text = words(page)
    assert "It dr" in text
    assert "cut off: the server ended" in text.replace("\\", "")
    button(page, "Ask again").click().run()
    until(lambda: script.asked)


def test_without_a_store_questions_are_answered_and_the_page_says_they_are_not_kept(page, runtime, monkeypatch):
    def refuse():
        raise StoreFullError("the disk is full", hint="Make room.")

    monkeypatch.setattr(runtime.history, "store", refuse)
    page.chat_input[0].set_value("Why?").run()
    until(lambda: all(run.answer for run in runtime.assistant._all()))
    text = words(page.run())
    assert "The disk is full" in text
    assert "kept once it works again" in text
    assert "It draws **409 W**" in text


def test_a_chat_that_is_not_ones_own_is_not_there(open_page, runtime):
    from watchdog.store.chats import Asked

    kept(runtime).ask("bob", "secret", Asked("1" * 16, "b" * 16, "secret", NOON))
    page = open_page("assistant", runtime=runtime, chat="b" * 16)
    assert "There is no such chat" in words(page)
    assert page.text == []
    assert "secret" not in words(page)


def test_too_much_is_refused_in_words_and_stays_to_be_shortened(page, runtime, script):
    page.chat_input[0].set_value("x" * 9_000).run()
    assert "at most 8,000 are read" in words(page).replace("\\", "")
    assert starting(page.text_area, "assistant.edit.").value == "x" * 9_000
    starting(page.text_area, "assistant.edit.").input("short?")
    button(page, "Ask this").click().run()
    until(lambda: script.asked)
    assert script.asked[0].text == "short?"


def test_of_a_long_chat_the_newest_are_drawn_and_the_rest_on_demand(open_page, runtime):
    from watchdog.store.chats import Asked

    for number in range(25):
        kept(runtime).ask("local", "long", Asked(f"{number:016x}", "c" * 16, f"question {number}", NOON))
    page = open_page("assistant", runtime=runtime, chat="c" * 16)
    assert [each.value for each in page.text] == [f"question {number}" for number in range(5, 25)]
    button(page, "Show 5 earlier").click().run()
    assert len(page.text) == 25
