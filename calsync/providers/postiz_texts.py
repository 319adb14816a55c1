"""What Postiz makes of texts: it keeps one without a `<` byte for byte, and cleans one with a `<` as if it were HTML.

So a text that holds a `<` is sent with its `&`, `<` and `>` written as entities: then no `<` is left in it, and it
stays as it is.
"""

from __future__ import annotations

import html
import re

_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")


def sent(text: str) -> str:
    """The text as it goes to Postiz and as Postiz shows it afterwards; doing it twice changes nothing more."""
    return html.escape(text, quote=False) if "<" in text else text


def tag(text: str) -> str | None:
    """The first thing in a text that looks like an HTML tag: it is published as these letters, not as a tag."""
    found = _TAG.search(text)
    return found.group() if found else None
