"""What Postiz makes of a text: it is sanitised as HTML, and held to the length that a network allows.

Measured: without a ``<`` a text is kept byte for byte; with one, ``<``, ``>`` and ``&`` become entities and
unknown tags vanish, scripts with what is in them. On x the longer of the weighted and the raw length counts,
each ``&`` as the five letters of its entity, addresses in full; 280 letters of Latin, 140 of CJK. Which tags
are known (those of a simple editor), and that other networks count UTF-16 units, is the sandbox's choice.
"""

from __future__ import annotations

import html
import re

from calsync.sandbox.wire import utf16_length

_KNOWN = frozenset({"p", "h1", "h2", "h3", "strong", "u", "a", "ul", "li"})
_WITH_CONTENT = frozenset({"script", "style", "textarea", "option"})
"""Tags that vanish with everything up to their end."""
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<(/?)([A-Za-z][^\s/>]*)([^>]*)(?:>|\Z)|<[!?][^>]*(?:>|\Z)", re.DOTALL)
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
"""The code points that x counts once; all others count twice."""


def sanitized(text: str) -> str:
    """Give a text as Postiz stores it."""
    if "<" not in text:
        return text
    kept: list[str] = []
    inside: str | None = None
    end = 0
    for tag in _TAG.finditer(text):
        if inside is None:
            kept.append(_escaped(text[end : tag.start()]))
        end = tag.end()
        name = (tag[2] or "").lower()
        if inside is not None:
            inside = None if tag[1] and name == inside else inside
        elif name in _WITH_CONTENT and not tag[1]:
            inside = name
        elif name in _KNOWN:
            kept.append(f"<{tag[1]}{name}>" if name != "a" or tag[1] else tag[0])
    if inside is None:
        kept.append(_escaped(text[end:]))
    return "".join(kept)


def length(network: str, text: str) -> int:
    """Count a text as Postiz does for a network."""
    stored = sanitized(text)
    if network != "x":
        return utf16_length(stored)
    counted = stored if "<" in text else stored.replace("&", "&amp;")
    weighted = sum(1 if any(low <= ord(letter) <= high for low, high in _LIGHT) else 2 for letter in counted)
    return max(weighted, utf16_length(counted))


def _escaped(text: str) -> str:
    return html.escape(html.unescape(text), quote=False)
