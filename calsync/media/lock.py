"""media.lock: what was found in media files, committed beside calsync.yaml, so that checks need no media.

One line per content, by its sha256 and in that order, so that branches merge; the version stands last, so that
every entry ends in a comma. It comes from a stranger like all the rest: it stands in for looking only where a Git
LFS pointer says the same sha256 and size, and what is uploaded is looked into all the same.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from calsync.errors import Diagnostic, Severity, Source
from calsync.media.sniff import MIMES, kind_of
from calsync.media.window import FASTEST
from calsync.model import Json, MediaFile
from calsync.textfile import MIB, UnreadableFile, decode, read_limited, shown

LOCK_FILE = "media.lock"
"""Its name, beside calsync.yaml."""

_VERSION = 1
_LARGEST = 8 * MIB
_MOST_PROBLEMS = 50
_OID = re.compile(r"[0-9a-f]{64}")
_CODEC = re.compile(r"[a-z0-9._-]{1,16}")
_MOST = {"size": 2**53, "width": 2**24, "height": 2**24, "duration_ms": 2**53}
_KEYS = ("size", "type", "width", "height", "duration_ms", "codec", "frame_rate")
_AGAIN = "take it from another commit, or delete it and run calsync media probe where the media is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was found in one file; as in MediaFile."""

    size: int
    mime: str
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    codec: str | None = None
    frame_rate: float | None = None

    @classmethod
    def of(cls, media: MediaFile) -> Facts:
        """The facts of a file that was looked into."""
        return cls(
            size=media.size,
            mime=media.mime,
            width=media.width,
            height=media.height,
            duration_ms=media.duration_ms,
            codec=media.codec,
            frame_rate=media.frame_rate,
        )

    def to_json(self) -> dict[str, Json]:
        """As an entry says it; what is not known is left out."""
        values: tuple[Json, ...] = (
            *(self.size, self.mime, self.width, self.height),
            *(self.duration_ms, self.codec, self.frame_rate),
        )
        return {key: value for key, value in zip(_KEYS, values, strict=True) if value is not None}


@dataclass(frozen=True, slots=True)
class MediaLock:
    """What a media.lock says: facts by sha256."""

    facts: Mapping[str, Facts] = field(default_factory=dict)

    def get(self, media: MediaFile) -> Facts | None:
        """The facts of this content: same sha256, same size."""
        found = self.facts.get(media.sha256)
        return found if found is not None and found.size == media.size else None

    def fill(self, media: MediaFile) -> MediaFile:
        """A pointer with the facts of the file that it stands for; a real file knows better."""
        found = self.get(media) if media.pointer else None
        if found is None:
            return media
        return replace(
            media,
            kind=kind_of(found.mime),
            mime=found.mime,
            width=found.width,
            height=found.height,
            duration_ms=found.duration_ms,
            codec=found.codec,
            frame_rate=found.frame_rate,
        )

    def renewed(self, files: Iterable[MediaFile]) -> MediaLock:
        """The lock of these files and no others: found in those that are there, kept for those that are pointers."""
        facts = {
            each.sha256: found
            for each in files
            if (found := self.get(each) if each.pointer else Facts.of(each)) is not None
        }
        return MediaLock(dict(sorted(facts.items())))

    def to_text(self) -> str:
        """The one spelling of these facts."""
        lines = [f'"{oid}": {json.dumps(self.facts[oid].to_json())},' for oid in sorted(self.facts)]
        return "\n".join(["{", *lines, f'"version": {_VERSION}', "}", ""])


def lock_text(project: Path) -> str | None:
    """The project's media.lock as it stands there; None where there is none. Raises UnreadableFile."""
    path = project / LOCK_FILE
    if not os.path.lexists(path):
        return None
    return decode(read_limited(path, _LARGEST, root=project)).replace("\r\n", "\n")


def read_lock(project: Path) -> tuple[MediaLock, tuple[Diagnostic, ...]]:
    """The project's media.lock, and every mistake in it at its line; of one with mistakes nothing is taken."""
    try:
        text = lock_text(project)
    except UnreadableFile as problem:
        return MediaLock(), (problem.diagnostic(LOCK_FILE),)
    if text is None:
        return MediaLock(), ()
    reading = _Reading(text)
    lock = reading.read()
    return (MediaLock() if reading.problems else lock), tuple(reading.problems)


def write_lock(project: Path, text: str) -> None:
    """Replace the project's media.lock, wholly or not at all. Raises OSError."""
    # With the leave that any new file gets: it is committed, and holds nothing that the calendars do not.
    draft = project / f".{LOCK_FILE}.{os.urandom(8).hex()}"
    try:
        with draft.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(project / LOCK_FILE)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


