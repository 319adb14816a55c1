"""What a person does in a dashboard, past the API: makes, changes, stops, deletes a post; and failures.

A post is named by its publish id (then all its targets are meant), target id, schedule id or Postiz's id.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from uuid import uuid4

from calsync.sandbox import postiz_people, postiz_posts, postqued, tikflow
from calsync.sandbox.store import MAIN_WORKSPACE
from calsync.sandbox.wire import JsonObject

_WAITING = ("queued", "scheduled", "pending")


class NoSuchPost(LookupError):
    """No post that can still be changed has that id."""


def add_post(
    db: sqlite3.Connection,
    now: int,
    *,
    service: str,
    account_id: str,
    at_ms: int,
    caption: str,
    media: Sequence[str],
    intent: str = "publish",
    options: JsonObject | None = None,
    thread: Sequence[str] = (),
) -> str:
    """Schedule a post by hand; its id.

    From contents or from one upload, made up where none is named, or at Postiz from its media or none.
    """
    known = "SELECT platform, workspace_id FROM accounts WHERE service = ? AND id = ?"
    account = db.execute(known, (service, account_id)).fetchone()
    if account is None:
        raise ValueError(f"{service} has no account {account_id}")
    if service == "postiz":
        return postiz_people.add(
            db,
            now,
            channel_id=account_id,
            at_ms=at_ms,
            content=caption,
            media=media,
            draft=intent == "draft",
            settings=options or {},
            thread=thread,
        )
    if thread:
        raise ValueError("only Postiz's posts have threads")
    if service == "tikflow":
        upload_id = media[0] if media else add_upload(db, now, account_id=account_id, description=caption)
        if db.execute("SELECT 1 FROM uploads WHERE id = ?", (upload_id,)).fetchone() is None:
            raise ValueError(f"tikflow has no upload {upload_id}")
        return tikflow.add_schedule(db, upload_id, account_id, at_ms, now, made_by="person")
    target = postqued.Target(
        platform=account["platform"],
        account_id=account_id,
        intent=intent,
        caption=caption,
        options=options or {},
        at_ms=at_ms,
    )
    contents = list(media) or [add_content(db, now, workspace_id=account["workspace_id"])]
    return postqued.add_publish(db, contents, [target], now, made_by="person")


def add_content(
    db: sqlite3.Connection,
    now: int,
    *,
    content_id: str | None = None,
    kind: str = "video",
    workspace_id: str = MAIN_WORKSPACE,
) -> str:
    """Put a content into Postqued's library whose bytes nobody knows here."""
    content_id = content_id or str(uuid4())
    suffix, mime = ("mp4", "video/mp4") if kind == "video" else ("jpg", "image/jpeg")
    db.execute(
        "INSERT INTO contents (id, kind, filename, content_type, status, created_ms, workspace_id)"
        " VALUES (?, ?, ?, ?, 'ready', ?, ?)",
        (content_id, kind, f"from-the-dashboard.{suffix}", mime, now, workspace_id),
    )
    return content_id


def add_upload(
    db: sqlite3.Connection,
    now: int,
    *,
    account_id: str,
    upload_id: str | None = None,
    title: str = "Uploaded in the dashboard",
    description: str = "",
    media_type: str = "video",
) -> str:
    """Put an upload at TikFlow that waits to be scheduled (``ready``).

    How the real service comes by such uploads is unknown (its documented upload publishes at once); that they
    exist follows from scheduling an upload by its id.
    """
    upload_id = upload_id or str(uuid4())
    db.execute(
        "INSERT INTO uploads (id, account_id, title, description, media_type, status, created_ms, seeded)"
        " VALUES (?, ?, ?, ?, ?, 'ready', ?, 1)",
        (upload_id, account_id, title, description, media_type, now),
    )
    return upload_id


