"""Values that all else is made of: times, text, addresses, options, media, and content (the spec of a post)."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


TEXT_FIELDS = ("caption", "title")
"""The fields that are compared as text: Unicode NFC, without trailing space."""


def utc(moment: datetime) -> datetime:
    """The moment in UTC, cut to whole seconds. Raises ValueError for a naive one."""
    if moment.tzinfo is UTC and not moment.microsecond:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment.isoformat()}")
    return moment.astimezone(UTC).replace(microsecond=0)


def stamp(moment: datetime) -> str:
    """The one spelling of times in documents and requests: `2026-03-15T13:00:00Z`."""
    return f"{utc(moment).isoformat()[:19]}Z"


def moment(text: str) -> datetime:
    """Read what `stamp` wrote. Raises ValueError for any other spelling."""
    read = utc(datetime.fromisoformat(text))
    if stamp(read) != text:
        raise ValueError(f"not a time in UTC: {text!r}")
    return read


def comparable(text: str | None) -> str:
    """Text as it is compared: NFC, no trailing white space, absent equals empty."""
    return (
        (text or "").rstrip()
        if text is None or text.isascii()
        else unicodedata.normalize("NFC", text).rstrip()
    )


def units(text: str) -> int:
    """The length of a text as TikTok counts it: UTF-16 code units, so most emoji are 2."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def canonical(value: Json) -> str:
    """The one JSON spelling of a value: sorted keys, no spaces, so that equal values have equal digests."""
    return _CANONICAL.encode(value)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Address(NamedTuple):
    """Our stable name of one post on one account: `spring-launch/teaser@brand`."""

    calendar: str
    post: str
    account: str

    def __str__(self) -> str:
        return f"{self.calendar}/{self.post}@{self.account}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `calendar/post@account`. Raises ValueError when it is not one."""
        name, at, account = text.rpartition("@")
        calendar, slash, post = name.rpartition("/")
        if not (at and slash and calendar and post and account):
            raise ValueError(f"not an address: {text!r}; expected CALENDAR/POST@ACCOUNT")
        return cls(calendar, post, account)


_PLAIN = frozenset({str, bool, int})


class Options(Mapping[str, Json]):
    """Post options by snake_case name: an immutable, hashable mapping of JSON values."""

    __slots__ = ("_items", "_spelled")

    def __init__(self, items: Mapping[str, Json] | None = None) -> None:
        self._items: Mapping[str, Json] = MappingProxyType(dict(sorted((items or {}).items())))
        self._spelled: str | None = None

    @property
    def _text(self) -> str:
        """What decides whether two are equal: JSON tells `true` from `1`, and Python does not."""
        if self._spelled is None:
            self._spelled = canonical(dict(self._items))
        return self._spelled

    def __getitem__(self, key: str) -> Json:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Options):
            # Nearly always they are equal and hold nothing but words and truths; then no JSON is needed to tell.
            mine, theirs = self._items, other._items
            kinds = [*map(type, mine.values())]
            same = mine == theirs and kinds == [*map(type, theirs.values())] and _PLAIN.issuperset(kinds)
            return same or self._text == other._text
        return dict(self._items) == other if isinstance(other, dict) else NotImplemented

    def __repr__(self) -> str:
        return f"Options({self._text})"


class Intent(StrEnum):
    """`publish` goes live; `draft` goes to the TikTok inbox, where a person finishes it."""

    PUBLISH = "publish"
    DRAFT = "draft"


class MediaKind(StrEnum):
    """What a file is, told by its content."""

    VIDEO = "video"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """A file of the project that a post shows.

    `path` is relative to the project directory, with `/`. `size` in bytes; `width` and `height` in pixels as
    displayed, rotation applied; `duration_ms` in milliseconds; `codec` (`h264`) and `frame_rate`
    (frames per second, on average) of a video; None where it is not known.
    """

    path: str
    sha256: str
    size: int
    kind: MediaKind
    mime: str
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    codec: str | None = None
    frame_rate: float | None = None
    pointer: bool = False
    """A Git LFS pointer stands in for the file: fine for a plan, never uploaded."""

    @property
    def probed(self) -> bool:
        """Whether more is known of it than a pointer says: somebody has looked into the file."""
        return not self.pointer or any((self.width, self.height, self.duration_ms, self.codec))


