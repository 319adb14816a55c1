"""What Postiz is sent to make posts, or to replace one: all of a post each time, and every field that it needs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from calsync.errors import Rejected
from calsync.model import Content, Intent, Json, stamp
from calsync.providers.base import Submission

RESERVED = frozenset({"tags", "short_link"})
"""Options that are calsync's own for all networks; the rest are the network's settings."""
OWN = "settings."
"""Stands before a setting of the network that has the name of one of those."""

_LONGEST = 100_000
"""Bytes: a body of 101 kB was taken and one of 103 kB was not."""


def body(
    submissions: Sequence[Submission],
    *,
    service: str,
    replaces: str | None = None,
    group: str | None = None,
) -> bytes:
    """A request for these posts, which share time, intent and the reserved options.

    `replaces` is the id of the one post that is sent again, `group` its present one. Raises Rejected for what
    cannot be one request.
    """
    heads = [_head(each.content) for each in submissions]
    if any(each != heads[0] for each in heads):
        message = f"{service} takes one time and the same labels for all posts of a request"
        raise Rejected(message, service=service)
    posts = [_post(each, service, replaces, group) for each in submissions]
    written = json.dumps({**heads[0], "posts": posts}, ensure_ascii=False).encode("utf-8", "replace")
    if len(written) > _LONGEST:
        message = (
            f"{service} takes no more than {_LONGEST:,} bytes in a request, and these are {len(written):,}"
        )
        raise Rejected(message, service=service)
    return written


def _head(content: Content) -> dict[str, Json]:
    named = content.options.get("tags")
    labels = [each for each in named if isinstance(each, str)] if isinstance(named, list) else []
    return {
        # Never anything but these two: `now` publishes, and any other word schedules.
        "type": "draft" if content.intent is Intent.DRAFT else "schedule",
        "date": stamp(content.at),
        "shortLink": content.options.get("short_link") is True,
        # Postiz attaches those that it has, and says nothing of the others.
        "tags": [{"value": each, "label": each} for each in labels],
    }


def _post(submission: Submission, service: str, replaces: str | None, group: str | None) -> dict[str, Json]:
    """One entry of `posts`: the post and its replies, each with its media, and the network's settings."""
    content = submission.content
    own, replies = content.split_assets(submission.assets)
    wanted = (len(content.media), *(len(each.media) for each in content.thread))
    if wanted != (len(own), *map(len, replies)):
        message = "which media the post has is not known, so that it cannot be sent again"
        raise Rejected(message, service=service, hint="change the entry's media, or do it in Postiz")
    first: dict[str, Json] = {"content": content.caption, "image": _images(own)}
    if replaces is not None:
        first["id"] = replaces
    value: list[Json] = [first]
    value += [
        {"content": each.text, "image": _images(assets)}
        for each, assets in zip(content.thread, replies, strict=True)
    ]
    settings: dict[str, Json] = {
        name.removeprefix(OWN): chosen
        for name, chosen in content.options.items()
        if name not in RESERVED and chosen is not None
    }
    entry: dict[str, Json] = {
        "integration": {"id": submission.scope.account.id},
        "settings": settings,
        "value": value,
    }
    # Without its group, a post that is sent again would leave its old replies behind.
    return entry if group is None else {**entry, "group": group}


def _images(assets: Sequence[str]) -> list[Json]:
    """Assets as a post names them: by id and path."""
    parts = [each.partition(" ") for each in assets]
    return [{"id": media_id, "path": path} for media_id, _, path in parts]
