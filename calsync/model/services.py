"""Services as data: what they can do, what they take, and the policy that they are used with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from calsync.model.values import Intent, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Places for scheduled posts: how many the plan allows and how many are taken."""

    limit: int
    used: int


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many requests in any span of so many seconds."""

    most: int
    seconds: float = 60.0

    @classmethod
    def of(cls, rate: int | Rate) -> Rate:
        """A rate as people write it: a plain number is per minute."""
        return rate if isinstance(rate, Rate) else cls(rate)


Rates: TypeAlias = Mapping[str, int | Rate]
"""Requests by class: `upload`, `read`, `publish`, `delete`, or `all`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a service can do, as data, so that a plan never promises what apply cannot do.

    `settable` and `settable_by_id` name the fields that can be set of a post from files and of one that names
    content by id (of `at`, `caption`, `title`, `media`, `intent`, `options`, `thread`). `key_life`: how long a
    create's idempotency key is honoured; None where there are none. `one_schedule_per_asset`: an upload belongs to one
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
    knows_channel: bool = False
    """It says which options an account's network has and how long a text may be there (`Channel`)."""
    drafts_wait: bool = False
    """A draft is in place as soon as it is made, and stays, scheduled with the intent DRAFT, until a person finishes it."""
    hidden: frozenset[str] = frozenset()
    """Fields that it never shows of a post, so that drift in them is not seen (of `media`, `thread`, `options`)."""
    together: int = 1
    """How many creates of one time and intent it takes in one request (`Provider.create_together`)."""
    shared: frozenset[str] = frozenset()
    """Options that all posts of one request have alike."""

    @property
    def reads_back(self) -> bool:
        """Whether how a post with a known id stands can be read later, however late."""
        return self.finds_by_id and self.keeps_history

    @property
    def finds_again(self) -> bool:
        """Whether a post whose id was lost is found later, however late."""
        return self.lists and self.keeps_history

    def handles_api(self, api: str) -> bool:
        """Whether records made by this version of the service can be worked with."""
        return api == self.api or api in self.handles

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """What a service says of an account and of its network, as far as it does; None: it does not say.

    `options`: a JSON Schema of the object that a post's options become; it is not trusted. `caption_units`: how
    long a text may be there. `unusable`: why nothing can be posted there now, such as "it is disabled".
    """

    options: Mapping[str, Json] | None = None
    caption_units: int | None = None
    unusable: str | None = None


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
    titles: bool = True
    """It has a field for a title."""
    files_only: str | None = None
    """Why `media: {id: ...}` cannot be used, or None."""
    options: frozenset[str] | None = None
    """Options it can set; None: all that the platform knows."""
    one_schedule_per_asset: bool = False
    """An upload carries its caption and options, belongs to one account and takes one schedule."""
    thread: bool = False
    """A post may be followed by others below it (replies, first comments)."""
    markup: str | None = None
    """What becomes of text that looks like an HTML tag, where people may think that it is one."""
