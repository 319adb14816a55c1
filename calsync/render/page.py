"""Lines for a terminal: styled spans, wrapped with a hanging indent, as text with or without colour.

Smaller than a console on purpose: it reads no environment, so that the same plan gives the same bytes anywhere,
and plain text has no padding that would be copied along.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

Style: TypeAlias = Literal[
    "plain", "bold", "dim", "red", "green", "yellow", "cyan", "alarm", "removed", "added"
]
Span: TypeAlias = tuple[Style, str]

_CODES: dict[Style, str] = {
    "plain": "",
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
    "alarm": "1;31",
    "removed": "9;31",  # struck through and underlined too: not everyone tells red from green,
    "added": "4;32",  # and a space that was added is seen
}
GLUE = "\0"
"""A space at which a line is not broken. Safe text never holds the character itself."""

_WORD = re.compile("[^ ]+ *| +")


def cells(text: str) -> int:
    """How many columns the text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # only where somebody writes more than ASCII

    return cell_len(text.replace(GLUE, " "))


class Page:
    """Collects lines. What is put on it has to be safe already (`safe.terminal`)."""

    def __init__(self, *, colour: bool, width: int | None) -> None:
        """`width` None: lines are never wrapped."""
        self.colour = colour
        self.width = width
        self._lines: list[str] = []

    def put(
        self, *spans: Span | str, indent: int = 0, hang: int | None = None, fold: bool = True, most: int = 0
    ) -> None:
        """One paragraph: the first line starts at `indent`, the others at `hang`.

        Newlines in it are kept. A word wider than a line is cut, unless `fold` is false: then it stays whole, so
        that it can be copied. Beyond `most` lines (0: no limit) the rest is only counted.
        """
        parts: list[Span] = [("plain", each) if isinstance(each, str) else each for each in spans]
        hang = indent if hang is None else hang
        rows = list(self._rows(_merged(parts), indent, hang, fold))
        cut = (
            len(rows) - most if most and len(rows) > most + 1 else 0
        )  # "1 more line" would take a line itself
        for number, row in enumerate(rows[: len(rows) - cut]):
            self._add(indent if number == 0 else hang, row)
        if cut:
            self._add(hang, [("dim", f"... {cut} more lines, -v shows them")])

    def gap(self) -> None:
        """An empty line, never two in a row and never the first."""
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def text(self) -> str:
        """All of it, every line ended; empty for an empty page."""
        while self._lines and not self._lines[-1]:
            self._lines.pop()
        return "".join(line + "\n" for line in self._lines)

    def _add(self, indent: int, row: list[Span]) -> None:
        written = "".join(self._styled(style, text) for style, text in row)
        self._lines.append((" " * indent + written).rstrip(" "))

    def _styled(self, style: Style, text: str) -> str:
        code, text = _CODES[style], text.replace(GLUE, " ")
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code and text else text

    def _rows(self, spans: list[Span], indent: int, hang: int, fold: bool) -> Iterator[list[Span]]:
        text = "".join(part for _, part in spans)
        start = 0
        for number, line in enumerate(text.split("\n")):
            first = indent if number == 0 else hang
            for begin, end in self._pieces(line, first, hang, fold):
                yield _slice(spans, start + begin, start + begin + len(line[begin:end].rstrip(" ")))
            start += len(line) + 1

    def _pieces(self, line: str, first: int, hang: int, fold: bool) -> list[tuple[int, int]]:
        if self.width is None:
            return [(0, len(line))]
        room = max(self.width - first, 10)
        if len(line) <= room and line.isascii():
            return [(0, len(line))]
        later = max(self.width - hang, 10)
        pieces, begin, used = [], 0, 0
        for found in _WORD.finditer(line):
            size = cells(found[0].rstrip(" "))
            if used and used + size > room:
                pieces.append((begin, found.start()))
                begin, used, room = found.start(), 0, later
            if fold and size > room:
                *whole, last = _chopped(found[0].rstrip(" "), room, later)
                for piece in whole:
                    pieces.append((begin, begin + len(piece)))
                    begin, room = begin + len(piece), later
                used = cells(last) + len(found[0]) - len(found[0].rstrip(" "))
            else:
                used += cells(found[0])
        return [*pieces, (begin, len(line))]


def _chopped(word: str, first: int, later: int) -> list[str]:
    pieces, used, room = [""], 0, first
    for letter in word:
        size = cells(letter)
        if size and used + size > room:  # what takes no column belongs to the letter before it
            pieces.append("")
            used, room = 0, later
        pieces[-1] += letter
        used += size
    return pieces


def _merged(parts: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for style, text in parts:
        if merged and merged[-1][0] == style:
            merged[-1] = (style, merged[-1][1] + text)
        elif text:
            merged.append((style, text))
    return merged


def _slice(spans: list[Span], begin: int, end: int) -> list[Span]:
    row: list[Span] = []
    at = 0
    for style, text in spans:
        piece = text[max(begin - at, 0) : max(end - at, 0)]
        if piece:
            row.append((style, piece))
        at += len(text)
    return row