@dataclass(frozen=True, slots=True)
class RemoteMedia:
    """Content that the service already has, by its id there."""

    id: str


Media: TypeAlias = MediaFile | RemoteMedia


class MediaRef(NamedTuple):
    """What identifies media in a comparison: the sha256 of a file, or the service's id of it."""

    scheme: Literal["sha256", "id"]
    value: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"

    @classmethod
    def parse(cls, text: str) -> MediaRef:
        """Read what `str()` wrote. Raises ValueError."""
        scheme, colon, value = text.partition(":")
        if not colon or not value or scheme not in ("sha256", "id"):
            raise ValueError(f"not a media reference: {text!r}")
        return cls("sha256" if scheme == "sha256" else "id", value)

    @classmethod
    def of(cls, media: Media) -> MediaRef:
        """The reference of a file (by content) or of remote media (by id)."""
        return cls("sha256", media.sha256) if isinstance(media, MediaFile) else cls("id", media.id)


@dataclass(frozen=True, slots=True)
class Reply:
    """One post of a thread below its first: what is said there, and what is shown."""

    text: str
    media: tuple[MediaRef, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """A plain JSON form; `from_json` reads it back."""
        return {"text": self.text, "media": [str(each) for each in self.media]}

    @classmethod
    def from_json(cls, value: Json) -> Reply:
        """Read what `to_json` wrote. Raises ValueError for anything else, unknown fields included."""
        match value:
            case {"text": str(text), "media": list(media), **more} if not more:
                refs = tuple(MediaRef.parse(each) for each in media if isinstance(each, str))
                if len(refs) == len(media):
                    return cls(text, refs)
        raise ValueError("not a post of a thread")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The comparable part of a post (its spec), shared by the three states so that like meets like.

    `at` is a UTC time in whole seconds and never absent: at these services a null time publishes now, so
    "now" cannot be said. `thread`: the posts below it, in order. Raises ValueError for a naive time.
    """

    at: datetime
    caption: str = ""
    title: str = ""
    media: tuple[MediaRef, ...] = ()
    intent: Intent = Intent.PUBLISH
    options: Options = field(default_factory=Options)
    thread: tuple[Reply, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", utc(self.at))

    def split_assets(self, assets: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """The assets that its own media was made into, and those of each post of its thread, told by their counts.

        Where there are more or fewer than that (of an adopted post, what its thread shows is not known), all of them
        are its own.
        """
        if not self.thread:
            return assets, ()
        ends = list(accumulate((len(each.media) for each in self.thread), initial=len(self.media)))
        if ends[-1] != len(assets):
            return assets, ((),) * len(self.thread)
        return assets[: ends[0]], tuple(assets[start:end] for start, end in pairwise(ends))

    def to_json(self) -> dict[str, Json]:
        """A plain JSON form, for state, digest and journal; `from_json` reads it back.

        A post without a thread says nothing of threads, so that it is spelled as it was before there were any.
        """
        form: dict[str, Json] = {
            "at": stamp(self.at),
            "caption": self.caption,
            "title": self.title,
            "media": [str(each) for each in self.media],
            "intent": self.intent.value,
            "options": dict(self.options),
        }
        if self.thread:
            form["thread"] = [each.to_json() for each in self.thread]
        return form

    @classmethod
    def from_json(cls, value: Json) -> Content:
        """Read what `to_json` wrote. Raises ValueError for anything else, unknown fields included."""
        match value:
            case {
                "at": str(at),
                "caption": str(caption),
                "title": str(title),
                "media": list(media),
                "intent": str(intent),
                "options": dict(options),
                **more,
            } if more.keys() <= {"thread"}:
                refs = tuple(MediaRef.parse(each) for each in media if isinstance(each, str))
                if len(refs) == len(media):
                    return cls(
                        at=moment(at),
                        caption=caption,
                        title=title,
                        media=refs,
                        intent=Intent(intent),
                        options=Options(options),
                        thread=_thread(more["thread"]) if more else (),
                    )
        raise ValueError("not the content of a post")


def _thread(value: object) -> tuple[Reply, ...]:
    """A thread as it is written down: never an empty one."""
    if not isinstance(value, list) or not value:
        raise ValueError("not a thread")
    return tuple(map(Reply.from_json, value))
