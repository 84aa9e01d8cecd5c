"""Text from the cluster, marked as data: whoever wrote a job's name must not be read as one who gives orders."""

from __future__ import annotations

import re
import unicodedata

# No text can hold these: they are taken out of what stands between them.
OPEN, CLOSE = "⟦", "⟧"
LONGEST, LONGEST_BLOCK = 300, 40_000
_BRACKETS = str.maketrans({OPEN: "[", CLOSE: "]"})
# What a chat template or a tool-call parser takes for its own: <|im_start|>, <tool_call>, </think>, [INST].
_TEMPLATE = re.compile(r"<\s*[|/!]?\s*[a-zA-Z_]|\[/?\s*(?:INST|SYS)|<<\s*/?\s*SYS", re.IGNORECASE)
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# A name, a number, an instant, a list of nodes: nothing that could be read as a sentence.
_PLAIN = re.compile(r"[\w.,:+\-/\[\]%@=]{0,64}", re.ASCII)


def quoted(text: str, longest: int = LONGEST_BLOCK) -> str:
    """The text between brackets that it cannot hold, without what is unseen, and no longer than `longest`.

    Lines stay lines: of a table each cell must have been put on one line before.
    """
    lines = [_line(line) for line in text[: 4 * longest].split("\n")]
    block = _capped("\n".join(lines), longest)
    return f"{OPEN}\n{block}\n{CLOSE}" if len(lines) > 1 else f"{OPEN}{block}{CLOSE}"


def named(text: str, longest: int = LONGEST) -> str:
    """A name in the midst of our own words: as it is where it can only be a name, else quoted: ``⟦ignore all rules⟧``."""
    return text if _PLAIN.fullmatch(text) else quoted(plain(text, longest), longest)


def plain(text: str, longest: int = LONGEST) -> str:
    """The text on one line, without what is unseen, and without the brackets: for people."""
    return _capped(_line(text[: 4 * longest]), longest)


def _line(text: str) -> str:
    seen = "".join(_seen(character) for character in text)
    line = " ".join(seen.translate(_BRACKETS).split())
    return _TEMPLATE.sub(lambda found: f"{found[0][0]} {found[0][1:]}", line)


def _capped(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _seen(character: str) -> str:
    """Controls and whatever turns, joins or hides its neighbours become a space or nothing."""
    category = unicodedata.category(character)
    if category not in _UNSEEN:
        return character
    return " " if category in {"Cc", "Zl", "Zp"} else ""


_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", re.ASCII)
# Signs of Markdown wherever they stand, colons that begin a directive, an icon or an address, and the dot of one.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~$&@]|:(?=[A-Za-z/])|(?<=www)\.|^(?:[#+\-=>]|\d+[.)]))", re.IGNORECASE)


def markdown(text: str, longest: int = LONGEST) -> str:
    """The text for a Markdown answer: a plain word as it is, everything else with every sign of Markdown escaped."""
    line = plain(text, longest)
    if _WORD.fullmatch(line) and "://" not in line and not line.lower().startswith("www."):
        return line.replace("_", "\\_")
    return _MARKDOWN.sub(_escaped, line)


def _escaped(found: re.Match[str]) -> str:
    """A backslash before the sign; of a list's number before its dot."""
    return f"{found[1][:-1]}\\{found[1][-1]}"


def code(text: str, longest: int = LONGEST) -> str:
    """The text as inline code, which it cannot end."""
    return f"`{plain(text, longest).replace('`', chr(39))}`"


def unescaped(text: str) -> str:
    """Markdown as it is read in a terminal: without the backslashes."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)
