"""One fake vLLM for all questions of this folder."""

from __future__ import annotations

import pytest

from tests.fake_vllm import FakeVllm, says
from tests.unit.assistant.model_kit import ask_of


@pytest.fixture(scope="session")
def server():
    """A fake vLLM; `server.play(…)` gives it another script."""
    with FakeVllm(says("Done.")) as running:
        yield running


@pytest.fixture
def ask(server):
    """Ask a server that follows the script: `ask(calls(…), says("…"), question="Why?")`."""

    def asked(*script, **how):
        return ask_of(server.play(*script), **how)

    return asked
