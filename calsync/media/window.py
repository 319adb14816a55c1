"""What the readers of formats see of a file: bounded reads, and one way to say that it is wrong."""

from __future__ import annotations

import io
from typing import BinaryIO, NamedTuple

MOST_READS = 100_000
"""Reads per file: a 20 MB GIF of 255-byte blocks needs 80,000, everything else far fewer (0.1 to 0.4 s)."""

LONGEST_READ = 1 << 20
FASTEST = 1000
"""Frames per second; more is a mistake of whoever wrote the file."""
_AHEAD = 16 * 1024


class Figures(NamedTuple):
    """What a reader found: size in pixels as displayed, milliseconds, codec, frames per second; None: not known."""

    width: int | None
    height: int | None
    duration_ms: int | None = None
    codec: str | None = None
    frame_rate: float | None = None


def per_second(frames: float, seconds: float) -> float | None:
    """A frame rate to two decimals; None for what no camera makes, and for a single frame."""
    rate = round(frames / seconds, 2) if frames > 1 and seconds > 0 else 0.0
    return rate if 0 < rate <= FASTEST else None


class Flaw(Exception):
    """What is wrong with a file, as the rest of a sentence that begins with its name: "is cut short: ..."."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def broken(message: str, hint: str | None = None) -> Flaw:
    """The file is damaged or incomplete."""
    return Flaw("media-broken", message, hint)


def cut_short(part: str, end: int, size: int) -> Flaw:
    """A part of the file should reach to `end`, but the file has only `size` bytes."""
    message = f"is cut short: its {part} should reach to byte {end:,}, the file has {size:,}"
    return broken(message, "copy or export it again")


def wrong_type(message: str, hint: str | None = None) -> Flaw:
    """The file is sound, as far as is known, but nothing that calsync can post."""
    return Flaw("media-type", message, hint)


class Window:
    """Random access to a file of a known size, with a budget, so that no content can keep a reader busy."""

    def __init__(self, raw: io.RawIOBase | BinaryIO, size: int) -> None:
        self._raw = raw
        self.size = size
        self._left = MOST_READS
        self._start = 0
        self._data = b""

    def at(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`; fewer only where the file ends. Raises Flaw when over budget."""
        start = offset - self._start
        self._left -= 1
        if self._left < 0:
            raise broken("is made of more parts than any real file")
        if start < 0 or start + count > len(self._data):
            if not 0 <= count <= LONGEST_READ:
                raise broken("has a part of an impossible size")
            if not 0 <= offset < self.size:
                return b""
            self._raw.seek(offset)
            self._start, self._data, start = offset, self._fill(max(count, _AHEAD)), 0
        return self._data[start : start + count]

    def exactly(self, offset: int, count: int, part: str) -> bytes:
        """`count` bytes from `offset`. Raises Flaw (cut short) when the file ends before."""
        data = self.at(offset, count)
        if len(data) < count:
            raise cut_short(part, offset + count, self.size)
        return data

    def _fill(self, count: int) -> bytes:
        data = self._raw.read(count) or b""
        while len(data) < count and (more := self._raw.read(count - len(data))):
            data += more
        return data
