"""What a person may write: the project file and calendar files, as pydantic models, strict, nothing extra.

Every field may be left out of a model: what is required depends on other levels and is asked for once they are
merged. `reading` holds documents against these models; `json_schema` gives them to editors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

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
from calsync.options import PLATFORMS

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

    provider: Filled | None = Field(None, description="postqued, tikflow or a plug-in", examples=["postqued"])
    platform: Annotated[str, one_of(*PLATFORMS)] | None = Field(
        None, description="default: tiktok", examples=["tiktok"]
    )
    username: Filled | None = Field(
        None,
        description="the handle, looked up in the service's account list; or give id",
        examples=["@brand"],
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


SERVICES: Mapping[str, type[Model]] = {"postqued": PostquedItem, "tikflow": TikflowItem}
"""What can be set of the services that calsync knows itself."""


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


def json_schema(which: Literal["calendar", "project"]) -> dict[str, Any]:
    """JSON Schema (2020-12) of a calendar or of the project file, for editors."""
    parts: dict[str, type[BaseModel]] = {}
    if which == "calendar":
        schema = CalendarFile.model_json_schema()
        parts.update(PLATFORMS, PostItem=PostItem)
    else:
        schema = ProjectFile.model_json_schema()
        parts.update(SERVICES, plugin=PluginItem)
    definitions: dict[str, Any] = {key: _tidy(each) for key, each in schema.pop("$defs").items()}
    schema = {**_tidy(schema), "$defs": definitions}
    for name, model in parts.items():
        part = model.model_json_schema()
        definitions.update({key: _tidy(each) for key, each in part.pop("$defs", {}).items()})
        definitions[name] = _camel(name, part) if name in PLATFORMS else _tidy(part)
    if which == "calendar":
        every = [{"$ref": f"#/$defs/{name}"} for name in PLATFORMS]
        for level in ("Fields", "Override", "Defaults", "PostItem"):
            options = definitions[level]["properties"]["options"]
            options.pop("type")
            options["anyOf"] = every
        definitions["PostItem"]["required"] = ["id", "at"]
        schema["properties"]["posts"]["items"] = {"$ref": "#/$defs/PostItem"}
        schema["required"] = ["posts"]
    else:
        schema["properties"]["providers"].update(
            properties={name: {"$ref": f"#/$defs/{name}"} for name in SERVICES},
            additionalProperties={"$ref": "#/$defs/plugin"},
        )
        definitions["AccountItem"]["required"] = ["provider"]
        definitions["AccountItem"]["anyOf"] = [{"required": ["id"]}, {"required": ["username"]}]
        schema["properties"]["version"] = {**schema["properties"]["version"], "enum": [1], "type": "integer"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _tidy(part: dict[str, Any]) -> dict[str, Any]:
    """The schema without what Python's `| None = None` leaves in it: nothing but an option may be null."""
    clean: dict[str, Any] = {}
    for key, value in part.items():
        if key == "default" or (key == "title" and isinstance(value, str)):
            continue
        if key == "anyOf":
            choices = [each for each in value if each != {"type": "null"}]
            if len(choices) == 1:
                clean.update(_tidy(choices[0]))
                continue
            value = choices
        if isinstance(value, dict) and key not in ("examples",):
            value = (
                _tidy(value) if key != "properties" else {name: _tidy(each) for name, each in value.items()}
            )
        clean[key] = value
    return clean


def _camel(name: str, part: dict[str, Any]) -> dict[str, Any]:
    """A platform's options with the services' own spelling beside ours."""
    options: dict[str, Any] = part.get("properties", {})
    for option, each in list(options.items()):
        each.pop("default", None)
        each.pop("title", None)
        camel = to_camel(option)
        if camel != option:
            options[camel] = {"$ref": f"#/$defs/{name}/properties/{option}"}
    part.pop("title", None)
    return part
