"""Bodies on their way out: JSON bytes, one file, or a multipart form that is streamed from disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import uuid4

from calsync.errors import CalsyncError


class Chunks(Protocol):
    """A source of bytes that can be read again for a retry (see `providers.base.Payload`)."""

    def chunks(self) -> Iterator[bytes]:
        """The bytes, from the beginning."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A file in a form: its field, the name it goes by there, its type, and exactly `size` bytes of `source`."""

    field: str
    filename: str
    mime: str
    size: int
    source: Chunks


@dataclass(frozen=True, slots=True)
class Body:
    """A request body of known size. `chunks` starts anew at each call; None stands for no body."""

    size: int
    chunks: Callable[[], Iterable[bytes]]
    content_type: str | None = None

    @classmethod
    def of_bytes(cls, content: bytes, content_type: str = "application/json") -> Body:
        """A body that is in memory already."""
        return cls(len(content), lambda: (content,), content_type)

    @classmethod
    def of_file(cls, source: Chunks, size: int) -> Body:
        """A file as it is; its type is for the caller's headers to say."""
        return cls(size, lambda: _measured(source, size))


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A `multipart/form-data` body: text fields, then files, never whole in memory."""

    fields: Sequence[tuple[str, str]] = ()
    files: Sequence[FilePart] = ()
    boundary: str = field(default_factory=lambda: f"calsync-{uuid4().hex}")

    def body(self) -> Body:
        """The form as a body, its length counted before anything is read."""
        size = sum(len(each) if isinstance(each, bytes) else each.size for each in self._parts())
        return Body(size, self._chunks, f"multipart/form-data; boundary={self.boundary}")

    def _parts(self) -> Iterator[bytes | FilePart]:
        for name, value in self.fields:
            yield self._head(f'name="{_quoted(name)}"') + value.encode() + b"\r\n"
        for part in self.files:
            disposition = f'name="{_quoted(part.field)}"; filename="{_quoted(part.filename)}"'
            yield self._head(disposition, f"Content-Type: {part.mime}\r\n")
            yield part
            yield b"\r\n"
        yield f"--{self.boundary}--\r\n".encode()

    def _chunks(self) -> Iterator[bytes]:
        for part in self._parts():
            if isinstance(part, bytes):
                yield part
            else:
                yield from _measured(part.source, part.size)

    def _head(self, disposition: str, more: str = "") -> bytes:
        return f"--{self.boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n".encode()


def _measured(source: Chunks, size: int) -> Iterator[bytes]:
    """Exactly `size` bytes: a file that grew or shrank meanwhile is an error before its request is complete."""
    sent = 0
    for chunk in source.chunks():
        sent += len(chunk)
        if sent > size:
            break
        yield chunk
    if sent != size:
        raise CalsyncError(
            "a media file changed while it was uploaded", hint="plan again", code="media-changed"
        )


def _quoted(text: str) -> str:
    # As HTML's form encoding has it, so that a name cannot end its header.
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
