"""What of a model's content is answer, thought, or neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.assistant.records import Text, Thought
from watchdog.assistant.spoken import Speech, repeats_itself


def sorted_out(*parts):
    speech = Speech()
    found = [piece for part in parts for piece in speech.feed(part)] + list(speech.end())
    said = "".join(p.text for p in found if isinstance(p, Text))
    thought = "".join(p.text for p in found if isinstance(p, Thought))
    return said, thought, speech.leaked


@pytest.mark.parametrize(
    ("content", "said", "thought", "leaked"),
    [
        ("\n\nHello.", "Hello.", "", False),
        ("  \n", "", "", False),
        ("<think>hm</think>\n\nHello.", "Hello.", "hm", False),
        ("<think></think>Hello.", "Hello.", "", False),
        ("<think>never ends", "", "never ends", False),
        ("<tool_call>\n<function=f>", "", "", True),
        ("<think>hm</think><tool_call>x", "", "hm", True),
        ("<thin", "<thin", "", False),
        ("< 5 % idle", "< 5 % idle", "", False),
        ("a <think> in the middle", "a <think> in the middle", "", False),
    ],
)
def test_content_is_sorted(content, said, thought, leaked):
    assert sorted_out(content) == (said, thought, leaked)
    assert sorted_out(*content) == (said, thought, leaked)


@given(st.text(alphabet="<think>/olcar_ \nab", max_size=60), st.data())
def test_it_does_not_matter_how_content_is_cut_into_pieces(content, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(content)), max_size=8)))
    parts = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    assert sorted_out(*parts) == sorted_out(content)


def test_circles_are_seen_and_long_tables_are_not_circles():
    assert repeats_itself("The node n1 is idle since noon. " * 60)
    assert not repeats_itself("\n".join(f"| node{n} | {n % 8} | 0 % | 70 W | idle since 12:00 |" for n in range(300)))
    assert not repeats_itself("a" * 200)