def edit_post(
    db: sqlite3.Connection,
    now: int,
    post_id: str,
    *,
    at_ms: int | None,
    caption: str | None,
    media: Sequence[str] | None = None,
    thread: Sequence[str] | None = None,
) -> None:
    """Give a waiting post another time or caption; at TikFlow the caption is its upload's description.

    Other media or replies, which no API would show, can be given at Postiz alone.
    """
    at_postiz = postiz_people.found(db, post_id, postiz_people.WAITING)
    if at_postiz is not None:
        postiz_people.edit(db, now, at_postiz, at_ms=at_ms, content=caption, media=media, thread=thread)
        return
    if media is not None or thread is not None:
        raise ValueError("only Postiz's posts are given other media or replies")
    _found(db, post_id, _WAITING)
    for row in _targets(db, post_id, _WAITING):
        if at_ms is not None:
            db.execute("UPDATE targets SET at_ms = ?, due_ms = ? WHERE id = ?", (at_ms, at_ms, row["id"]))
        if caption is not None:
            db.execute("UPDATE targets SET caption = ? WHERE id = ?", (caption, row["id"]))
    schedule = _schedule(db, post_id, _WAITING)
    if schedule is not None and at_ms is not None:
        db.execute("UPDATE schedules SET at_ms = ? WHERE id = ?", (at_ms, schedule["id"]))
    if schedule is not None and caption is not None:
        db.execute("UPDATE uploads SET description = ? WHERE id = ?", (caption, schedule["upload_id"]))


def stop_post(db: sqlite3.Connection, post_id: str) -> None:
    """Cancel a waiting post; it stays visible as cancelled, at Postiz as a draft."""
    at_postiz = postiz_people.found(db, post_id, postiz_people.WAITING)
    if at_postiz is not None:
        postiz_people.stop(db, at_postiz)
        return
    _found(db, post_id, _WAITING)
    for row in _targets(db, post_id, _WAITING):
        db.execute("UPDATE targets SET status = 'canceled' WHERE id = ?", (row["id"],))
    schedule = _schedule(db, post_id, _WAITING)
    if schedule is not None:
        tikflow.cancel_schedule(db, schedule)


def fail_post(db: sqlite3.Connection, post_id: str, error: str) -> None:
    """Let a post that has not gone out fail; at TikFlow only the upload shows it."""
    at_postiz = postiz_people.found(db, post_id, postiz_people.WAITING)
    if at_postiz is not None:
        postiz_people.fail(db, at_postiz, error)
        return
    open_statuses = (*_WAITING, "processing")
    _found(db, post_id, open_statuses)
    for row in _targets(db, post_id, open_statuses):
        db.execute("UPDATE targets SET status = 'failed', error = ? WHERE id = ?", (error, row["id"]))
    schedule = _schedule(db, post_id, open_statuses)
    if schedule is not None:
        db.execute(
            "UPDATE uploads SET status = 'failed', error = ? WHERE id = ?", (error, schedule["upload_id"])
        )


def delete_post(db: sqlite3.Connection, post_id: str) -> None:
    """Delete a post in whatever state, so that the API shows it no more; what waited does not go out."""
    at_postiz = postiz_people.found(db, post_id, None)
    if at_postiz is not None:
        postiz_posts.delete_group(db, at_postiz["group_id"])
        return
    _found(db, post_id, None)
    for row in _targets(db, post_id, None):
        if row["status"] in _WAITING:
            db.execute("UPDATE targets SET status = 'canceled' WHERE id = ?", (row["id"],))
        db.execute("UPDATE publishes SET deleted = 1 WHERE id = ?", (row["publish_id"],))
    schedule = _schedule(db, post_id, None)
    if schedule is not None:
        tikflow.remove_schedule(db, schedule)


def _found(db: sqlite3.Connection, post_id: str, statuses: tuple[str, ...] | None) -> None:
    if not _targets(db, post_id, statuses) and _schedule(db, post_id, statuses) is None:
        raise NoSuchPost(f"there is no post {post_id} that can be changed so")


def _targets(db: sqlite3.Connection, post_id: str, statuses: tuple[str, ...] | None) -> list[sqlite3.Row]:
    rows = db.execute(
        "SELECT targets.* FROM targets JOIN publishes ON publishes.id = publish_id"
        " WHERE NOT deleted AND ? IN (targets.id, publish_id)",
        (post_id,),
    ).fetchall()
    return [row for row in rows if statuses is None or row["status"] in statuses]


def _schedule(db: sqlite3.Connection, post_id: str, statuses: tuple[str, ...] | None) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM schedules WHERE id = ? AND NOT deleted", (post_id,)
    ).fetchone()
    return row if row is not None and (statuses is None or row["status"] in statuses) else None
