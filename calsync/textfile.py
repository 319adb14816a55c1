"""A person's text file: read within bounds, decoded, and shown on a terminal without surprises."""

from __future__ import annotations

import os
import re
from pathlib import Path

from calsync.errors import Diagnostic, Severity, Source
from calsync.inside import Outside, is_regular, locate, open_inside

MIB = 1024 * 1024

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What no text file of a project holds: control characters, line breaks that editors do not show, and
byte order marks inside the text."""

_INVISIBLE = "\x85\u2028\u2029\ufeff"
"""Of these, what may be part of a caption all the same: YAML takes them for line breaks, TikTok does not."""

_NAMES = {
    "\x00": "a NUL character",
    "\x85": "a next-line character (U+0085)",
    "\u2028": "a line separator (U+2028)",
    "\u2029": "a paragraph separator (U+2029)",
    "\ufeff": "a byte order mark inside the text (U+FEFF)",
}


class UnreadableFile(Exception):
    """A file that cannot be taken as text; `code` is stable, `line` and `column` are set where it has a place."""

    def __init__(
        self, code: str, message: str, hint: str | None = None, *, at: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.line, self.column = at

    def diagnostic(self, file: str) -> Diagnostic:
        """The finding, at its place in `file`."""
        place = Source(file=file, line=self.line, column=self.column)
        return Diagnostic(
            severity=Severity.ERROR, code=self.code, message=self.message, hint=self.hint, source=place
        )


def shown(text: str, limit: int = 60) -> str:
    """Text as it may be printed anywhere: one line, nothing invisible, not too long."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(each if each.isprintable() else escape(each) for each in cut)


def escape(character: str) -> str:
    """A character that does not print, as its escape: `\\x1b`, `\\u202e`."""
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def name_of(path: Path, root: Path) -> str:
    """A file's name in messages: relative to the project, with `/`, control characters escaped."""
    try:
        relative = path.relative_to(root)
    except ValueError:
        relative = path
    return shown(relative.as_posix(), 4096)


def read_limited(path: Path, limit: int, *, root: Path, what: str = "file") -> bytes:
    """The bytes of a regular file of at most `limit` bytes inside the project `root`, links resolved.

    Raises UnreadableFile; never waits on a pipe.
    """
    try:
        with os.fdopen(open_inside(locate(path, root)), "rb") as stream:
            if not is_regular(stream.fileno()):
                raise UnreadableFile("unreadable", f"this {what} is not a regular file")
            data = stream.read(limit + 1)
    except Outside as error:
        raise UnreadableFile("outside", f"this {what} {error}", "copy the file here") from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a usable path"
        raise UnreadableFile("unreadable", f"this {what} cannot be read: {reason.lower()}") from error
    if len(data) > limit:
        size = f"{limit // MIB} MiB" if limit >= MIB else f"{limit // 1024} KiB"
        raise UnreadableFile("too-large", f"this {what} is larger than {size}")
    return data


def decode(data: bytes, *, strict: bool = True) -> str:
    """UTF-8 text without its byte order mark. Raises UnreadableFile naming the place of what does not belong.

    `strict`: invisible line breaks and byte order marks inside the text do not belong either.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile("encoding", "this file is UTF-16", "save it as UTF-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = position(data[: error.start].decode("utf-8").removeprefix("\ufeff"), None)
        byte = data[error.start]
        raise UnreadableFile(
            "encoding", f"not UTF-8: byte 0x{byte:02x}", "save the file as UTF-8", at=place
        ) from error
    text = text.removeprefix("\ufeff")
    found = next(
        (each for each in _FORBIDDEN.finditer(text) if strict or each.group() not in _INVISIBLE), None
    )
    if found:
        character = found.group()
        name = _NAMES.get(character, f"a control character (U+{ord(character):04X})")
        raise UnreadableFile(
            "control-character", f"{name} in the text", "delete it", at=position(text, found.start())
        )
    return text


def forbidden(text: str) -> str | None:
    """The first character of a value that no caption may hold, as its escape; line breaks of any kind are fine."""
    if _FORBIDDEN.search(text) is None:  # nearly always
        return None
    return next((escape(each) for each in _FORBIDDEN.findall(text) if each not in _INVISIBLE), None)


def position(text: str, index: int | None) -> tuple[int, int]:
    """Line and column, from 1, of an index into the text (None: its end). CR, LF and CRLF end a line."""
    before = text if index is None else text[:index]
    lines = re.split("\r\n|\r|\n", before)
    return len(lines), len(lines[-1]) + 1
