"""An answer on the page: its form stays, nothing in it is fetched, clicked or run, and what is not traced is marked."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.assistant.records import Mark
from watchdog.ui.chat_markdown import safe_markdown


def plain(markdown: str) -> str:
    """What a reader sees of escaped text."""
    return re.sub(r"\\(?=[^\w\s])", "", markdown).replace("\u2060", "")


def test_headings_lists_tables_emphasis_and_code_stay():
    text = "# Big\n**a** and *b*\n- one `co:de`\n  - two\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n\n```sql\nSELECT '[1]'\n```\nend"
    shown = safe_markdown(text)
    for line in (
        "##### Big",
        "**a** and *b*",
        "- one `co:de`",
        "  - two",
        "| x | y |",
        "|---|--:|",
        "```sql",
        "SELECT '[1]'",
    ):
        assert line in shown.split("\n")


@pytest.mark.parametrize(
    "evil",
    [
        "![x](https://evil.example/p.png)",
        "![x][ref]\n\n[ref]: https://evil.example/p.png",
        "[click](https://evil.example)",
        "[click](javascript:alert(1))",
        "[a](data:text/html,<script>)",
        "<img src=https://evil.example/p.png>",
        "<https://evil.example>",
        "https://evil.example/p www.evil.example a@evil.example",
        ":red[x] :material/warning: :fire: $x^2$ $$y$$",
        "`a` ![x](https://evil.example/`p.png)",
        "- > ![x](https://evil.example/p.png)",
        "| ![x](https://evil.example/p.png) | [a](http://b) |",
        "**![x](https://evil.example/p.png)**",
        "\\![x](https://evil.example/p.png)",
        "\\\\![x](https://evil.example/p.png)",
        "!\\[x](https://evil.example/p.png)",
        "[![x](https://evil.example/p.png)](https://evil.example)",
        "text\n===\nmore\n---",
        "&#33;&#91;x&#93;(https://evil.example)",
    ],
)
def test_nothing_is_fetched_linked_coloured_or_run(evil):
    shown = safe_markdown(evil, numbers={1}, message_id="m")
    bare = re.sub(r"`+[^`]*`+", "", shown)
    assert not re.search(r"(?<!\\)!?\[[^\]]*(?<!\\)\]\(", bare), shown
    assert not re.search(r"(?<!\\)[<$&]", bare)
    assert not re.search(r"(?<!\\):(?!orange-background\[)\w", bare)
    assert "https:" not in bare
    assert not re.search(r"^=+$", bare, re.MULTILINE)


def test_what_was_removed_is_said():
    assert (
        safe_markdown("![plot](http://e/p.png) and [this](http://e)")
        == "plot *(image removed)* and this *(link removed)*"
    )


def test_citations_lead_to_their_evidence_and_those_of_nothing_are_marked():
    shown = safe_markdown("hot [1][2, 9].", numbers={1, 2}, message_id="ab")
    assert shown == (r"hot [\[1\]](#evidence-ab-1)[\[2\]](#evidence-ab-2):orange-background[\[9\] ?]\.")


def test_untraced_parts_are_marked_also_across_emphasis_and_code():
    text = "It drew **512 W** at `node-7` now"
    start = text.index("512")
    shown = safe_markdown(text, [Mark(start, text.index("node") + 4, "x", None), Mark(0, 2, "It", 1)])
    assert shown == (
        "It drew **:orange-background[512 W ?]**:orange-background[ at  ?]:orange-background[`node-7` ?] now"
    )


def test_a_fence_within_code_does_not_end_it_and_an_open_one_is_closed():
    assert safe_markdown("````\n```\n![x](u)\n````").split("\n")[1:-1] == ["````text", "```", "![x](u)", "````"]
    assert safe_markdown("~~~\n![x](u)").split("\n")[1:-1] == ["```text", "![x](u)", "```"]


@pytest.mark.parametrize("hard", ["`a``b```", "*a", "[a", "![", "**a ", "[1,", "\\", "|", "> ", "#", "```x\n", "- "])
def test_no_answer_takes_long_to_show(hard):
    began = time.perf_counter()
    safe_markdown(hard * (60_000 // len(hard)))
    safe_markdown((hard * (1_900 // len(hard)) + "\n") * 30)
    assert time.perf_counter() - began < 3


@settings(max_examples=300)
@given(st.text(alphabet="ab1 \n[]()!*`_|#>-<:$\\\ue000\ue001~", max_size=80), st.data())
def test_whatever_comes_no_image_link_or_tag_is_left_and_marks_are_closed(text, data):
    edges = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=2)))
    shown = safe_markdown(text, [Mark(*edges, "x", None)])
    outside = _without_code(shown)
    assert not re.search(r"(?<!\\)(?:\\\\)*!\[", outside)
    assert not re.search(r"(?<!\\)(?:\\\\)*\]\(", outside)
    assert not re.search(r"(?<!\\)(?:\\\\)*<", outside)
    assert "\ue000" not in shown
    assert "\ue001" not in shown
    marks = outside.count(":orange-background[")
    assert marks == len(re.findall(r"(?<!\\)\]", outside))


def _without_code(shown: str) -> str:
    lines, fence = [], ""
    for line in shown.split("\n"):
        if fence:
            fence = "" if line == fence else fence
        elif found := re.match(r"(`{3,})\w+$", line):
            fence = found[1]
        else:
            lines.append(re.sub(r"(?<![\\`])(`+)(?!`).+?(?<!`)\1(?!`)", "", line))
    return "\n".join(lines)
