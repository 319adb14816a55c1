"""What libyaml's complaints mean for a person: the place to look at, and what to type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml
from yaml.reader import ReaderError

from calsync.textfile import position, shown

_QUOTE = 'quote the whole text ("..."), or write it as a block: caption: |'

_MEANINGS: tuple[tuple[str, bool, str, str], ...] = (
    # part of the parser's words (libyaml's or the pure parser's), whether the place is where the construct
    # begins, what it means, what to do
    ("mapping values are not allowed", False, "`: ` inside unquoted text, or a wrong indentation", _QUOTE),
    (
        "invalid Unicode character escape",
        True,
        "an escape that is no Unicode character",
        "type the character itself",
    ),
    (
        "unknown escape",
        True,
        "an unknown escape after a backslash",
        r"use single quotes, or \\ for a backslash",
    ),
    (
        "expected escape sequence of",
        True,
        "an escape that is cut short",
        r"use single quotes, or \\ for a backslash",
    ),
    ("did not find expected hexdecimal number", True, "an escape that is cut short", r"use single quotes"),
    (
        "quoted scalar",
        True,
        "a quote that is never closed",
        "close it, or double an apostrophe inside: 'it''s'",
    ),
    (
        "node content",
        False,
        "a value is missing here, or a bracket is not closed",
        "close it, or quote the text",
    ),
    ("alphabetic or numeric", True, "text that starts with * or & must be quoted", _QUOTE),
    (
        "block scalar",
        False,
        "the lines of a block (| or >) are not indented alike",
        "indent them with spaces",
    ),
    (
        "flow sequence",
        True,
        "a list [...] that is not closed, or lacks a comma",
        "close it, or quote the text",
    ),
    (
        "flow mapping",
        True,
        "a mapping {...} that is not closed, or lacks a comma",
        "close it, or quote the text",
    ),
    ("find expected ':'", True, "a line without its `: `", "write KEY: VALUE; indent text that goes on"),
    (
        "block mapping",
        False,
        "this does not belong here",
        "check the indentation; quote text that holds quotes",
    ),
    (
        "block collection",
        False,
        "this does not belong here",
        "check the indentation; a list item starts with `- `",
    ),
    ("sequence entries", False, "a list item is not allowed here", "start the list on its own line"),
    ("mapping keys are not allowed", False, "text that starts with `? ` must be quoted", _QUOTE),
    ("document start", False, "this does not belong here", "check the indentation"),
    ("tag", True, "text that starts with ! must be quoted", _QUOTE),
    ("directive", True, "text that starts with % must be quoted", _QUOTE),
)


def explain(error: yaml.YAMLError, text: str) -> tuple[int, int, int, str, str | None]:
    """The index up to which the parser came, line, column, message and hint of what it could not read."""
    if isinstance(error, ReaderError):  # decode() lets nothing through that a reader refuses
        return (0, 1, 1, "not readable as YAML", None)
    mark: Any = getattr(error, "problem_mark", None)
    begin: Any = getattr(error, "context_mark", None) or mark
    problem = str(getattr(error, "problem", None) or "")
    context = str(getattr(error, "context", None) or "")
    if mark is None:
        return (0, 1, 1, "not readable as YAML", None)
    message, hint, place = f"not readable as YAML: {shown(problem)}", None, mark
    if "cannot start any token" in problem:
        sign = shown(text[mark.index : mark.index + 1])
        message, hint = f"text that starts with {sign} must be quoted", _QUOTE
    else:
        for part, at_begin, meaning, advice in _MEANINGS:
            if part in problem or part in context:
                message, hint, place = meaning, advice, begin if at_begin else mark
                break
    return (mark.index, place.line + 1, place.column + 1, message, hint)


def first_tab(text: str, spans: Sequence[tuple[int, int]], before: int) -> tuple[int, int] | None:
    """Line and column of the first tab outside quoted text, blocks (`spans`, in order) and comments.

    `before`: how far the parser came; the rest of that line is looked at too.
    """
    line_end = _LINE_END.search(text, before)
    stop = line_end.start() if line_end else len(text)
    start = 0
    for begin, end in (*spans, (stop, stop)):
        for found in _TAB.finditer(text, start, min(begin, stop)):
            if found["tab"]:
                return position(text, found.start())
        start = end
    return None


_LINE_END = re.compile(r"[\r\n]")
_TAB = re.compile(r"(?<!\S)#[^\r\n]*|(?P<tab>\t)")
"""A comment, to be passed over, or a tab."""


def past_colon(text: str, index: int) -> int | None:
    """The index behind the colon that follows a key; None where none does."""
    colon = _COLON.match(text, index)
    return colon.end() if colon else None


def lost_to_hash(
    text: str, at: int, style: str | None, *, empty: bool, prose: bool, column: int
) -> tuple[int, int, str] | None:
    """What an unquoted `#` took from a scalar: line, column and the comment that it became; None: nothing.

    `at` is where the scalar ends, or begins where it is a block; `column` that of its key, 0 in a list. `prose`: a
    field that often holds hashtags, so that a comment beside or below it that looks like one is taken for lost.
    """
    lost = None
    if empty:
        lost = _COMMENT.match(text, at)
    elif prose and not style:
        lost = _HASHTAG.match(text, at)
    elif prose and style in ("|", ">"):
        lost = _HEADER.match(text, at)
    if lost is None and prose and not style:
        lost = _BELOW.match(text, at)
        if lost is not None and len(lost["indent"]) < column:
            return None
    if lost is None:
        return None
    return (*position(text, lost.start("lost")), lost["lost"].rstrip())


_COLON = re.compile(r"[ \t]*:")
_COMMENT = re.compile(r"[ \t]*(?P<lost>#[^\r\n]*)")
"""After a value that is empty: any comment on its line."""
_HASHTAG = re.compile(r"[ \t]+(?P<lost>#[^\s#][^\r\n]*)")
"""After plain text: a comment that looks like a hashtag."""
_HEADER = re.compile(r"[|>][-+0-9]*[ \t]+(?P<lost>#[^\s#][^\r\n]*)")
"""Beside the sign of a block: the same."""
_BELOW = re.compile(r"[ \t]*+(?:(?>\r\n|\r|\n)(?P<indent> *+))++(?P<lost>#[^\s#][^\r\n]*)")
"""On a later line, indented as if it belonged to the text: the same."""