class _Object(list[tuple[str, object]]):
    """A JSON object as it is written: with keys that come twice."""


class _Reading:
    """Reads the text of one media.lock, noting what is wrong."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[Diagnostic] = []

    def read(self) -> MediaLock:
        try:
            whole = json.loads(self.text, object_pairs_hook=_Object, parse_constant=_no_number)
        except json.JSONDecodeError as error:
            marked = re.search(r"^(<<<<<<<|=======|>>>>>>>)", self.text, re.MULTILINE)
            if marked is not None:
                self._note(marked.start(), "a merge was left unresolved here", "keep the lines of both sides")
            else:
                self._note(error.pos, f"not JSON: {shown(error.msg)}", _AGAIN)
            return MediaLock()
        except (ValueError, RecursionError):
            self._note(0, "not JSON of a kind that calsync writes", _AGAIN)
            return MediaLock()
        if not isinstance(whole, _Object):
            self._note(0, "expected an object with one line per file", _AGAIN)
            return MediaLock()
        versions = [value for key, value in whole if key == "version"]
        if len(versions) != 1 or type(versions[0]) is not int or versions[0] != _VERSION:
            newer = [each for each in versions if type(each) is int and each > _VERSION]
            message = f"expected one version, which is {_VERSION}"
            self._note(self._place("version"), message, "a newer calsync wrote it" if newer else _AGAIN)
            return MediaLock()
        return MediaLock(dict(self._entries(whole)))

    def _entries(self, whole: _Object) -> Iterator[tuple[str, Facts]]:
        seen: set[str] = set()
        for key, value in whole:
            if key == "version":
                continue
            if not _OID.fullmatch(key):
                self._note(self._place(key), f"{shown(key)} is no sha256 of 64 lower-case hex digits")
            elif key in seen:
                self._note(
                    self._place(key, last=True), f"{key[:12]}... stands here twice", "keep one of them"
                )
            elif (facts := self._facts(key, value)) is not None:
                yield key, facts
            seen.add(key)
            if len(self.problems) >= _MOST_PROBLEMS:
                return

    def _facts(self, oid: str, value: object) -> Facts | None:
        def wrong(what: str) -> None:
            self._note(self._place(oid), f"{oid[:12]}...: {what}")

        if not isinstance(value, _Object):
            wrong('expected an object such as {"size": 52428800, "type": "video/mp4"}')
            return None
        given = dict(value)
        if len(given) != len(value):
            wrong("a key stands there twice")
            return None
        unknown = [key for key in given if key not in _KEYS]
        if unknown:
            wrong(f"unknown key {shown(unknown[0])}; known are {', '.join(_KEYS)}")
            return None
        numbers: dict[str, int | None] = {}
        for key, most in _MOST.items():
            number = given.get(key)
            if number is not None and (type(number) is not int or not 0 < number <= most):
                wrong(f"{key} is a whole number from 1 to {most:,}")
                return None
            numbers[key] = number
        size, mime, codec = numbers["size"], given.get("type"), given.get("codec")
        rate = given.get("frame_rate")
        if size is None:
            wrong("it has no size in bytes")
        elif not isinstance(mime, str) or mime not in MIMES:
            wrong(f"type is one of {', '.join(sorted(MIMES))}")
        elif codec is not None and not (isinstance(codec, str) and _CODEC.fullmatch(codec)):
            wrong("codec is a short name such as h264")
        elif rate is not None and not (type(rate) is float and 0 < rate <= FASTEST):
            wrong(f"frame_rate is a number such as 29.97, up to {FASTEST}")
        else:
            return Facts(
                size=size,
                mime=mime,
                width=numbers["width"],
                height=numbers["height"],
                duration_ms=numbers["duration_ms"],
                codec=codec,
                frame_rate=rate,
            )
        return None

    def _place(self, key: str, *, last: bool = False) -> int:
        spelled = json.dumps(key, ensure_ascii=False)
        return max(0, self.text.rfind(spelled) if last else self.text.find(spelled))

    def _note(self, at: int, message: str, hint: str | None = _AGAIN) -> None:
        line = self.text.count("\n", 0, at) + 1
        column = at - self.text.rfind("\n", 0, at)
        place = Source(file=LOCK_FILE, line=line, column=column)
        self.problems.append(
            Diagnostic(severity=Severity.ERROR, code="media-lock", message=message, hint=hint, source=place)
        )


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
