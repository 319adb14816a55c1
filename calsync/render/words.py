"""The difference of two texts, word by word."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["same", "removed", "added"]
Piece: TypeAlias = tuple[Kind, str]

_TOKEN = re.compile(r"\s+|\S+")
_MOST_CHARACTERS = 100_000
_MOST_WORDS = 4000
_MOST_PAIRS = 40_000
"""Beyond these a comparison could take seconds; captions stay far below."""


def word_diff(before: str, after: str) -> list[Piece]:
    """What stays, goes and comes, in reading order, by words and the white space between them.

    "same" and "removed" joined are `before`, "same" and "added" joined are `after`; no piece is empty and no
    two neighbours are of one kind. Of huge texts, or very repetitive ones, what differs is one piece.
    """
    if max(len(before), len(after)) > _MOST_CHARACTERS:
        return _joined([("same", before)] if before == after else [("removed", before), ("added", after)])
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    start = _alike(old, new)
    stop = _alike(old[start:][::-1], new[start:][::-1])
    old_end, new_end = len(old) - stop, len(new) - stop
    pieces: list[Piece] = [("same", "".join(old[:start]))]
    pieces += _middle(old[start:old_end], new[start:new_end])
    pieces.append(("same", "".join(old[old_end:])))
    return _merged(pieces)


def _alike(old: list[str], new: list[str]) -> int:
    """How many words from the start on are the same."""
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count


def _middle(old: list[str], new: list[str]) -> list[Piece]:
    here, there = Counter(old), Counter(new)
    pairs = sum(count * there[word] for word, count in here.items() if not word.isspace())
    if max(len(old), len(new)) > _MOST_WORDS or pairs > _MOST_PAIRS:
        return [("removed", "".join(old)), ("added", "".join(new))]
    pieces: list[Piece] = []
    # White space never starts a match: every text shares it, and a lone blank that "stays" helps nobody.
    for kind, i, j, k, m in SequenceMatcher(str.isspace, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(old[i:j])))
        else:
            pieces += [("removed", "".join(old[i:j])), ("added", "".join(new[k:m]))]
    return pieces


def _merged(pieces: list[Piece]) -> list[Piece]:
    """Without empty pieces, each run of changes as one removal and one addition, bare white space included."""
    merged: list[Piece] = []
    removed = added = ""
    full = [each for each in pieces if each[1]]
    for index, (kind, text) in enumerate(full):
        between = 0 < index < len(full) - 1 and bool(removed or added) and full[index + 1][0] != "same"
        if kind == "removed":
            removed += text
        elif kind == "added":
            added += text
        elif between and text.isspace():
            removed, added = removed + text, added + text
        else:
            merged += [("removed", removed), ("added", added), ("same", text)]
            removed = added = ""
    merged += [("removed", removed), ("added", added)]
    return _joined(merged)


def _joined(pieces: list[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for kind, text in pieces:
        if text and joined and joined[-1][0] == kind:
            joined[-1] = (kind, joined[-1][1] + text)
        elif text:
            joined.append((kind, text))
    return joined
