"""Untrusted text made harmless: what comes from a calendar or a service stays text wherever it is shown.

    terminal                                     control and invisible characters become visible escapes
    markdown_inline, markdown_table_cell         nothing of it is markup, a link, a mention or a reference
    markdown_code_block                          shown as it is; it cannot end its fence
    workflow_command, annotation                 data of a GitHub Actions command, never a command

Escapes look like `\\x1b` and `\\u202e`. A backslash that stands in the text is left alone: escapes are for
reading, not for reading back.
"""

from __future__ import annotations

import re
from typing import Literal

_EMOJI = "\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff"
_KEPT = (
    # Joined emoji, and the flags of England, Scotland and Wales, which are spelled with invisible letters.
    f"(?:(?<=[{_EMOJI}])|(?<=[{_EMOJI}]\ufe0f))\u200d(?=[{_EMOJI}])",
    "\U0001f3f4(?:\U000e0067\U000e0062)(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    "|\U000e0077\U000e006c\U000e0073)\U000e007f",
)
_UNSAFE = (
    "[\x00-\x1f\x7f-\x9f"  # C0 and C1 controls
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # shown as nothing
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # direction: marks, embeddings, overrides, isolates
    "\u200b-\u200d\u2060-\u2065\ufeff\ufff9-\ufffb"  # without width
    "\u2028\u2029"  # line and paragraph separator
    "\ud800-\udfff"  # half of a surrogate pair
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"  # more that is shown as nothing
)
_SHOWN = re.compile(f"({'|'.join(_KEPT)})|{_UNSAFE}")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# A runner of GitHub Actions obeys `::name ...::` at the start of a line that any step prints, and `##[name]`
# anywhere in one. A caption may be wrapped at any place, so it never holds either.
_COMMAND = re.compile(
    r":(?=:(?:add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|notice|remove-matcher|save-state"
    r"|set-env|set-output|stop-commands|warning)\b)|(?<=#)#(?=\[)",
    re.IGNORECASE,
)


def terminal(text: str, *, lines: bool = False) -> str:
    """Text for a terminal or a log: what controls, hides or reorders is shown as an escape.

    A line feed is kept with `lines`. Invisible joiners stay inside emoji, where they are meant.
    """
    if text.isascii() and "::" not in text and "##[" not in text:
        flat = text.replace("\n", "")
        if flat.isprintable():  # nearly always, and told at once
            return text if lines or len(flat) == len(text) else text.replace("\n", _NAMED["\n"])

    def shown(found: re.Match[str]) -> str:
        character = found[0]
        return character if found[1] or (lines and character == "\n") else _escape(character)

    return _COMMAND.sub(lambda found: f"\\x{ord(found[0]):02x}", _SHOWN.sub(shown, text))


def _escape(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_BREAK = "\x00"  # never in text that passed terminal()
_INVISIBLE = "&#8203;"
"""A zero-width space: GitHub and GitLab look for references in the finished text, where a backslash is gone."""

_REFERENCE = re.compile(
    r"(?<![A-Za-z0-9_])@|@(?=[\w-]+\.)"  # mentions and addresses of mail; not post@account
    # No word boundaries: what a word is, `\u00b2GH-1` for one, forges see in ways of their own.
    r"|(?:[Gg][Hh]-|[#!$&])(?=[0-9])"  # issues, merge requests, snippets, epics
    r"|[~%^](?=[\w\"'])"  # GitLab's labels, milestones and alerts
    r"|:(?=//|(?!\d\d:)[\w+-]+:)|[Ww]{3}(?=\.)"  # links, emoji names; not 18:30:00
    r"|(?:mailto|xmpp):"
    r"|[\[{](?=[+-])"  # GitLab's inline changes
    r"|[\[*](?=\w+:)"  # GitLab's work items, epics, iterations
)
_MARKUP = re.compile(r"[\\`*_\[\]~$]")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_BLANKS = re.compile("[ \t\r\n]+")
_NUMBERED = re.compile(r"([0-9]+)([.)])")


_ID = re.compile(
    r"(?<![\w./@-])([\w./@-]*?(?<![0-9A-Za-z])(?=[A-Fa-f]*[0-9])(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{7,64}(?![0-9A-Za-z])[\w./@-]*)",
    re.ASCII,
)
"""A word that holds what forges take for a commit: 7 to 64 hex digits, letters and figures among them."""
_ORDER = re.compile(r"(?m)^(?=/\w)")


def markdown_inline(text: str) -> str:
    """Text inside a line of GitHub's or GitLab's markdown, on one line, that renders as itself.

    No markup, HTML, link or image; no mention of people and no reference (`#1`, `closes #1`) that would notify
    or close anything. What could be a commit (most ids could) is code, so that it can be copied as it is.
    """
    plain = terminal(_BLANKS.sub(" ", text).strip(" "))
    parts = _ID.split(plain)  # text, an id, text, an id, text ...
    parts[::2] = map(_neutral, parts[::2])
    escaped = "`".join(parts)
    if escaped.startswith(("#", "+", "-", "=", "/")):  # a heading, a list, a rule, a quick action of GitLab
        escaped = f"\\{escaped}"
    elif found := _NUMBERED.match(escaped):
        escaped = f"{found[1]}\\{found[2]}{escaped[found.end() :]}"
    return escaped.replace(_BREAK, _INVISIBLE)


def _neutral(text: str) -> str:
    broken = _REFERENCE.sub(lambda found: found[0] + _BREAK, text)
    return _MARKUP.sub(r"\\\g<0>", broken.translate(_ENTITIES))


def markdown_table_cell(text: str) -> str:
    """Text in a cell of a markdown table: as inline, and no pipe of it begins another cell."""
    return markdown_inline(text).replace("|", "&#124;")


def markdown_code_block(text: str) -> str:
    """Text as a fenced block, lines kept: the fence is longer than any inside, so nothing in it is markup.

    A line that begins like a command (`/close`) is moved in by a space: bots, and GitLab's quick actions, read
    the source line by line, and not all of them know where a block ends.
    """
    shown = _ORDER.sub(" ", terminal(text, lines=True))
    longest = max((len(each) for each in re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{shown}{'' if shown.endswith(chr(10)) else chr(10)}{fence}\n"


def workflow_command(text: str) -> str:
    """Text as the data of a GitHub Actions command: it cannot end its line, nor begin another command."""
    return terminal(text, lines=True).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def annotation(
    level: Literal["error", "warning", "notice"],
    message: str,
    *,
    file: str | None = None,
    line: int | None = None,
    column: int | None = None,
    title: str | None = None,
) -> str:
    """A GitHub Actions command, without its line end, that notes the message at a place in a file."""
    given = (("file", file), ("line", line), ("col", column), ("title", title))
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in given if value is not None)
    return f"::{level}{f' {properties}' if properties else ''}::{workflow_command(message)}"


def _property(text: str) -> str:
    return workflow_command(text).replace(":", "%3A").replace(",", "%2C")
