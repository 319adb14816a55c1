"""A text's change, word by word, as people read it: long unchanged stretches cut, line breaks made visible."""

from __future__ import annotations

from calsync.render.words import Kind, Piece, word_diff

_CONTEXT = 6  # words of an unchanged stretch that are kept on either side of a change


def pieces(before: str, after: str, *, whole: bool = False) -> list[Piece]:
    """What stays, goes and comes, in reading order. `whole`: unchanged stretches are not cut."""
    found = word_diff(before, after)
    last = len(found) - 1
    shown: list[Piece] = []
    for number, (kind, text) in enumerate(found):
        if kind == "same":
            shown.append((kind, text if whole else _cut(text, first=number == 0, last=number == last)))
        else:
            # A line break that comes or goes is a change like any other: the sign makes it visible.
            shown.append((kind, text.replace("\n", "↵" if kind == "removed" else "↵\n")))
    return shown


def mark(kind: Kind, text: str) -> str:
    """A piece as it is marked where there is no colour: `[-removed-]{+added+}`."""
    if kind == "removed":
        return f"[-{text}-]"
    return f"{{+{text}+}}" if kind == "added" else text


def marked(before: str, after: str, *, whole: bool = False) -> str:
    """The change as one marked text."""
    return "".join(mark(kind, text) for kind, text in pieces(before, after, whole=whole))


def _cut(text: str, *, first: bool, last: bool) -> str:
    words = text.split(" ")
    head, tail = (0 if first else _CONTEXT), (0 if last else _CONTEXT)
    if len(words) <= head + tail + 4:
        return text
    left = " ".join(words[:head])
    right = " ".join(words[len(words) - tail :])
    return f"{left}{' ' if left else ''}...{' ' if right else ''}{right}"
