"""The whole truth about the posts at the services, for tests: more than any of the APIs shows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Literal, TypedDict

from calsync.sandbox import postiz_posts
from calsync.sandbox.wire import JsonObject, iso


class PostEntry(TypedDict):
    """A post on an account: a Postqued target, a TikFlow schedule or lone upload, a Postiz post with its thread."""

    service: Literal["postqued", "tikflow", "postiz"]
    kind: Literal["target", "schedule", "upload", "post"]
    id: str
    """The publish id, schedule id, upload id or Postiz's id of the post."""
    target_id: str | None
    """Postqued's target id."""
    account_id: str
    account: str
    """The account's username, as the service spells it; Postiz's profile."""
    platform: str
    workspace_id: str | None
    """Postqued's workspace, which only its v2 knows."""
    intent: str
    title: str | None
    """TikFlow's title."""
    caption: str
    """Postqued's caption, TikFlow's description, Postiz's content as it is stored."""
    thread: list[str]
    """The replies under a Postiz post, those of its former groups too."""
    thread_media: list[list[str]]
    """Their media ids, reply by reply."""
    options: JsonObject
    media: list[str]
    """Content ids, the upload id, or Postiz's media ids."""
    sha256: list[str]
    """Of the media, where their bytes are known."""
    at: str | None
    """The time set for it, ISO 8601 UTC; None for "now"."""
    status: str
    """As the service calls it, or ``deleted``."""
    times_published: int
    """How many times it went out (``sent`` counts)."""
    published_at: str | None
    published_now: bool
    """Whether it went out because nobody set a time."""
    created_at: str
    made_by: Literal["api", "person"]
    idempotency_key: str | None
    error: str | None


class PublicationEntry(TypedDict):
    """One time that a Postiz post went out, with what it was then."""

    id: str
    at: str
    account_id: str
    caption: str
    media: list[str]
    thread: list[str]
    thread_media: list[list[str]]


class UploadEntry(TypedDict):
    """How often the same bytes arrived at the same service."""

    service: Literal["postqued", "tikflow", "postiz"]
    sha256: str
    size: int
    times: int
    content_ids: list[str]


def all_posts(db: sqlite3.Connection) -> list[PostEntry]:
    """List all posts in the order in which they were made: Postqued's, then TikFlow's, then Postiz's."""
    return [*_targets(db), *_schedules(db), *_lone_uploads(db), *_postiz(db)]


def all_publications(db: sqlite3.Connection) -> list[PublicationEntry]:
    """List each time that a Postiz post went out, in that order."""
    rows = db.execute(
        "SELECT postiz_publications.*, channel_id FROM postiz_publications"
        " JOIN postiz_posts ON postiz_posts.id = post_id ORDER BY postiz_publications.rowid"
    )
    entries: list[PublicationEntry] = []
    for row in rows:
        thread = json.loads(row["thread"])
        entries.append(
            PublicationEntry(
                id=row["post_id"],
                at=iso(row["at_ms"]),
                account_id=row["channel_id"],
                caption=row["content"],
                media=_media_ids(json.loads(row["image"])),
                thread=[reply["content"] for reply in thread],
                thread_media=[_media_ids(reply["image"]) for reply in thread],
            )
        )
    return entries


def all_uploads(db: sqlite3.Connection) -> list[UploadEntry]:
    """List what bytes arrived, each content once per service."""
    found: dict[tuple[str, str], UploadEntry] = {}
    for row in db.execute("SELECT * FROM transfers ORDER BY rowid"):
        entry = found.setdefault(
            (row["service"], row["sha256"]),
            UploadEntry(
                service=row["service"], sha256=row["sha256"], size=row["size"], times=0, content_ids=[]
            ),
        )
        entry["times"] += 1
        if row["content_id"] not in entry["content_ids"]:
            entry["content_ids"].append(row["content_id"])
    return list(found.values())


def _targets(db: sqlite3.Connection) -> list[PostEntry]:
    hashes = dict(db.execute("SELECT id, sha256 FROM contents WHERE sha256 IS NOT NULL").fetchall())
    entries: list[PostEntry] = []
    for row in db.execute(
        "SELECT targets.*, content_ids, created_ms, made_by, idempotency_key, deleted, username,"
        " publishes.workspace_id FROM targets"
        " JOIN publishes ON publishes.id = publish_id"
        " JOIN accounts ON service = 'postqued' AND accounts.id = account_id ORDER BY targets.rowid"
    ):
        media: list[str] = json.loads(row["content_ids"])
        entries.append(
            PostEntry(
                service="postqued",
                kind="target",
                id=row["publish_id"],
                target_id=row["id"],
                account_id=row["account_id"],
                account=row["username"],
                platform=row["platform"],
                workspace_id=row["workspace_id"],
                intent=row["intent"],
                title=None,
                caption=row["caption"],
                thread=[],
                thread_media=[],
                options=json.loads(row["options"]),
                media=media,
                sha256=[hashes[content_id] for content_id in media if content_id in hashes],
                at=_iso(row["at_ms"]),
                status="deleted" if row["deleted"] else row["status"],
                times_published=row["times_published"],
                published_at=_iso(row["published_ms"]),
                published_now=row["at_ms"] is None,
                created_at=iso(row["created_ms"]),
                made_by=row["made_by"],
                idempotency_key=row["idempotency_key"],
                error=row["error"],
            )
        )
    return entries


