"""The one escaper: text from the cluster is data, and nearly every Streamlit label renders markdown.

Unescaped, a node name like `![x](https://evil/p.png)` makes every viewer's browser fetch that image.
Tables (`st.dataframe`), `st.text`, `st.code` and the options of a select box are safe as they are.
"""

from __future__ import annotations

import re

LONGEST = 120
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=@/\"'%])")
# Bare addresses become links without any markup; a word joiner inside them breaks that, invisibly.
_AUTOLINK = re.compile(r"(https?|www|mailto|ftp|xmpp)", re.IGNORECASE)
_JOINER = "\u2060"


def escape(text: object, longest: int = LONGEST) -> str:
    """`text` so that markdown shows it letter by letter: one line, printable, at most `longest` characters."""
    plain = "".join(character if character.isprintable() else " " for character in str(text))
    if len(plain) > longest:
        plain = plain[: longest - 1] + "…"
    broken = _AUTOLINK.sub(lambda found: found.group(1) + _JOINER, plain).replace("@", f"{_JOINER}@")
    return _SPECIAL.sub(r"\\\1", broken)
