"""What Postiz checks in ``POST /posts``: every entry before any is written, so that a refusal has made nothing.

Measured: which fields are required; that fields nobody knows are ignored, and so is a ``type`` that nobody
knows; that a disabled channel is as good as any. The words of refusals and the order of checks are the
sandbox's choice: form, then channels, then settings, then the networks' rules.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal, TypeAlias

from calsync.sandbox import postiz_channels, postiz_media, postiz_texts, postiz_wire
from calsync.sandbox.wire import Json, JsonObject

Kind: TypeAlias = Literal["schedule", "draft", "now", "update"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One text with its media: a post, or a reply in its thread. ``id`` is the one that the client named."""

    id: str | None
    content: str
    image: list[Json]
    delay: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A post on one channel: its first value, and the thread under it."""

    channel_id: str
    group: str | None
    settings: JsonObject
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A body that is in order; ``tags`` are labels, ``inter`` is in days."""

    kind: Kind
    at_ms: int
    inter: int | None
    tags: tuple[str, ...]
    entries: tuple[Entry, ...]
    republish: bool


def checked(db: sqlite3.Connection, body: JsonObject) -> Wanted:
    """Read a body, or refuse it whole."""
    at_ms = postiz_wire.parse_date(body.get("date"))
    wrong: list[str] = []
    if at_ms is None:
        wrong.append("date must be a valid ISO 8601 date string")
    if not isinstance(body.get("shortLink"), bool):
        wrong.append("shortLink must be a boolean value")
    tags = _tags(body.get("tags"), wrong)
    inter = body.get("inter")
    if inter is not None and (not isinstance(inter, int) or isinstance(inter, bool) or inter < 0):
        wrong.append("inter must be a number")
    posts = body.get("posts")
    if not isinstance(posts, list) or not posts:
        wrong.append("posts must be an array")
    entries = [_entry(post, f"posts.{index}", wrong) for index, post in enumerate(_list(posts))]
    if wrong or at_ms is None:
        raise postiz_wire.invalid_body(wrong)
    for index, entry in enumerate(entries):
        _check(db, entry, f"posts.{index}")
    return Wanted(
        kind=_kind(body.get("type")),
        at_ms=at_ms,
        inter=inter if isinstance(inter, int) and inter else None,
        tags=tags,
        entries=tuple(entries),
        republish=body.get("republish") is True,
    )


def _kind(said: Json) -> Kind:
    if said == "draft":
        return "draft"
    if said == "update":
        return "update"
    # The public controller does not check the word: a misspelt draft is scheduled.
    return "now" if said == "now" else "schedule"


def _tags(said: Json, wrong: list[str]) -> tuple[str, ...]:
    if not isinstance(said, list):
        wrong.append("tags must be an array")
        return ()
    labels = [each.get("label") if isinstance(each, dict) else None for each in said]
    if not all(isinstance(label, str) for label in labels):
        wrong.append("each value in tags must have value and label")
    return tuple(label for label in labels if isinstance(label, str))


def _entry(post: Json, where: str, wrong: list[str]) -> Entry:
    said = _object(post)
    channel_id = _object(said.get("integration")).get("id")
    if not isinstance(channel_id, str):
        wrong.append(f"{where}.integration.id must be a string")
    values = said.get("value")
    if not isinstance(values, list) or not values:
        wrong.append(f"{where}.value must contain at least 1 elements")
    group, settings = said.get("group"), said.get("settings", {})
    if not isinstance(settings, dict):
        wrong.append(f"{where}.settings must be an object")
    return Entry(
        channel_id=str(channel_id),
        group=group if isinstance(group, str) and group else None,
        settings=_object(settings),
        values=tuple(
            _value(value, f"{where}.value.{index}", wrong) for index, value in enumerate(_list(values))
        ),
    )


def _value(value: Json, where: str, wrong: list[str]) -> Value:
    said = _object(value)
    content, image, post_id, delay = (said.get(name) for name in ("content", "image", "id", "delay"))
    if not isinstance(content, str) or _halved(content):
        wrong.append(f"{where}.content must be a string")
    if not isinstance(image, list):
        wrong.append(f"{where}.image must be an array")
    for index, each in enumerate(_list(image)):
        wrong += postiz_media.problems(each, f"{where}.image.{index}")
    return Value(
        id=post_id if isinstance(post_id, str) and post_id else None,
        content=str(content),
        image=_list(image),
        delay=delay if isinstance(delay, int) else 0,
    )


def _check(db: sqlite3.Connection, entry: Entry, where: str) -> None:
    row = postiz_channels.find(db, entry.channel_id)
    if row is None:
        raise postiz_wire.bad_request(f"Integration with id {entry.channel_id} not found")
    wrong = postiz_channels.check_settings(row, entry.settings, where)
    if wrong:
        raise postiz_wire.invalid_body(wrong)
    name, identifier = row["display_name"], row["platform"]
    network = postiz_channels.NETWORKS[identifier]
    if network.needs_media and not entry.values[0].image:
        raise postiz_wire.provider_rule(identifier, name, "It should have at least one attachment")
    for value in entry.values:
        if postiz_texts.length(identifier, value.content) > network.longest:
            message = f"The maximum number of characters is {network.longest}"
            raise postiz_wire.provider_rule(identifier, name, message)


def _halved(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
