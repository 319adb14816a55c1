"""The nouns: addresses, content, posts, records, sightings, capabilities, and the three states made of them.

Everything here is a frozen value. `plan` meets nothing else: what was typed (desired), what we wrote down that
we did (recorded) and what the services say (observed).
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, TypeAlias

from calsync.errors import Source

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

TEXT_FIELDS = ("caption", "title")
"""The fields that are compared as text: Unicode NFC, without trailing space."""


def utc(moment: datetime) -> datetime:
    """The moment in UTC, cut to whole seconds. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment.isoformat()}")
    return moment.astimezone(UTC).replace(microsecond=0)


def stamp(moment: datetime) -> str:
    """The one spelling of times in documents and requests: `2026-03-15T13:00:00Z`."""
    return utc(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """Read what `stamp` wrote. Raises ValueError for any other spelling."""
    read = utc(datetime.fromisoformat(text))
    if stamp(read) != text:
        raise ValueError(f"not a time in UTC: {text!r}")
    return read


def comparable(text: str | None) -> str:
    """Text as it is compared: NFC, no trailing white space, absent equals empty."""
    return unicodedata.normalize("NFC", text or "").rstrip()


def canonical(value: Json) -> str:
    """The one JSON spelling of a value: sorted keys, no spaces, so that equal values have equal digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True, order=True)
class Address:
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


class Options(Mapping[str, Json]):
    """Post options by snake_case name: an immutable, hashable mapping of JSON values."""

    __slots__ = ("_items", "_text")

    def __init__(self, items: Mapping[str, Json] | None = None) -> None:
        self._items: Mapping[str, Json] = MappingProxyType(dict(sorted((items or {}).items())))
        self._text = canonical(dict(self._items))

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
            return self._text == other._text
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
    displayed, rotation applied; `duration_ms` in milliseconds; None where it is not known.
    """

    path: str
    sha256: str
    size: int
    kind: MediaKind
    mime: str
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    pointer: bool = False
    """A Git LFS pointer stands in for the file: fine for a plan, never uploaded."""


@dataclass(frozen=True, slots=True)
class RemoteMedia:
    """Content that the service already has, by its id there."""

    id: str


Media: TypeAlias = MediaFile | RemoteMedia


@dataclass(frozen=True, slots=True, order=True)
class MediaRef:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The comparable part of a post (its spec), shared by the three states so that like meets like.

    `at` is a UTC time in whole seconds and never absent: at these services a null time publishes now, so
    "now" cannot be said. Raises ValueError for a naive time.
    """

    at: datetime
    caption: str = ""
    title: str = ""
    media: tuple[MediaRef, ...] = ()
    intent: Intent = Intent.PUBLISH
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", utc(self.at))

    def to_json(self) -> dict[str, Json]:
        """A plain JSON form, for state, digest and journal; `from_json` reads it back."""
        return {
            "at": stamp(self.at),
            "caption": self.caption,
            "title": self.title,
            "media": [str(each) for each in self.media],
            "intent": self.intent.value,
            "options": dict(self.options),
        }

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
            } if not more:
                refs = tuple(MediaRef.parse(each) for each in media if isinstance(each, str))
                if len(refs) == len(media):
                    return cls(
                        at=moment(at),
                        caption=caption,
                        title=title,
                        media=refs,
                        intent=Intent(intent),
                        options=Options(options),
                    )
        raise ValueError("not the content of a post")


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
    """

    address: Address
    content: Content
    media: tuple[Media, ...]
    zone: str
    source: Source
    standing: Standing = Standing.WANTED
    previously: tuple[tuple[str, str], ...] = ()
    places: Mapping[str, Source] = field(default_factory=dict)

    def place(self, name: str) -> Source:
        """Where a field stands, or where the entry does."""
        return self.places.get(name, self.source)


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
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


@dataclass(frozen=True, slots=True, order=True)
class RemoteId:
    """The service's name of a post, opaque outside its provider.

    `part` names what lies inside it where one id does not suffice (Postqued: the target of a publish
    request; TikFlow: the upload that a schedule plays).
    """

    id: str
    part: str | None = None

    def __str__(self) -> str:
        return self.id


class Status(StrEnum):
    """How a post stands at its service, in our words (semantics.md §2)."""

    SCHEDULED = "scheduled"
    PROCESSING = "processing"
    PUBLISHED = "published"
    FAILED = "failed"
    CANCELED = "canceled"
    MISSING = "missing"
    UNKNOWN = "unknown"

    @property
    def live(self) -> bool:
        """Scheduled, or on its way, or out."""
        return self in (Status.SCHEDULED, Status.PROCESSING, Status.PUBLISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One post as a service shows it. None, or an option not in `options`, means: not shown.

    `media` are asset ids in order; `reason` is the service's own words and is not to be trusted.
    """

    remote_id: RemoteId
    account_id: str | None
    status: Status
    at: datetime | None = None
    caption: str | None = None
    title: str | None = None
    intent: Intent | None = None
    options: Options = field(default_factory=Options)
    media: tuple[str, ...] | None = None
    media_count: int | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.at is not None:
            object.__setattr__(self, "at", utc(self.at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What calsync last made true of one address.

    `api` is the service's version that made it ("v1"); `assets` the content ids it was made from, in order;
    `seen` the status last observed; `reason` the service's words for a failure.
    """

    address: Address
    account: AccountKey
    remote_id: RemoteId
    content: Content
    api: str
    workspace: str | None = None
    assets: tuple[str, ...] = ()
    seen: Status = Status.SCHEDULED
    reason: str | None = None
    platform: str = "tiktok"


class IntentKind(StrEnum):
    """What an open intent is about to do."""

    CREATE = "create"
    UPDATE = "update"
    RESCHEDULE = "reschedule"
    CANCEL = "cancel"
    REPLACE = "replace"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """An intent begun whose outcome is not yet known: written before its request goes out.

    `token` is the idempotency key of its create and `generation` the number in it; `body` the sha256 of the
    exact create body. `cleared`: the cancel of a replace is confirmed, its create is still to come.
    `previous` is the record it changes, cancels or replaces; `assets` what a create was made from.
    """

    kind: IntentKind
    address: Address
    account: AccountKey
    content: Content
    begun: datetime
    api: str
    workspace: str | None = None
    platform: str = "tiktok"
    token: str | None = None
    generation: int = 0
    body: str | None = None
    assets: tuple[str, ...] = ()
    previous: Record | None = None
    cleared: bool = False


@dataclass(frozen=True, slots=True, order=True)
class UploadKey:
    """Where an upload counts as the same: once per content, service and workspace.

    `address` is set only where an upload belongs to one post (TikFlow).
    """

    service: str
    workspace: str | None
    sha256: str
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The recorded state as a value. `serial` grows with every change, `lineage` is made once.

    `policy` and `commit` are those of the last apply; `commit` is None outside git.
    """

    lineage: str
    serial: int = 0
    records: Mapping[Address, Record] = field(default_factory=dict)
    generations: Mapping[Address, int] = field(default_factory=dict)
    uploads: Mapping[UploadKey, str] = field(default_factory=dict)
    opens: Mapping[Address, Open] = field(default_factory=dict)
    policy: Mapping[str, Json] | None = None
    commit: str | None = None
    unfinished: Unfinished | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An apply that was begun and not ended: its digest and the digest lines that it may still carry out."""

    digest: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What the calendars at this commit say, bound to accounts: at most one post per address.

    `unbound`: the addresses of entries whose account could not be told, since its service could not be read.
    """

    posts: tuple[Post, ...]
    unbound: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Places for scheduled posts: how many the plan allows and how many are taken."""

    limit: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the services say now.

    `by_address`: what was seen of each record that was asked; an address that is absent was not asked on
    purpose, and what its record last saw counts. `strangers`: posts that no record names, by account.
    `unreadable`: services whose list could not be read, with the reason; they decide nothing.
    `usage`: places per service.
    """

    by_address: Mapping[Address, Sighting] = field(default_factory=dict)
    strangers: Mapping[AccountKey, tuple[Sighting, ...]] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    usage: Mapping[str, Usage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a service can do, as data, so that a plan never promises what apply cannot do.

    `settable` and `settable_by_id` name the fields that can be set of a post from files and of one that names
    content by id (of `at`, `caption`, `title`, `media`, `intent`, `options`). `key_life`: how long a create's
    idempotency key is honoured; None where there are none. `one_schedule_per_asset`: an upload belongs to one
    account and takes one schedule. `uploads`: whether calsync may upload files there.
    `late_move_may_repeat`: moving a post shortly before its time may publish it twice (Postiz).
    `by_hand`: where a person does what the service's API cannot, for messages.
    """

    api: str
    lists: bool
    finds_by_id: bool
    keeps_history: bool
    cancels: bool
    moves: bool
    updates: bool
    key_life: timedelta | None
    settable: frozenset[str] = frozenset({"at", "caption", "title", "media", "intent", "options"})
    settable_by_id: frozenset[str] = frozenset({"at", "caption", "title", "media", "intent", "options"})
    intents: frozenset[Intent] = frozenset(Intent)
    uploads: bool = True
    one_schedule_per_asset: bool = False
    dry_runs: bool = False
    late_move_may_repeat: bool = False
    by_hand: str = "in the service's own app"
    handles: frozenset[str] = frozenset()
    """Other versions of the service whose records it can work with."""
    workspaces: bool = False
    """Its accounts are in workspaces, and every request names one."""
    knows_creator: bool = False
    """It says what TikTok allows an account (`CreatorInfo`)."""

    def handles_record(self, record: Record) -> bool:
        """Whether a record was made by this version or one that it takes over from."""
        return record.api == self.api or record.api in self.handles

    def fields_of(self, *, by_id: bool) -> frozenset[str]:
        """The fields it can set, for a post from files or for one that names content by id."""
        return self.settable_by_id if by_id else self.settable


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatorInfo:
    """What TikTok allows an account at present, as far as the service shows it; None: not shown.

    `disabled`: the interactions that its owner has switched off, of `comment`, `duet` and `stitch`.
    """

    privacy_levels: tuple[str, ...] | None = None
    max_video_seconds: int | None = None
    disabled: frozenset[str] = frozenset()


class DriftPolicy(StrEnum):
    """What is done about posts that were changed by hand."""

    RESTORE = "restore"
    RESTORE_ALL = "restore-all"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The project's policy. `max_cancels` is a count, or a share of the scheduled posts when `max_share` is set."""

    lead_time: timedelta = timedelta(minutes=15)
    max_cancels: int | None = 10
    max_share: float | None = None
    drift: DriftPolicy = DriftPolicy.RESTORE

    def to_json(self) -> dict[str, Json]:
        """As it is recorded, to notice a change of policy."""
        share = None if self.max_share is None else f"{self.max_share * 100:g}%"
        return {
            "lead_time": int(self.lead_time.total_seconds()),
            "max_cancels": share if self.max_cancels is None else self.max_cancels,
            "drift": self.drift.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one version of a service accepts, for the checks before anything is sent.

    Sizes in bytes. `name` ("Postqued v1") and `origin` (where the figures come from) are for messages.
    `images` are types taken as they are, `images_with_warning` types that it says it converts. `by_id_only`:
    why files cannot be uploaded, or None. `title_from_caption`: a post needs a title, cut from the caption
    where there is none.
    """

    name: str
    origin: str
    video_bytes: int
    image_bytes: int
    videos: frozenset[str]
    images: frozenset[str]
    images_with_warning: frozenset[str] = frozenset()
    max_images: int = 35
    caption_units: int | None = None
    caption_required: bool = False
    title_units: int | None = None
    title_from_caption: bool = False
    intents: frozenset[Intent] = frozenset(Intent)
    by_id_only: str | None = None
    options: frozenset[str] | None = None
    """Options it can set; None: all that the platform knows."""
    one_schedule_per_asset: bool = False
    """An upload carries its caption and options, belongs to one account and takes one schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSpec:
    """An account as the project file names it: by `id`, or by `username` to be resolved at the service."""

    alias: str
    service: str
    platform: str = "tiktok"
    id: str | None = None
    username: str | None = None
    workspace: str | None = None
    paused: bool = False
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class UploadUnit:
    """One upload: the key under which it is remembered, and the files that go up in it, in order."""

    key: UploadKey
    files: tuple[MediaFile, ...]


def upload_units(post: Post, abilities: Capabilities) -> tuple[UploadUnit, ...]:
    """The uploads that a post needs: one per file, or, where an upload belongs to one post, one for it all.

    Where an upload carries caption and options (TikFlow), they are part of its identity: an edit needs a new one.
    """
    files = tuple(each for each in post.entry.media if isinstance(each, MediaFile))
    if not files:
        return ()
    service, workspace = post.account.key.service, post.account.workspace
    if not abilities.one_schedule_per_asset:
        return tuple(UploadUnit(UploadKey(service, workspace, each.sha256), (each,)) for each in files)
    return (UploadUnit(single_upload(post.address, post.account.key, workspace, post.content), files),)


def single_upload(
    address: Address, account: AccountKey, workspace: str | None, content: Content
) -> UploadKey:
    """The key of an upload that belongs to one post: its spec without the time."""
    spec = {key: value for key, value in content.to_json().items() if key != "at"}
    digest = hashlib.sha256(canonical(spec).encode()).hexdigest()
    return UploadKey(account.service, workspace, digest, str(address))
