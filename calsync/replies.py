"""The thread of a post as a calendar spells it: what is said below it, and what is shown."""

from __future__ import annotations

from functools import partial
from typing import Annotated, NamedTuple

from calsync.document import HOLE, Map, Seq
from calsync.fields import SCALAR, Kind, fault, found, inside, items, media_names, plain_text, suggestion
from calsync.model import RemoteMedia
from calsync.textfile import shown

MAX_REPLIES = 25
"""Of one thread."""


class Said(NamedTuple):
    """One post of a thread as it is written; `at` and `media_at` are the places of it and of its files."""

    text: str
    media: tuple[str, ...]
    at: int
    media_at: tuple[int, ...]


def _thread(value: object) -> tuple[Said, ...]:
    if not isinstance(value, Seq):
        hint = "write each as an item: - First reply" if value else "no thread is []"
        raise fault("wrong-type", f"expected a list of replies, found {found(value)}", hint)
    if len(value) > MAX_REPLIES:
        message = f"a thread has at most {MAX_REPLIES} replies, found {len(value):,}"
        raise fault("thread-count", message, "make it several posts", value.item_at[MAX_REPLIES])
    return tuple(
        inside(partial(_reply, at=at), each, at)
        for each, at in zip(value, value.item_at, strict=True)
        if each is not HOLE
    )


def _reply(value: object, at: int) -> Said:
    """A text, or a mapping of text and media."""
    if not isinstance(value, Map):
        if isinstance(value, str) and not value.strip():
            raise fault("empty-value", "an empty reply", "write its text, or take the item out")
        return Said(plain_text(value), (), at, ())
    for key in value.key_at:
        if key not in ("text", "media"):
            hint = suggestion(key, {"text": "text", "caption": "text", "media": "media"})
            hint = hint or 'a reply is {text: ..., media: ...}; text that holds ": " must be quoted'
            raise fault("unknown-key", f"{shown(key)} is no field of a reply", hint, value.key_at[key])
    text = inside(plain_text, value["text"], value.place("text")) if "text" in value else ""
    names, places = _shown_files(value) if "media" in value else ((), ())
    if not (text.strip() or names or value.spoiled):
        raise fault("missing-key", "a reply needs text or media", "such as {text: ..., media: media/2.jpg}")
    return Said(text, names, at, places)


def _shown_files(reply: Map) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The files that a reply shows, by name, and their places."""
    value, at = reply["media"], reply.place("media")
    if isinstance(value, Map):
        hint = "write a path; content that the service has is for the post's own media"
        raise fault("wrong-type", "the media of a reply is a file, or a list of files", hint, at)
    names = inside(media_names, value, at)
    assert not isinstance(names, RemoteMedia)
    return names, tuple(place for _, place in items(value, "files")) if isinstance(value, Seq) else (at,)


Thread = Annotated[
    tuple[Said, ...],
    Kind(
        _thread,
        type="array",
        maxItems=MAX_REPLIES,
        items={
            "anyOf": [
                {"type": SCALAR, "description": "a reply's text"},
                {
                    "type": "object",
                    "properties": {
                        "text": {"type": SCALAR, "description": "a reply's text"},
                        "media": {
                            "anyOf": [
                                {"type": "string", "description": "a file that it shows"},
                                {"type": "array", "items": {"type": "string"}, "minItems": 1},
                            ]
                        },
                    },
                    "anyOf": [{"required": ["text"]}, {"required": ["media"]}],
                    "additionalProperties": False,
                },
            ]
        },
    ),
]
"""The posts below a post; an empty list takes those of another level away."""
