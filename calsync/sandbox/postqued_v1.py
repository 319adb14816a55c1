"""Postqued's API v1, from its scheduling guide (March 2026) and its skill file 1.0.6.

v1 documents no way to list, cancel, move or delete a post, so there is none here: such requests are 404.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import uuid4

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calsync.sandbox import contents, postqued
from calsync.sandbox.store import note_transfer
from calsync.sandbox.wire import Json, JsonObject, Refusal, invalid, json_object, text_field
from calsync.sandbox.world import World

MOST_VIDEO_BYTES = 500 * 1024 * 1024
"""The guide: at most 500 MB a video."""
MOST_IMAGE_BYTES = 20 * 1024 * 1024
"""The vendor's photo page: at most 20 MB an image."""

_VIDEOS = {"video/mp4": "mp4", "video/quicktime": "mov", "video/webm": "webm"}
_IMAGES = ("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff")
_CHUNK = 1024 * 1024
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class PostquedV1:
    """The endpoints of v1; where the knob ``v1_retired`` is set, all of them are gone (410)."""

    def __init__(self, world: World, storage_url: str) -> None:
        """Serve one sandbox whose storage answers at ``storage_url``."""
        self._world = world
        self._storage_url = storage_url

    def routes(self) -> list[Route]:
        """List the endpoints."""
        return [
            self._route("POST", "/v1/content/upload", self.announce),
            self._route("POST", "/v1/content/upload/complete", self.complete),
            self._route("POST", "/v1/content/upload-image", self.upload_image),
            self._route("GET", "/v1/platform-accounts", self.accounts),
            self._route("POST", "/v1/content/publish", self.publish),
            self._route("GET", "/v1/content/publish/{publish_id}", self.status),
            Route("/v1/{path:path}", self._answering(_nothing), methods=list(_METHODS)),
        ]

    def _route(self, method: str, path: str, endpoint: _Endpoint) -> Route:
        return Route(path, self._answering(endpoint), methods=[method])

    def _answering(self, endpoint: _Endpoint) -> _Endpoint:
        async def answer(request: Request) -> Response:
            if self._world.knobs["v1_retired"]:
                raise Refusal(410, "GONE", "API v1 was retired, use v2")
            return await endpoint(request)

        return answer

    async def announce(self, request: Request) -> Response:
        """Give a presigned address for a video; images have an endpoint of their own in v1."""
        body = await json_object(request)
        filename = text_field(body, "filename", longest=255)
        content_type = text_field(body, "contentType")
        if content_type not in _VIDEOS:
            raise invalid("contentType", " | ".join(_VIDEOS))
        size = _whole(body, "fileSize", required=True)
        if size > MOST_VIDEO_BYTES:
            raise invalid("fileSize", f"at most {MOST_VIDEO_BYTES} bytes")
        announced = contents.Announced(
            kind="video",
            suffix=_VIDEOS[content_type],
            filename=filename,
            content_type=content_type,
            size=size,
        )
        with self._world.store.transaction() as db:
            now = self._world.clock.now_ms()
            content_id, upload = contents.announce(
                db, now, self._storage_url, announced, life=self._world.knobs["url_life_seconds"]
            )
        if not self._world.knobs["upload_key"]:
            del upload["key"]
        return JSONResponse({"contentId": content_id, "upload": upload})

    async def complete(self, request: Request) -> Response:
        """Check that the announced bytes have arrived; v1's answer is not documented, so it is v2's."""
        body = await json_object(request)
        content_id = text_field(body, "contentId")
        given = {name: text_field(body, name) for name in ("key", "filename", "contentType")}
        size = _whole(body, "size", required=True)
        width, height, duration = (_whole(body, name) for name in ("width", "height", "durationMs"))
        with self._world.store.transaction() as db:
            row = db.execute("SELECT * FROM contents WHERE id = ?", (content_id,)).fetchone()
            if row is None:
                raise Refusal(404, "CONTENT_NOT_FOUND", f"There is no content {content_id}")
            if given["key"] != row["object_key"]:
                raise Refusal(404, "UPLOAD_NOT_FOUND", "There is no upload under that key")
            if row["sha256"] is None:
                raise Refusal(404, "UPLOAD_NOT_FOUND", "The bytes have not arrived")
            if size != row["size"] or size != row["declared_size"]:
                raise invalid("size", f"{row['size']} bytes arrived, {row['declared_size']} were announced")
            if given["contentType"] != row["content_type"]:
                raise invalid("contentType", f"{row['content_type']} was announced")
            db.execute(
                "UPDATE contents SET status = 'ready', filename = ?, width = ?, height = ?, duration_ms = ?"
                " WHERE id = ?",
                (given["filename"], width or None, height or None, duration or None, content_id),
            )
        answer: JsonObject = {"id": content_id, "mediaType": "video", "size": size, "status": "ready"}
        return JSONResponse({"content": answer})

    async def upload_image(self, request: Request) -> Response:
        """Take one image as multipart, part ``file``; the answer is not documented."""
        async with request.form(max_files=1) as form:
            part = form.get("file")
            if not isinstance(part, UploadFile):
                raise invalid("file", "one file is required")
            if part.content_type not in _IMAGES:
                raise invalid("file", " | ".join(_IMAGES))
            if not 0 < (part.size or 0) <= MOST_IMAGE_BYTES:
                raise invalid("file", f"1 to {MOST_IMAGE_BYTES} bytes")
            with self._world.store.receive() as receipt:
                while chunk := await part.read(_CHUNK):
                    receipt.write(chunk)
                sha256 = receipt.keep()
            content_id, now = str(uuid4()), self._world.clock.now_ms()
            with self._world.store.transaction() as db:
                db.execute(
                    "INSERT INTO contents (id, kind, filename, content_type, sha256, size, status,"
                    " created_ms) VALUES (?, 'image', ?, ?, ?, ?, 'ready', ?)",
                    (content_id, part.filename, part.content_type, sha256, receipt.size, now),
                )
                note_transfer(db, "postqued", content_id, sha256, receipt.size, now)
        return JSONResponse({"contentId": content_id})

    async def accounts(self, request: Request) -> Response:
        """List the connected accounts, of one platform where the query names it."""
        platform = request.query_params.get("platform")
        with self._world.store.transaction() as db:
            rows = db.execute(
                "SELECT id, platform, username, display_name FROM accounts WHERE service = 'postqued'"
                " AND NOT v2_only AND platform = coalesce(?, platform) ORDER BY rowid",
                (platform,),
            ).fetchall()
        names = ("id", "platform", "username", "displayName")
        return JSONResponse({"accounts": [dict(zip(names, row, strict=True)) for row in rows]})

    async def publish(self, request: Request) -> Response:
        """Make a publish, once for each idempotency key."""
        key = request.headers.get("idempotency-key", "").strip()
        if not key:
            raise Refusal(400, "MISSING_IDEMPOTENCY_KEY", "The Idempotency-Key header is required")
        body, raw = await json_object(request), await request.body()
        replays = self._world.knobs["duplicate_key"] == "replay"
        now = self._world.clock.now_ms()
        with self._world.store.transaction() as db:
            answer = postqued.recall(db, key, raw, now, replays=replays)
            if answer is None:
                media = postqued.checked_contents(db, body)
                targets = postqued.checked_targets(db, body, now)
                publish_id = postqued.add_publish(db, media, targets, now, made_by="api", key=key)
                answer = _answer(
                    publish_id,
                    db.execute(
                        "SELECT id, platform, status FROM targets WHERE publish_id = ? ORDER BY position",
                        (publish_id,),
                    ).fetchall(),
                )
                postqued.remember(db, key, raw, answer, now)
        return JSONResponse(answer)

    async def status(self, request: Request) -> Response:
        """Tell how a publish and its targets stand."""
        publish_id = request.path_params["publish_id"]
        with self._world.store.transaction() as db:
            rows = db.execute(
                "SELECT targets.id, platform, status FROM targets JOIN publishes ON publishes.id = publish_id"
                " WHERE publish_id = ? AND NOT deleted ORDER BY position",
                (publish_id,),
            ).fetchall()
        if not rows:
            raise Refusal(404, "NOT_FOUND", f"There is no publish {publish_id}")
        return JSONResponse(_answer(publish_id, rows))


async def _nothing(request: Request) -> Response:
    raise Refusal(404, "NOT_FOUND", f"There is no {request.method} {request.url.path} here")


def _answer(publish_id: str, targets: list[sqlite3.Row]) -> JsonObject:
    shown: list[Json] = [
        {"id": row["id"], "platform": row["platform"], "status": row["status"]} for row in targets
    ]
    status = postqued.request_status([row["status"] for row in targets])
    return {"id": publish_id, "status": status, "targets": shown}


def _whole(body: JsonObject, name: str, *, required: bool = False) -> int:
    """Read a whole number above zero; 0 for one that is absent and may be."""
    value = body.get(name)
    if value is None and not required:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise invalid(name, "a whole number above zero")
    return value
