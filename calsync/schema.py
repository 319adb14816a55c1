"""What a person may write: the project file and calendar files, as pydantic models, strict, nothing extra.

Every field may be left out of a model: what is required depends on other levels and is asked for once they are
merged. `reading` holds documents against these models; `editors` gives them to editors as JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from calsync.document import Seq
from calsync.fields import (
    Amount,
    At,
    DriftWord,
    Filled,
    Flag,
    FormerCalendars,
    Identifier,
    IntentWord,
    Kind,
    Line,
    MediaNames,
    Names,
    Nested,
    Network,
    OneOrMore,
    Previously,
    RemoteName,
    Span,
    Text,
    Zone,
    fault,
    found,
    one_of,
    whole_number,
)
from calsync.replies import Thread

_Rates = Annotated[int, whole_number(1, 100_000)]


class Model(BaseModel):
    """What all models of this room have in common."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True, frozen=True)


class Fields(Model):
    """What can be said of a post at every level."""

    timezone: Zone | None = Field(None, description="IANA zone of a local `at`", examples=["Europe/Berlin"])
    intent: IntentWord | None = Field(
        None, description="publish, or draft: into the TikTok inbox (default: publish)", examples=["draft"]
    )
    options: Nested | None = Field(
        None,
        description="platform options; they merge key by key, null takes one back",
        examples=[{"privacy_level": "PUBLIC_TO_EVERYONE"}],
    )
    media: MediaNames | None = Field(
        None,
        description="one video, one image, a list of 2 to 35 images, or {id: ...}; paths start at this file",
        examples=[
            "media/teaser.mp4",
            ["media/1.jpg", "media/2.jpg"],
            {"id": "550e8400-e29b-41d4-a716-446655440000"},
        ],
    )
    caption: Text | None = Field(
        None, description="the post's text", examples=["Something is coming. #launch"]
    )
    caption_file: Filled | None = Field(
        None,
        description="a text file that holds the caption, instead of caption",
        examples=["captions/reveal.md"],
    )
    title: Line | None = Field(None, description="where a service wants one", examples=["The reveal"])
    thread: Thread | None = Field(
        None,
        description="replies below it, where a service has threads: texts, or {text: ..., media: ...}; taken as a whole",
        examples=[["More in the first reply.", {"text": "And a picture.", "media": "media/2.jpg"}]],
    )
    cancel: Flag | None = Field(
        None, description="cancelled on purpose: the entry stays, the post goes", examples=[True]
    )


class Override(Fields):
    """What differs on one account."""

    at: At | None = Field(
        None,
        description="when it goes out: local to the timezone, or with Z or an offset",
        examples=["2031-03-15 14:00", "2031-03-15T14:00+01:00"],
    )


class Defaults(Fields):
    """What the posts of a calendar have in common."""

    accounts: Names | None = Field(None, description="aliases of calsync.yaml", examples=[["brand"]])
    overrides: dict[str, Fields] | None = Field(
        None, description="what differs, by account", examples=[{"second": {"intent": "publish"}}]
    )


class PostItem(Override):
    """One entry of a calendar."""

    id: Identifier | None = Field(None, description="unique in the calendar", examples=["teaser"])
    accounts: Names | None = Field(
        None, description="aliases of calsync.yaml: one post on each", examples=[["brand", "second"]]
    )
    previously: Previously | None = Field(
        None,
        description="former id, calendar/id, or a list: a renamed post stays the same post",
        examples=["finale"],
    )
    overrides: dict[str, Override] | None = Field(
        None, description="what differs, by account", examples=[{"second": {"at": "2031-03-16 20:00"}}]
    )


def _posts(value: object) -> Seq:
    """Posts are read one by one, so that one that is wrong does not hide the others."""
    if isinstance(value, Seq):
        return value
    raise fault(
        "wrong-type", f"expected a list of posts, found {found(value)}", "an empty calendar is posts: []"
    )


class CalendarFile(Model):
    """A calendar: scheduled posts."""

    calendar: Identifier | None = Field(
        None, description="its name (default: the file's stem)", examples=["spring-launch"]
    )
    previously: FormerCalendars | None = Field(
        None, description="the calendar's former name", examples=["spring"]
    )
    cancel: Flag | None = Field(None, description="hold the whole calendar", examples=[True])
    timezone: Zone | None = Field(
        None, description="IANA zone of its times (default: the project's)", examples=["Europe/Berlin"]
    )
    defaults: Defaults | None = Field(
        None,
        description="every field of a post except id, at and previously",
        examples=[{"accounts": ["brand"]}],
    )
    posts: Annotated[Seq | None, Kind(_posts, type="array")] = Field(
        None,
        description="the posts; an empty calendar is []",
        examples=[[{"id": "teaser", "at": "2031-03-15 14:00", "media": "media/teaser.mp4"}]],
    )


class AccountItem(Model):
    """An account at a service."""

    provider: Filled | None = Field(
        None, description="postqued, tikflow, postiz or a plug-in", examples=["postqued"]
    )
    platform: Network | None = Field(
        None,
        description="default: tiktok; at postiz the channel's network as it spells it",
        examples=["tiktok", "linkedin-page"],
    )
    username: Filled | None = Field(
        None,
        description="the handle, looked up in the service's account list; or give id",
        examples=["@brand"],
    )
    name: Filled | None = Field(
        None,
        description="the account's name as the service shows it, instead of username",
        examples=["Our page"],
    )
    id: RemoteName | None = Field(
        None, description="the service's id of the account", examples=["123e4567-e89b-12d3-a456-426614174000"]
    )
    workspace: RemoteName | None = Field(
        None, description="Postqued v2: where the key sees several", examples=["7f0c"]
    )
    paused: Flag | None = Field(
        None, description="emergency stop: as if none of its posts were desired", examples=[True]
    )


