"""What was written down and what is seen: records, sightings, open intents, uploads, and the two states of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from calsync.model.posts import AccountKey, Post
from calsync.model.services import Capabilities, Usage
from calsync.model.values import Address, Content, Intent, Json, MediaFile, Options, canonical, utc


class RemoteId(NamedTuple):
    """The service's name of a post, opaque outside its provider.

    `part` names what lies inside it where one id does not suffice (Postqued: the target of a publish
    request; TikFlow: the upload that a schedule plays).
    """

    id: str
    part: str | None = None

    def __str__(self) -> str:
        return self.id


class Status(StrEnum):
    """How a post stands at its service, in our words."""

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

    `media` are asset ids in order; `reason` is the service's own words and is not to be trusted. `fixed` says why
    nobody may touch the post ("it repeats every 7 days").
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
    fixed: str | None = None

    def __post_init__(self) -> None:
        if self.at is not None:
            object.__setattr__(self, "at", utc(self.at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What calsync last made true of one address.

    `api` is the service's version that made it ("v1"); `assets` the content ids it was made from, in order, those
    of its thread last (see `Content.split_assets`); `seen` the status last observed; `reason` the service's
    words for a failure.
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
    gone: bool = False
    """There is no state any more; only a backup tells that there was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An apply that was begun and not ended: its digest and the digest lines that it may still carry out."""

    digest: str
    lines: tuple[str, ...]


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


@dataclass(frozen=True, slots=True)
class UploadUnit:
    """One upload: the key under which it is remembered, and the files that go up in it, in order."""

    key: UploadKey
    files: tuple[MediaFile, ...]


def upload_units(post: Post, abilities: Capabilities) -> tuple[UploadUnit, ...]:
    """The uploads that a post needs: one per file, or, where an upload belongs to one post, one for it all.

    A file that is shown twice has two units with one key: it goes up once, and each place has its asset.

    Where an upload carries caption and options (TikFlow), they are part of its identity: an edit needs a new one.
    """
    files = tuple(post.entry.files)
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
