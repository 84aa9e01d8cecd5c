"""Text of the cluster made harmless for other people's chats, mails and pagers.

A job may be called `@channel <!here> [click](http://…)`. Receivers read such things as mentions, links and markup, and
a line break in a subject as another header. Nothing is lost to the reader: the characters stay, broken up.
"""

from __future__ import annotations

import re
import unicodedata

_BREAK = "\u200b"
# Mentions, Slack's <!here> and <url|text>, Markdown's [text](url), and whatever would be made a link.
_SIGNS = (("@", f"@{_BREAK}"), ("<", "\u2039"), (">", "\u203a"), ("](", f"]{_BREAK}("), ("://", f":{_BREAK}//"))
_WWW = re.compile(r"(?i)www\.")


def one_line(text: str, most: int) -> str:
    """`text` in one line of at most `most` characters, without control, direction and invisible characters."""
    # Nothing beyond is shown, and cluster text may be very long.
    seen = "".join(" " if _hidden(sign) else sign for sign in text[: 4 * most])
    line = " ".join(seen.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def harmless(text: str, most: int) -> str:
    """`one_line`, of which no receiver makes a mention, a link or markup."""
    line = one_line(text, most)
    for sign, instead in _SIGNS:
        line = line.replace(sign, instead)
    return _WWW.sub(lambda found: f"{found[0][:3]}{_BREAK}.", line)


def _hidden(sign: str) -> bool:
    return unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
