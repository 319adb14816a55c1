"""Comparing content field by field: desired against observed, observed against recorded.

A field that the service does not show is taken from the record, so that an untouched post never shows as drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from calsync.model import (
    Capabilities,
    Content,
    Json,
    MediaRef,
    Options,
    Post,
    Record,
    Sighting,
    UploadKey,
    comparable,
    stamp,
)
from calsync.plan.action import Change, is_text

_ORDER = ("at", "caption", "title", "thread", "media", "intent")


def fields(content: Content) -> dict[str, Json]:
    """Content as one flat mapping of comparable values; options as `options.NAME`, replies as `thread.0.text`."""
    flat: dict[str, Json] = {
        "at": stamp(content.at),
        "caption": comparable(content.caption),
        "title": comparable(content.title),
        "media": [str(each) for each in content.media],
        "intent": content.intent.value,
    }
    for name, value in content.options.items():
        flat[f"options.{name}"] = comparable(value) if isinstance(value, str) else value
    for number, reply in enumerate(content.thread):
        flat[f"thread.{number}.text"] = comparable(reply.text)
        flat[f"thread.{number}.media"] = [str(each) for each in reply.media]
    return flat


def as_observed(record: Record, sighting: Sighting | None, shas: Mapping[str, str]) -> Content:
    """The post as it stands at its service: what is shown, and the record for what is not.

    `shas` maps asset ids to the sha256 of the file that was uploaded under them.
    """
    known = record.content
    if sighting is None:
        return known
    shown = {
        name: value
        for name, value in sighting.options.items()
        if name in known.options  # a default that the service adds is nobody's change
    }
    return replace(
        known,
        at=sighting.at or known.at,
        caption=known.caption if sighting.caption is None else sighting.caption,
        title=known.title if sighting.title is None else sighting.title,
        intent=sighting.intent or known.intent,
        options=Options({**known.options, **shown}),
        media=_media_seen(record, sighting, shas),
    )


def shas_by_asset(uploads: Mapping[UploadKey, str]) -> Mapping[str, Mapping[str, str]]:
    """By service, the sha256 of the file that stands behind each asset id."""
    found: dict[str, dict[str, str]] = {}
    for key, asset in uploads.items():
        if key.address is None:
            found.setdefault(key.service, {})[asset] = key.sha256
    return found


def _media_seen(record: Record, sighting: Sighting, shas: Mapping[str, str]) -> tuple[MediaRef, ...]:
    assets, _ = record.content.split_assets(record.assets)
    if sighting.media is None or sighting.media == assets:
        return record.content.media
    return tuple(
        MediaRef("sha256", shas[asset]) if asset in shas else MediaRef("id", asset)
        for asset in sighting.media
    )


def settled_media(desired: Content, record: Record) -> Content:
    """The desired content with its media spelled as the record spells it, where both mean the same assets.

    A post made from a file and an entry that names the upload by id (or the reverse) are the same media.
    """
    ids = tuple(each.value for each in desired.media if each.scheme == "id")
    assets, _ = record.content.split_assets(record.assets)
    if ids and ids == assets and len(ids) == len(desired.media):
        return replace(desired, media=record.content.media)
    return desired


def needs_media(post: Post, record: Record, abilities: Capabilities, *, moved: bool) -> bool:
    """Whether a change sends media that the record does not name; only `moved`, other media matter nowhere else.

    A service that hides media may want it all again with any change, and an adopted post's is not known there.
    """
    if moved and "media" not in abilities.hidden:
        return False
    settled, known = settled_media(post.content, record), record.content
    below = [[each.media for each in content.thread] for content in (settled, known)]
    same = settled.media == known.media and below[0] == below[1]
    return not same or (not record.assets and (bool(settled.media) or any(below[0])))


def differing(one: Content, other: Content, settable: frozenset[str]) -> frozenset[str]:
    """The names of the settable fields that differ (`options.NAME` counts as `options`, `thread.0.text` as `thread`)."""
    if one is other or one == other:
        return frozenset()
    left, right = fields(one), fields(other)
    return frozenset(
        name
        for name in left.keys() | right.keys()
        if left.get(name) != right.get(name) and name.partition(".")[0] in settable
    )


def named(names: frozenset[str]) -> str:
    """Fields as a reason lists them; whatever differs in a thread is the thread."""
    return ", ".join(sorted({"thread" if each.startswith("thread.") else each for each in names}))


def fixed_upstream(desired: Content, sighting: Sighting | None, settable: frozenset[str]) -> frozenset[str]:
    """Fields that an entry states, the service shows otherwise, and nobody can set there for this post."""
    if sighting is None:
        return frozenset()
    shown = {
        "caption": (desired.caption, sighting.caption),
        "title": (desired.title, sighting.title),
    }
    names = {
        name
        for name, (said, there) in shown.items()
        if name not in settable and said and there is not None and comparable(said) != comparable(there)
    }
    if "options" not in settable:
        names |= {
            f"options.{name}"
            for name, value in desired.options.items()
            if name in sighting.options and sighting.options[name] != value
        }
    return frozenset(names)


def changes(
    before: Content | None, after: Content | None, names: frozenset[str] | None = None
) -> tuple[Change, ...]:
    """What changes, field by field, for people: the time apart, which an action carries itself.

    `names` limits it to these fields.
    """
    left = {} if before is None else _shown(before)
    right = {} if after is None else _shown(after)
    touched = _affected(left, right)
    if names is not None:
        touched = {name for name in touched if name in names}
    return tuple(
        Change(name, left.get(name), right.get(name))
        for name in sorted(touched, key=_rank)
        if left.get(name) not in (None, "", []) or right.get(name) not in (None, "", [])
    )


def _shown(content: Content) -> dict[str, Json]:
    flat = fields(content)
    del flat["at"]
    for name in flat:
        if is_text(name):
            flat[name] = flat[name] or None
    return flat


def _affected(left: dict[str, Json], right: dict[str, Json]) -> set[str]:
    if not left or not right:
        return set(left) | set(right)
    from deepdiff import DeepDiff  # a quarter of a second to import: only where something differs

    return {str(name) for name in DeepDiff(left, right).affected_root_keys}


def _rank(name: str) -> tuple[int, int, bool, str]:
    field, _, rest = name.partition(".")
    place = _ORDER.index(field) if field in _ORDER else len(_ORDER)
    number, _, part = rest.partition(".")
    # Of a thread one after the other, by number, the text before the media.
    return (place, int(number), part != "text", part) if field == "thread" else (place, 0, False, name)
