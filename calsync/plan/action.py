"""What a plan is made of: actions with before and after, and the plan that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from calsync.errors import Diagnostic, Source
from calsync.model import (
    TEXT_FIELDS,
    AccountKey,
    Address,
    Content,
    Json,
    Media,
    Post,
    Record,
    RemoteMedia,
    Sighting,
)


class ActionKind(StrEnum):
    """The ten kinds of actions, in the words of the plan document."""

    CREATE = "create"
    ADOPT = "adopt"
    UPDATE = "update"
    RESCHEDULE = "reschedule"
    REPLACE = "replace"
    CANCEL = "cancel"
    MOVE = "move"
    FORGET = "forget"
    BLOCKED = "blocked"
    DEFERRED = "deferred"

    @property
    def symbol(self) -> str:
        """The sign in front of its line in a plan."""
        return _SYMBOLS[self]

    @property
    def writes(self) -> bool:
        """It sends something to a service."""
        return self in (
            ActionKind.CREATE,
            ActionKind.UPDATE,
            ActionKind.RESCHEDULE,
            ActionKind.REPLACE,
            ActionKind.CANCEL,
        )

    @property
    def acts(self) -> bool:
        """Apply does something: a write, or a change of state alone."""
        return self not in (ActionKind.BLOCKED, ActionKind.DEFERRED)


_SYMBOLS = {
    ActionKind.CREATE: "+",
    ActionKind.ADOPT: "←",
    ActionKind.UPDATE: "~",
    ActionKind.RESCHEDULE: "~",
    ActionKind.REPLACE: "±",
    ActionKind.CANCEL: "-",
    ActionKind.MOVE: "→",
    ActionKind.FORGET: ".",
    ActionKind.BLOCKED: "!",
    ActionKind.DEFERRED: "…",
}


@dataclass(frozen=True, slots=True)
class Create:
    """Upload what is missing and schedule a post that is not there."""

    post: Post


@dataclass(frozen=True, slots=True)
class Adopt:
    """Record a post that is already there as ours; no write."""

    post: Post
    sighting: Sighting


@dataclass(frozen=True, slots=True)
class Update:
    """Set all fields of a scheduled post in place."""

    post: Post
    record: Record


@dataclass(frozen=True, slots=True)
class Reschedule:
    """Move a scheduled post to another time in place."""

    post: Post
    record: Record


@dataclass(frozen=True, slots=True)
class Replace:
    """Cancel a scheduled post and create it anew, as one unit."""

    post: Post
    record: Record


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take a scheduled post back. `on_purpose`: by `cancel: true` or `paused: true`, which the brake lets pass."""

    record: Record
    on_purpose: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """Record a post under its new address; no write. `record` is the record as it will be."""

    record: Record


@dataclass(frozen=True, slots=True)
class Forget:
    """Stop tracking a post that is over; no write."""

    record: Record


@dataclass(frozen=True, slots=True)
class Blocked:
    """What should be done and cannot be: the action's code and reason say why."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """A create that waits for a place at the service."""

    post: Post


Step: TypeAlias = Create | Adopt | Update | Reschedule | Replace | Cancel | Move | Forget | Blocked | Deferred

_KINDS: Mapping[type[Step], ActionKind] = {
    Create: ActionKind.CREATE,
    Adopt: ActionKind.ADOPT,
    Update: ActionKind.UPDATE,
    Reschedule: ActionKind.RESCHEDULE,
    Replace: ActionKind.REPLACE,
    Cancel: ActionKind.CANCEL,
    Move: ActionKind.MOVE,
    Forget: ActionKind.FORGET,
    Blocked: ActionKind.BLOCKED,
    Deferred: ActionKind.DEFERRED,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One field before and after: `caption`, `title`, `thread.0.text`, `media`, `intent` or `options.NAME`."""

    path: str
    before: Json
    after: Json

    @property
    def is_text(self) -> bool:
        """It is about text of the post, which is shown word by word."""
        return is_text(self.path)

    @property
    def is_media(self) -> bool:
        """It is about media: the post's own, or those of a post of its thread."""
        return self.path == "media" or (self.path.startswith("thread.") and self.path.endswith(".media"))


