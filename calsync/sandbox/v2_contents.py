"""Postqued v2's contents: upload in three steps, for videos and images alike; list, look at, delete.

Documented are the sizes (4 GB a video, 20 MB an image), the MIME types, and that an image's signature is
checked and its format normalised. Here PNG and GIF become JPEG, and the dimensions are those that the client
tells, of which TikTok's 1080p is taken to allow 1080 by 1920 either way. Deleting a content leaves the posts
that use it alone. The bytes behind ``url`` are not served.
"""

from __future__ import annotations

import sqlite3

from starlette.routing import Route

from calsync.sandbox import contents, storage
from calsync.sandbox.v2_calls import Call, Endpoints
from calsync.sandbox.wire import Json, JsonObject, Refusal, invalid, iso
from calsync.sandbox.world import World

MOST_BYTES = {"video": 4 * 1024**3, "image": 20 * 1024**2}
"""By kind; the vendor says 4 GB and 20 MB."""

_VIDEOS = {"video/mp4": "mp4", "video/quicktime": "mov", "video/webm": "webm"}
_IMAGES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}
_SIDES = (1080, 1920)


class Contents(Endpoints):
    """The endpoints of v2 for contents."""

    def __init__(self, world: World, storage_url: str) -> None:
        """Serve one sandbox whose storage answers at ``storage_url``."""
        super().__init__(world)
        self._storage_url = storage_url

    def routes(self) -> list[Route]:
        """List the endpoints."""
        return [
            self.route("POST", "/v2/content/upload", self.announce),
            self.route("POST", "/v2/content/upload/complete", self.complete),
            self.route("GET", "/v2/content", self.listing),
            self.route("GET", "/v2/content/{contentId}", self.one),
            self.route("DELETE", "/v2/content/{contentId}", self.delete),
        ]

    def announce(self, call: Call) -> Json:
        """Give a presigned address for a video or an image, and the key that completes it."""
        filename, content_type = str(call.body["filename"]), str(call.body["contentType"])
        suffix = (_VIDEOS | _IMAGES).get(content_type)
        if suffix is None:
            raise invalid("contentType", " | ".join(_VIDEOS | _IMAGES))
        if not filename:
            raise invalid("filename", "it is empty")
        size = _whole(call.body, "fileSize")
        announced = contents.Announced(
            kind="video" if content_type in _VIDEOS else "image",
            suffix=suffix,
            filename=filename,
            content_type=content_type,
            size=size,
            workspace_id=call.workspace_id,
        )
        if size is not None:
            _check_size(announced.kind, size, "fileSize")
        content_id, upload = contents.announce(
            call.db, call.now, self._storage_url, announced, life=self._world.knobs["url_life_seconds"]
        )
        return {"contentId": content_id, "upload": upload}

    def complete(self, call: Call) -> Json:
        """Check that the announced bytes have arrived and are what they are said to be."""
        content_id = str(call.body["contentId"]).lower()
        row = _row(call, content_id)
        if row is None or row["status"] == "deleted":
            raise Refusal(404, "CONTENT_NOT_FOUND", f"There is no content {content_id}")
        if call.body["key"] != row["object_key"] or row["sha256"] is None:
            raise Refusal(404, "UPLOAD_NOT_FOUND", "No bytes have arrived under that key")
        size, width, height, duration = (
            _whole(call.body, name) for name in ("size", "width", "height", "durationMs")
        )
        if any(said not in (None, row["size"]) for said in (size, row["declared_size"])):
            raise invalid("size", f"{row['size']} bytes arrived")
        if call.body["contentType"] != row["content_type"]:
            raise invalid("contentType", f"{row['content_type']} was announced")
        _check_size(row["kind"], row["size"], "size")
        mime = row["content_type"]
        if row["kind"] == "image":
            if _format(self._world.store.beginning(row["sha256"])) != mime:
                raise Refusal(400, "TYPE_MISMATCH", f"The bytes are not {mime}")
            shorter, longer = sorted((width or 0, height or 0))
            if shorter > _SIDES[0] or longer > _SIDES[1]:
                raise Refusal(400, "DIMENSIONS_TOO_LARGE", "An image has at most 1080 by 1920 pixels")
            mime = mime if mime == "image/webp" else "image/jpeg"
        call.db.execute(
            "UPDATE contents SET status = 'ready', filename = ?, content_type = ?, width = ?, height = ?,"
            " duration_ms = ? WHERE id = ?",
            (call.body["filename"], mime, width, height, duration, content_id),
        )
        return {"content": self._asset(_ready(call, content_id))}

    def listing(self, call: Call) -> Json:
        """List what is ready, newest first, in pages."""
        kind, search = call.query.get("mediaType", "all"), call.query.get("search", "")
        rows = call.db.execute(
            "SELECT * FROM contents WHERE workspace_id = ? AND status = 'ready'"
            " AND (? = 'all' OR kind = ?) AND instr(lower(filename), lower(?)) > 0 ORDER BY rowid DESC",
            (call.workspace_id, kind, kind, search),
        ).fetchall()
        page, size = _number(call.query["page"]), _number(call.query["perPage"])
        shown: list[Json] = [self._asset(row) for row in rows[(page - 1) * size : page * size]]
        pages = -(-len(rows) // size)
        return {
            "content": shown,
            "pagination": {"page": page, "perPage": size, "total": len(rows), "pages": pages},
        }

    def one(self, call: Call) -> Json:
        """Show one content that is ready."""
        return {"content": self._asset(_ready(call, call.path["contentId"].lower()))}

    def delete(self, call: Call) -> Json:
        """Take a content out of the library."""
        row = _ready(call, call.path["contentId"].lower())
        call.db.execute("UPDATE contents SET status = 'deleted' WHERE id = ?", (row["id"],))
        return {"success": True}

    def _asset(self, row: sqlite3.Row) -> JsonObject:
        key = row["object_key"] or f"content/dashboard/{row['id']}"
        return {
            "id": row["id"],
            "url": f"{self._storage_url}/{storage.BUCKET}/{key}",
            "mediaType": row["kind"],
            "mimeType": row["content_type"],
            "filename": row["filename"],
            "size": row["size"],
            "width": row["width"],
            "height": row["height"],
            "durationMs": row["duration_ms"],
            "status": row["status"],
            "createdAt": iso(row["created_ms"]),
            "folderId": None,
        }


def _row(call: Call, content_id: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = call.db.execute(
        "SELECT * FROM contents WHERE id = ? AND workspace_id = ?", (content_id, call.workspace_id)
    ).fetchone()
    return row


def _ready(call: Call, content_id: str) -> sqlite3.Row:
    row = _row(call, content_id)
    if row is None or row["status"] != "ready":
        raise Refusal(404, "CONTENT_NOT_FOUND", f"There is no content {content_id}")
    return row


def _check_size(kind: str, size: int, field: str) -> None:
    if size > MOST_BYTES[kind]:
        raise Refusal(400, "FILE_TOO_LARGE", f"{field}: at most {MOST_BYTES[kind]} bytes")


def _format(beginning: bytes) -> str | None:
    """Tell an image's format by its signature."""
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "image/webp"
    signatures = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif"}
    return next((mime for start, mime in signatures.items() if beginning.startswith(start)), None)


def _whole(body: JsonObject, name: str) -> int | None:
    """Read a number that, where it is given, is above zero: the description says only that it is whole."""
    if name not in body:
        return None
    number = _number(body[name])
    if number <= 0:
        raise invalid(name, "a whole number above zero")
    return number


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0
