"""What people want: entries of calendars, accounts, and the posts that come of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from calsync.errors import Source
from calsync.model.values import Address, Content, Media, MediaFile, RemoteMedia


class Standing(StrEnum):
    """Whether an entry is wanted: `cancel: true` and `paused: true` keep the entry and unwant the post."""

    WANTED = "wanted"
    CANCELED = "canceled"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the calendars say of one address, before anything is known of the service.

    `zone`: the IANA zone its time is shown in. `previously`: former (calendar, post) names, in the order
    written. `places`: where fields stand, by field name (`caption`, `at`, `media`, `options.privacy_level`).
    `thread_media`: the files of each post of its thread, beside `content.thread`.
    """

    address: Address
    content: Content
    media: tuple[Media, ...]
    zone: str
    source: Source
    standing: Standing = Standing.WANTED
    previously: tuple[tuple[str, str], ...] = ()
    places: Mapping[str, Source] = field(default_factory=dict)
    thread_media: tuple[tuple[MediaFile, ...], ...] = ()
    inherited: frozenset[str] = frozenset()
    """Options as written (see `AccountSpec.open_options`) that stand in the defaults: meant for this account, or not."""

    @property
    def files(self) -> Iterator[MediaFile]:
        """The files of the project that it shows: its own, then those of its thread, each in order."""
        yield from (each for each in self.media if isinstance(each, MediaFile))
        for reply in self.thread_media:
            yield from reply

    def place(self, name: str) -> Source:
        """Where a field stands, or where the entry does."""
        return self.places.get(name, self.source)


class AccountKey(NamedTuple):
    """One remote account: the service's name (as in calsync.yaml) and its id there."""

    service: str
    id: str

    def __str__(self) -> str:
        return f"{self.service}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An alias of the project file, resolved to the account it means."""

    alias: str
    key: AccountKey
    platform: str = "tiktok"
    workspace: str | None = None
    username: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A desired post: an entry bound to its remote account, with content in the provider's normal form."""

    entry: Entry
    account: Account
    content: Content

    @property
    def address(self) -> Address:
        """Its stable name."""
        return self.entry.address

    @property
    def wanted(self) -> bool:
        """Neither cancelled nor paused."""
        return self.entry.standing is Standing.WANTED

    @property
    def by_id(self) -> bool:
        """Its media is content that the service already has."""
        return any(isinstance(each, RemoteMedia) for each in self.entry.media)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What the calendars at this commit say, bound to accounts: at most one post per address.

    `unbound`: the addresses of entries whose account could not be told, since its service could not be read.
    """

    posts: tuple[Post, ...]
    unbound: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSpec:
    """An account as the project file names it: by `id`, or by `username` or `name`, resolved at the service.

    `platform` is empty where only the service knows it. `open_options`: which options its network has is told by
    the service, so that offline they are taken as written (see `Entry.inherited`).
    """

    alias: str
    service: str
    platform: str = "tiktok"
    id: str | None = None
    username: str | None = None
    name: str | None = None
    workspace: str | None = None
    paused: bool = False
    open_options: bool = False
    source: Source | None = None