def is_text(path: str) -> bool:
    """Whether a path of a change names text of the post: caption, title, or what a post of its thread says."""
    return path in TEXT_FIELDS or (path.startswith("thread.") and path.endswith(".text"))


@dataclass(frozen=True, slots=True)
class MediaUse:
    """One medium of an action, and whether apply uploads it with this action.

    `reply`: which post of the thread shows it, from 0; None: the post itself.
    """

    media: Media
    upload: bool
    reply: int | None = None

    def to_json(self) -> dict[str, Json]:
        """As in the plan document."""
        if isinstance(self.media, RemoteMedia):
            return {"id": self.media.id}
        whose: dict[str, Json] = {} if self.reply is None else {"reply": self.reply}
        return whose | {
            "path": self.media.path,
            "sha256": self.media.sha256,
            "size": self.media.size,
            "upload": self.upload,
            "kind": self.media.kind.value,
            "mime": self.media.mime,
            "width": self.media.width,
            "height": self.media.height,
            "duration_ms": self.media.duration_ms,
            "codec": self.media.codec,
            "frame_rate": self.media.frame_rate,
            "pointer": self.media.pointer,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One planned change of one address.

    `step` holds all that apply needs; the rest is for readers. `before` and `after` are publish times in UTC,
    `zone` the IANA zone to show them in. `waits_for`: addresses whose cancel has to be confirmed first (tied).
    `limits`: the UTF-16 units that its caption and title may have, by field, where that is known.
    """

    step: Step
    address: Address
    account: AccountKey
    reason: str
    code: str | None = None
    drift: bool = False
    previous_address: Address | None = None
    source: Source | None = None
    zone: str = "UTC"
    before: datetime | None = None
    after: datetime | None = None
    changes: tuple[Change, ...] = ()
    media: tuple[MediaUse, ...] = ()
    waits_for: tuple[Address, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> ActionKind:
        """Its kind, told by its step."""
        return _KINDS[type(self.step)]

    @property
    def post(self) -> Post | None:
        """The desired post that it is about; None for what ends a post, and for what is blocked."""
        step = self.step
        if isinstance(step, (Create, Adopt, Update, Reschedule, Replace, Deferred)):
            return step.post
        return None

    @property
    def content(self) -> Content | None:
        """The spec it makes true; None for what ends a post."""
        return None if self.post is None else self.post.content


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A post that is scheduled and stays so: when it goes live, and the IANA zone to show that in."""

    at: datetime
    address: Address
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """`--calendar` and `--account`: which actions of the whole plan are chosen; empty means all."""

    calendars: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()

    def choose(self, address: Address) -> bool:
        """Whether an action of this address is chosen."""
        return (not self.calendars or address.calendar in self.calendars) and (
            not self.accounts or address.account in self.accounts
        )


@dataclass(frozen=True, slots=True)
class Base:
    """A commit that calendars were compared with, and what the person called it."""

    ref: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What apply would do, in order, and what a person should know.

    `lines` and `digest` cover the actions that write. `brake`: why apply refuses, and `cancels` the number that
    `--allow-cancels` has to allow. `halted`: services that decide nothing, with the reason (exit 1).
    `refreshed`: records that only take over what was seen. `kept`: posts ahead that apply leaves where they are,
    soonest first. `commit`: where the project is in git, as the full hash; None outside it.
    """

    created_at: datetime
    lineage: str
    serial: int
    refresh: str
    filters: Filters
    actions: tuple[Action, ...]
    diagnostics: tuple[Diagnostic, ...]
    summary: Mapping[str, int]
    lines: tuple[str, ...]
    digest: str
    cancels: int = 0
    brake: str | None = None
    halted: Mapping[str, str] = field(default_factory=dict)
    refreshed: tuple[Record, ...] = ()
    kept: tuple[Slot, ...] = ()
    commit: str | None = None
    tzdata: str = ""
    """The version of the time zone rules that local times were read with."""
    base: Base | None = None
    """Whose calendars stood for what is recorded, where services and state were not looked at."""

    @property
    def acts(self) -> bool:
        """There is something for apply to do."""
        return any(each.kind.acts for each in self.actions)
