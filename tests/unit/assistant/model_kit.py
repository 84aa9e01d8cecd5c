"""A question asked of a fake vLLM over real sockets: what came of it, what was emitted, what the server was sent."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from pydantic import Field

from tests.conftest import NOON
from tests.fake_vllm import FakeVllm
from watchdog.assistant.limits import Limits
from watchdog.assistant.loop import answer
from watchdog.assistant.records import Answer, Column, Evidence, Step, Text, ToolEnded
from watchdog.assistant.settings import ModelSettings
from watchdog.assistant.toolbox import Arguments, Tool, Toolbox
from watchdog.base.clock import SystemClock
from watchdog.base.errors import ToolError


class QuickClock(SystemClock):
    """Waits pass twenty times as fast."""

    def monotonic(self):
        return time.monotonic() * 20

    def sleep(self, seconds):
        time.sleep(seconds / 20)


class QueryMetrics(Arguments):
    metric: Literal["cpu", "mem"] = Field(description="what")
    minutes: int = Field(description="how long", ge=1, le=9)


class Nothing(Arguments):
    """No arguments."""


@dataclass
class Desk:
    """What the tools of these tests read from."""

    at = NOON
    ran: list[tuple[str, Arguments]] = field(default_factory=list)


def query_metrics(desk, asked):
    desk.ran.append(("query_metrics", asked))
    return table("query_metrics", rows=((42.0, NOON),))


def list_hosts(desk, asked):
    desk.ran.append(("list_hosts", asked))
    return table("list_hosts", rows=((1.0, NOON), (2.0, NOON - timedelta(minutes=1))))


def slow(desk, asked):
    time.sleep(2.0)
    return table("slow", rows=())


def broken(desk, asked):
    raise KeyError("a fault")


def fails(desk, asked):
    raise ToolError("there is no such node", hint="list_hosts knows them all.")


COLUMNS = (Column("cpu", "CPU", "ratio"), Column("at", "at"))


def table(tool, rows, *, total=None, columns=COLUMNS, title="CPU of n1"):
    return Evidence(0, tool, {}, title, "q", NOON, None, columns, tuple(rows), len(rows) if total is None else total)


TOOLBOX = Toolbox(
    [
        Tool("query_metrics", "Readings of a metric.", QueryMetrics, query_metrics),
        Tool("list_hosts", "All hosts.", Nothing, list_hosts),
        Tool("slow", "Takes its time.", Nothing, slow),
        Tool("broken", "Has a fault.", Nothing, broken),
        Tool("fails", "Never knows.", Nothing, fails),
    ]
)
CPU = ("query_metrics", {"metric": "cpu", "minutes": 5})


@dataclass
class Came:
    """What came of a question."""

    answer: Answer
    steps: list[Step]
    server: FakeVllm
    desk: Desk

    @property
    def told(self) -> list[str]:
        """What the tools' results said to the model, in the last request."""
        return [m["content"] for m in self.server.requests[-1]["messages"] if m["role"] == "tool"]

    @property
    def notes(self) -> str:
        """What the program said to the model, in the last request."""
        found = [m["content"] for m in self.server.requests[-1]["messages"] if m["role"] == "user"]
        return "\n".join(text for text in found if text.startswith("(From the program"))

    @property
    def spoken(self) -> str:
        return "".join(step.text for step in self.steps if isinstance(step, Text))

    @property
    def problems(self) -> list[str]:
        return [step.problem for step in self.steps if isinstance(step, ToolEnded) and step.problem]

    @property
    def notices(self) -> str:
        return " ".join(f"{notice.text} {notice.hint}" for notice in self.answer.notices)


def ask_of(
    server, *, question="Why?", limits=None, facts=(), history=(), cancelled=lambda: False, base_url="", **settings
):
    """Ask a server that runs already."""
    steps: list[Step] = []
    desk = Desk()
    model = ModelSettings(base_url=base_url or server.base_url, **{"model": "tiny", **settings})
    got = answer(
        question,
        toolbox=TOOLBOX,
        desk=desk,
        facts=facts,
        history=history,
        model=model,
        limits=limits or Limits(),
        emit=steps.append,
        cancelled=cancelled,
        clock=QuickClock(),
    )
    return Came(got, steps, server, desk)