class RateLimits(Model):
    """Requests per minute."""

    upload: _Rates | None = Field(None, description="uploads per minute", examples=[20])
    read: _Rates | None = Field(None, description="reads per minute", examples=[30])
    publish: _Rates | None = Field(None, description="publish requests per minute", examples=[10])
    delete: _Rates | None = Field(None, description="cancels per minute", examples=[20])


class AllRates(Model):
    """Requests per minute."""

    all: _Rates | None = Field(None, description="requests per minute of any kind", examples=[100])


class PostquedItem(Model):
    """Settings of Postqued."""

    api: Annotated[str, one_of("auto", "v1", "v2")] | None = Field(
        None, description="the version of its API (default: auto, asks)", examples=["auto"]
    )
    workspace: RemoteName | None = Field(None, description="the default of its accounts", examples=["7f0c"])
    rate_limits: RateLimits | None = Field(None, description="per minute", examples=[{"publish": 10}])


class TikflowItem(Model):
    """Settings of TikFlow."""

    quota: Annotated[int, whole_number(0, 1_000_000)] | None = Field(
        None, description="scheduled posts the plan allows (default: what the service says)", examples=[50]
    )
    allow_upload: Flag | None = Field(
        None, description="upload files although that may publish at once (default: false)", examples=[False]
    )
    rate_limits: AllRates | None = Field(None, description="per minute", examples=[{"all": 100}])


class PostizItem(Model):
    """Settings of Postiz."""

    creates_per_hour: Annotated[int, whole_number(1, 100_000)] | None = Field(
        None,
        description="posts that may be made or changed in an hour, API_LIMIT of a server (default: 90)",
        examples=[90],
    )


class PluginItem(Model):
    """Settings of a plug-in's service."""

    api: Filled | None = Field(None, description="the version of its API", examples=["v1"])
    workspace: RemoteName | None = Field(None, description="the default of its accounts", examples=["main"])
    quota: Annotated[int, whole_number(0, 1_000_000)] | None = Field(
        None, description="scheduled posts the plan allows", examples=[50]
    )
    allow_upload: Flag | None = Field(None, description="upload files", examples=[True])
    rate_limits: dict[str, _Rates] | None = Field(None, description="per minute", examples=[{"all": 60}])


class StateItem(Model):
    """Where what calsync did is recorded."""

    backend: Annotated[str, one_of("file", "git")] | None = Field(
        None,
        description="file, or git: a branch of the project's remote (default: file)",
        examples=["git"],
    )
    path: Filled | None = Field(
        None,
        description="a file inside the project (default: .calsync/state.json)",
        examples=[".calsync/state.json"],
    )
    branch: Filled | None = Field(
        None,
        description="with git: the branch, calsync's alone (default: calsync-state)",
        examples=["calsync-state"],
    )
    remote: Filled | None = Field(
        None, description="with git: the remote's name (default: origin)", examples=["origin"]
    )


class PolicyItem(Model):
    """How careful calsync is."""

    lead_time: Span | None = Field(
        None, description="no post is given a time closer than this (default: 15m)", examples=["15m", "2h"]
    )
    max_cancels: Amount | None = Field(
        None,
        description="above it apply refuses: a number, or a share of the scheduled posts (default: 10)",
        examples=[10, "20%"],
    )
    drift: DriftWord | None = Field(
        None, description="what is done about changes by hand (default: restore)", examples=["restore"]
    )


SERVICES: Mapping[str, type[Model]] = {
    "postqued": PostquedItem,
    "tikflow": TikflowItem,
    "postiz": PostizItem,
}
"""What can be set of the services that calsync knows itself."""
OPEN = frozenset({"postiz"})
"""Services that say themselves which networks there are, and which options each has: nothing of it is known offline."""


class ProjectFile(Model):
    """calsync.yaml: the project file."""

    version: Annotated[str, one_of("1")] | None = Field(
        None, description="the version of this format", examples=[1]
    )
    project: RemoteName | None = Field(
        None,
        description="the state's lineage, written by calsync init",
        examples=["5b1e0c6a-1c4d-4f2a-9c37-0a4c0e9d7b11"],
    )
    timezone: Zone | None = Field(
        None, description="IANA zone of the calendars' times (default: UTC)", examples=["Europe/Berlin"]
    )
    calendars: OneOrMore | None = Field(
        None,
        description="calendar files: globs from this file on, ** allowed",
        examples=[["calendars/*.yaml"]],
    )
    accounts: dict[str, AccountItem] | None = Field(
        None,
        description="the aliases that calendars use",
        examples=[{"brand": {"provider": "postqued", "username": "@brand"}}],
    )
    providers: Nested | None = Field(
        None, description="settings per service", examples=[{"postqued": {"api": "auto"}}]
    )
    state: StateItem | None = Field(
        None, description="where what was done is recorded", examples=[{"path": ".calsync/state.json"}]
    )
    policy: PolicyItem | None = Field(
        None, description="how careful calsync is", examples=[{"lead_time": "15m"}]
    )