def _schedules(db: sqlite3.Connection) -> list[PostEntry]:
    rows = db.execute(
        "SELECT schedules.*, title, description, sha256, error, username FROM schedules"
        " JOIN uploads ON uploads.id = upload_id"
        " JOIN accounts ON service = 'tikflow' AND accounts.id = schedules.account_id"
        " ORDER BY schedules.rowid"
    )
    return [
        _tikflow(
            row,
            kind="schedule",
            upload_id=row["upload_id"],
            at=_iso(row["at_ms"]),
            status="deleted" if row["deleted"] else row["status"],
            times_published=row["times_published"],
            made_by=row["made_by"],
        )
        for row in rows
    ]


def _lone_uploads(db: sqlite3.Connection) -> list[PostEntry]:
    rows = db.execute(
        "SELECT uploads.*, username FROM uploads"
        " JOIN accounts ON service = 'tikflow' AND accounts.id = account_id"
        " WHERE status = 'published' AND uploads.id NOT IN"
        " (SELECT upload_id FROM schedules WHERE status = 'executed') ORDER BY uploads.rowid"
    )
    return [
        _tikflow(
            row,
            kind="upload",
            upload_id=row["id"],
            at=None,
            status=row["status"],
            times_published=1,
            made_by="person" if row["seeded"] else "api",
        )
        for row in rows
    ]


def _tikflow(
    row: sqlite3.Row,
    *,
    kind: Literal["schedule", "upload"],
    upload_id: str,
    at: str | None,
    status: str,
    times_published: int,
    made_by: Literal["api", "person"],
) -> PostEntry:
    return PostEntry(
        service="tikflow",
        kind=kind,
        id=row["id"],
        target_id=None,
        account_id=row["account_id"],
        account=row["username"],
        platform="tiktok",
        workspace_id=None,
        intent="publish",
        title=row["title"],
        caption=row["description"],
        thread=[],
        thread_media=[],
        options={},
        media=[upload_id],
        sha256=str(row["sha256"] or "").split(),
        at=at,
        status=status,
        times_published=times_published,
        published_at=_iso(row["published_ms"]),
        published_now=at is None,
        created_at=iso(row["created_ms"]),
        made_by=made_by,
        idempotency_key=None,
        error=row["error"],
    )


def _postiz(db: sqlite3.Connection) -> list[PostEntry]:
    hashes = dict(db.execute("SELECT id, sha256 FROM postiz_media WHERE sha256 IS NOT NULL").fetchall())
    entries: list[PostEntry] = []
    for row in db.execute(
        "SELECT postiz_posts.*, platform, username FROM postiz_posts"
        " JOIN accounts ON service = 'postiz' AND accounts.id = channel_id"
        " WHERE parent_id IS NULL ORDER BY postiz_posts.rowid"
    ).fetchall():
        media = _media_ids(json.loads(row["image"]))
        thread = list(postiz_posts.replies(db, row["id"]))
        entries.append(
            PostEntry(
                service="postiz",
                kind="post",
                id=row["id"],
                target_id=None,
                account_id=row["channel_id"],
                account=row["username"],
                platform=row["platform"],
                workspace_id=None,
                intent="draft" if row["state"] == "DRAFT" else "publish",
                title=None,
                caption=row["content"],
                thread=[reply["content"] for reply in thread],
                thread_media=[_media_ids(json.loads(reply["image"])) for reply in thread],
                options=json.loads(row["settings"]),
                media=media,
                sha256=[hashes[media_id] for media_id in media if media_id in hashes],
                at=None if row["at_once"] else iso(row["at_ms"]),
                status="deleted" if row["deleted"] else row["state"],
                times_published=row["times_published"],
                published_at=_iso(row["published_ms"]),
                published_now=bool(row["at_once"]),
                created_at=iso(row["created_ms"]),
                made_by=row["made_by"],
                idempotency_key=None,
                error=row["error"],
            )
        )
    return entries


def _media_ids(images: Iterable[Mapping[str, str]]) -> list[str]:
    return [image["id"] for image in images]


def _iso(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)
