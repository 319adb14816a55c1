"""What a person does to a post in Postiz's own pages, which know more than its public API does.

A post is named by its id. That an edit gives the post a new group, as every write through the API does, and
that moving it starts its job anew, is the sandbox's choice; "stopped" is a draft again, since Postiz has no
cancelled posts.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from uuid import uuid4

from calsync.sandbox import postiz_media, postiz_posts
from calsync.sandbox.postiz_bodies import Entry, Value, Wanted
from calsync.sandbox.wire import Json, JsonObject

WAITING = ("QUEUE", "DRAFT")


def add(
    db: sqlite3.Connection,
    now: int,
    *,
    channel_id: str,
    at_ms: int,
    content: str,
    media: Sequence[str],
    draft: bool,
    settings: JsonObject,
    thread: Sequence[str] = (),
) -> str:
    """Make a post by hand, with media of the library by their ids; its id."""
    first = Value(id=None, content=content, image=_images(db, media), delay=0)
    values = (first, *(_reply(each) for each in thread))
    wanted = Wanted(
        kind="draft" if draft else "schedule",
        at_ms=at_ms,
        inter=None,
        tags=(),
        entries=(Entry(channel_id=channel_id, group=None, settings=settings, values=values),),
        republish=False,
    )
    [made] = postiz_posts.write(db, wanted, now, made_by="person")
    return str(made["postId"])


def found(db: sqlite3.Connection, post_id: str, states: tuple[str, ...] | None) -> sqlite3.Row | None:
    """Find a post in one of these states, or in any."""
    row = postiz_posts.live(db, post_id)
    return row if row is not None and (states is None or row["state"] in states) else None


def edit(
    db: sqlite3.Connection,
    now: int,
    row: sqlite3.Row,
    *,
    at_ms: int | None,
    content: str | None,
    media: Sequence[str] | None,
    thread: Sequence[str] | None = None,
) -> None:
    """Give a waiting post another time, text, media or thread."""
    if at_ms is not None:
        db.execute("UPDATE postiz_posts SET at_ms = ? WHERE id = ?", (at_ms, row["id"]))
        job_ms = max(at_ms, now) if row["state"] == "QUEUE" else None
        postiz_posts.set_state(db, row["id"], row["state"], job_ms)
    if content is not None:
        db.execute("UPDATE postiz_posts SET content = ? WHERE id = ?", (content, row["id"]))
    if media is not None:
        images = json.dumps(_images(db, media))
        db.execute("UPDATE postiz_posts SET image = ? WHERE id = ?", (images, row["id"]))
    if thread is not None:
        postiz_posts.put_thread(db, row, [_reply(each) for each in thread], now)
    if content is not None or media is not None or thread is not None:
        change = (postiz_posts.new_group(), row["group_id"])
        db.execute("UPDATE postiz_posts SET group_id = ? WHERE group_id = ?", change)
    postiz_posts.turn(db, row["id"])


def stop(db: sqlite3.Connection, row: sqlite3.Row) -> None:
    """Make a waiting post a draft."""
    postiz_posts.set_state(db, row["id"], "DRAFT", None)
    postiz_posts.turn(db, row["id"])


def fail(db: sqlite3.Connection, row: sqlite3.Row, error: str) -> None:
    """Let a waiting post end as ERROR."""
    postiz_posts.set_state(db, row["id"], "ERROR", None)
    db.execute("UPDATE postiz_posts SET error = ? WHERE id = ?", (error, row["id"]))


def add_medium(db: sqlite3.Connection, now: int, *, kind: str, media_id: str | None) -> str:
    """Put a medium into the library whose bytes nobody knows here; its id."""
    suffix = "mp4" if kind == "video" else "jpg"
    path = f"https://media.example/{uuid4().hex}.{suffix}"
    return postiz_media.add(db, now, path=path, sha256=None, media_id=media_id)


def _reply(content: str) -> Value:
    return Value(id=None, content=content, image=[], delay=0)


def _images(db: sqlite3.Connection, media: Sequence[str]) -> list[Json]:
    images: list[Json] = []
    for media_id in media:
        row = db.execute("SELECT path FROM postiz_media WHERE id = ?", (media_id,)).fetchone()
        if row is None:
            raise ValueError(f"postiz has no medium {media_id}")
        images.append({"id": media_id, "path": row["path"]})
    return images
