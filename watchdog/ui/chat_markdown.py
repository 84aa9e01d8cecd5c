"""An answer as safe markdown: its headings, lists, tables, emphasis and code stay, everything else is text.

A model repeats what it reads, and what it reads was written by anybody. So there are no images, no links but those to
evidence, no HTML, no formulas, and none of Streamlit's own colours and icons but our marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from watchdog.assistant.records import Mark
from watchdog.ui.escape import escape

# Longer lines are shown as they are written: nobody writes tables so wide, and looking for markup in them takes time.
_LONGEST_LINE = 2_000
_OPEN, _CLOSE = "\ue000", "\ue001"
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([A-Za-z0-9+#-]{0,20})[^`]*$")
_BLOCK = re.compile(r"^([ \t]*)(#{1,6}[ \t]+|(?:>[ \t]?)+|[-*+][ \t]+|\d{1,4}[.)][ \t]+)(.*)$")
_RULE = re.compile(r"^ {0,3}(?:-[ \t]*){3,}$|^ {0,3}(?:\*[ \t]*){3,}$|^ {0,3}(?:_[ \t]*){3,}$")
_DELIMITER = re.compile(r"^\s*\|[\s:|-]*-[\s:|-]*$")
_INLINE = re.compile(
    r"(?P<escaped>\\[!-/:-@\[-`{-~])"
    r"|(?P<code>(?P<ticks>`+)(?P<inside>[^`]+|[^`].*?[^`])(?P=ticks)(?!`))"
    r"|(?P<image>!\[(?P<alt>[^\]]*)\](?:\([^)]*\)|\[[^\]]*\]))"
    r"|(?P<cite>\[\s*\d{1,3}(?:\s*[,;]\s*\d{1,3})*\s*\](?!\())"
    r"|(?P<link>\[(?P<label>[^\]]*)\]\([^)]*\))"
    r"|(?P<strong>\*\*(?=\S)(?P<bold>.+?)(?<=\S)\*\*)"
    r"|(?P<slanted>\*(?=[^\s*])(?P<italic>[^*]+?)(?<=\S)\*)"
    rf"|(?P<edge>[{_OPEN}{_CLOSE}])"
)


def anchor_of(message_id: str, number: int) -> str:
    """The id that [n] of a message leads to."""
    return f"evidence-{message_id}-{number}"


def safe_markdown(
    text: str, marks: Iterable[Mark] = (), *, numbers: Set[int] = frozenset(), message_id: str = ""
) -> str:
    """The text as markdown that Streamlit may draw.

    Args:
        text: as the model or the rules wrote it.
        marks: from grounding; parts without evidence are shown on an orange ground with a question mark.
        numbers: of the evidence there is; [n] of others is marked as well.
        message_id: whose evidence [n] leads to; "" makes no links.
    """
    return "\n".join(_Writer(numbers, message_id).lines(_with_edges(text, marks)))


def _with_edges(text: str, marks: Iterable[Mark]) -> str:
    """The text with a sign at either end of each part that was not traced."""
    clean = text.replace(_OPEN, " ").replace(_CLOSE, " ")
    edges = [(mark.start, _OPEN) for mark in marks if mark.number is None and mark.start < mark.end]
    edges += [(mark.end, _CLOSE) for mark in marks if mark.number is None and mark.start < mark.end]
    for place, sign in sorted(edges, reverse=True):
        clean = clean[:place] + sign + clean[place:]
    return clean


@dataclass
class _Writer:
    numbers: Set[int]
    message_id: str
    marked: int = 0

    def lines(self, text: str) -> Iterator[str]:
        rest = iter(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
        in_list = False
        for line in rest:
            fence = _FENCE.match(line)
            if fence:
                yield from _code(fence, rest)
            elif _RULE.match(line):
                yield from ("", "---", "")
            else:
                in_list = self._in_list(line, before=in_list)
                yield self._line(line, in_list=in_list)

    @staticmethod
    def _in_list(line: str, *, before: bool) -> bool:
        """Whether the line belongs to a list: only there its indentation means something."""
        block = _BLOCK.match(line)
        if block and block[2][0] not in "#>":
            return True
        return before and (not line.strip() or line[0] in " \t")

    def _line(self, line: str, *, in_list: bool) -> str:
        if len(line) > _LONGEST_LINE:
            return escape(line.translate(_NO_EDGES), len(line))
        if _DELIMITER.match(line):
            return line.strip()
        indent = line[: len(line) - len(line.lstrip())].replace("\t", "    ")[:12] if in_list else ""
        if line.lstrip().startswith("|"):
            return "|".join(self._inline(cell) for cell in line.strip().split("|"))
        block = _BLOCK.match(line)
        if block is None:
            return indent + self._inline(line.strip())
        # A heading of an answer is never as large as one of the page.
        marker = "##### " if block[2].startswith("#") else block[2]
        return indent + marker + self._inline(block[3])

    def _inline(self, text: str) -> str:
        parts, at = [], 0
        for found in _INLINE.finditer(text):
            parts.append(self._plain(text[at : found.start()]))
            parts.append(self._token(found))
            at = found.end()
        return "".join([*parts, self._plain(text[at:])])

    def _plain(self, text: str) -> str:
        return self._ground(escape(text, len(text)), bare=not text.strip())

    def _ground(self, shown: str, *, bare: bool = False) -> str:
        return f":orange-background[{shown} ?]" if self.marked > 0 and not bare else shown

    def _token(self, found: re.Match[str]) -> str:
        match found.lastgroup:
            case "escaped":
                return self._plain(found["escaped"][1:])
            case "cite":
                return "".join(self._cite(int(number)) for number in re.findall(r"\d+", found["cite"]))
            case "code":
                return self._code_span(found["inside"], found["ticks"])
            case "edge":
                self.marked += 1 if found[0] == _OPEN else -1
                return ""
            case _:
                inside, shown = _AROUND[str(found.lastgroup)]
                return shown.format(self._inline(found[inside]))

    def _code_span(self, inside: str, ticks: str) -> str:
        span = ticks + "".join(c if c.isprintable() else " " for c in inside.translate(_NO_EDGES)) + ticks
        begins, ends = inside.count(_OPEN), inside.count(_CLOSE)
        shown = f":orange-background[{span} ?]" if self.marked > 0 or begins else span
        self.marked += begins - ends
        return shown

    def _cite(self, number: int) -> str:
        if number not in self.numbers:
            return f":orange-background[\\[{number}\\] ?]"
        return f"[\\[{number}\\]](#{anchor_of(self.message_id, number)})" if self.message_id else f"\\[{number}\\]"


# Which part of a token is its text, and how that is shown.
_AROUND = {
    "strong": ("bold", "**{}**"),
    "slanted": ("italic", "*{}*"),
    "image": ("alt", "{} *(image removed)*"),
    "link": ("label", "{} *(link removed)*"),
}
_NO_EDGES = {ord(_OPEN): None, ord(_CLOSE): None}


def _code(fence: re.Match[str], rest: Iterator[str]) -> Iterator[str]:
    """A fenced block to its end, within a fence that nothing in it can end."""
    inside = []
    for line in rest:
        if re.match(rf"^ {{0,3}}{fence[1][0]}{{{len(fence[1])},}}\s*$", line):
            break
        inside.append("".join(c if c.isprintable() or c == "\t" else " " for c in line.translate(_NO_EDGES)))
    longest = max((len(run) for line in inside for run in re.findall(r"`+", line)), default=0)
    ticks = "`" * max(3, longest + 1)
    yield from ("", f"{ticks}{fence[2] or 'text'}", *inside, ticks, "")
