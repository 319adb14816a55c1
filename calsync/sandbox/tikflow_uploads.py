"""TikFlow's uploads, from its reference pages on uploading and on the upload history.

How one uploads in order to schedule is not documented: the one example of an upload's life goes from
``pending`` to ``published`` in 11 seconds. Only these two statuses are documented; ``ready`` and
``scheduled`` are made up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calsync.sandbox import tikflow
from calsync.sandbox.store import note_transfer
from calsync.sandbox.wire import (
    PRIVACY_LEVELS,
    Json,
    JsonObject,
    Refusal,
    invalid,
    iso,
    json_object,
    text_field,
)
from calsync.sandbox.world import World

PUBLISHES_AFTER_MS = 11_000
"""How long the upload in the documented example took to be published."""
MOST_PHOTOS = 35
MOST_PHOTO_BYTES = 10 * 1024 * 1024
"""The photo page: 1 to 35 files of at most 10 MB."""

_CHUNK = 1024 * 1024
_MOST_LISTED = 100
_SWITCHES = ("disableDuet", "disableStitch", "disableComment")


class Uploads:
    """The endpoints under ``/upload``."""

    def __init__(self, world: World) -> None:
        """Serve one sandbox."""
        self._world = world

    def routes(self) -> list[Route]:
        """List the endpoints."""
        return [
            Route(f"{tikflow.ROOT}/upload/video", self.video, methods=["POST"]),
            Route(f"{tikflow.ROOT}/upload/photo", self.photo, methods=["POST"]),
            Route(f"{tikflow.ROOT}/upload/history", self.history, methods=["GET"]),
        ]

    async def video(self, request: Request) -> Response:
        """Take a video by its address, or directly as the part ``video``, a name that is a guess."""
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with request.form() as form:
                files = _files(form, "video", most=1)
                return await self._take(_texts(form), "video", files)
        body = await json_object(request)
        if urlsplit(text_field(body, "videoUrl")).scheme not in ("http", "https"):
            raise invalid("videoUrl", "a web address")
        return await self._take(body, "video", [])

    async def photo(self, request: Request) -> Response:
        """Take the photos of one carousel, as multipart with the part ``photos`` repeated."""
        async with request.form() as form:
            fields, files = _texts(form), _files(form, "photos", most=MOST_PHOTOS)
            if any((file.size or 0) > MOST_PHOTO_BYTES for file in files):
                raise invalid("photos", f"at most {MOST_PHOTO_BYTES} bytes each")
            if fields.get("photoCount") != str(len(files)):
                raise invalid("photoCount", "the number of photos")
            text_field(fields, "tiktokAccountId")
            return await self._take(fields, "photo", files)

    async def history(self, request: Request) -> Response:
        """List the uploads, newest first (the order is not documented)."""
        limit = _number(request, "limit", 20, least=1, most=_MOST_LISTED)
        offset = _number(request, "offset", 0, least=0, most=2**31)
        with self._world.store.transaction() as db:
            total = db.execute("SELECT count(*) FROM uploads").fetchone()[0]
            rows = db.execute(
                "SELECT uploads.*, username, display_name FROM uploads LEFT JOIN accounts"
                " ON service = 'tikflow' AND accounts.id = account_id"
                " ORDER BY created_ms DESC, uploads.rowid DESC LIMIT ? OFFSET ?",
                (limit, offset),
            ).fetchall()
        more = offset + len(rows) < total
        return JSONResponse(
            {
                "success": True,
                "data": [_entry(row) for row in rows],
                "pagination": {"total": total, "limit": limit, "offset": offset, "hasMore": more},
            }
        )

    async def _take(self, fields: Mapping[str, Json], media_type: str, files: list[UploadFile]) -> Response:
        title = text_field(fields, "title", longest=150)
        description = text_field(fields, "description", longest=2200) if fields.get("description") else ""
        if fields.get("privacyLevel", PRIVACY_LEVELS[0]) not in PRIVACY_LEVELS:
            raise invalid("privacyLevel", " | ".join(PRIVACY_LEVELS))
        for name in _SWITCHES:
            if fields.get(name, False) not in (True, False, "true", "false"):
                raise invalid(name, "true or false")
        digests = [await self._keep(file) for file in files]
        now = self._world.clock.now_ms()
        publishes = self._world.knobs["tikflow_upload_publishes"]
        upload_id = str(uuid4())
        with self._world.store.transaction() as db:
            account_id = _chosen_account(db, fields.get("tiktokAccountId"))
            if tikflow.uploads_since(db, tikflow.month_start(now)) >= tikflow.UPLOADS_A_MONTH:
                raise Refusal(403, "FORBIDDEN", "The plan's uploads of this month are used up")
            db.execute(
                "INSERT INTO uploads (id, account_id, title, description, media_type, status, sha256,"
                " publishes_ms, created_ms) VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?)",
                (
                    upload_id, account_id, title, description, media_type,
                    " ".join(sha256 for sha256, _ in digests),
                    now + PUBLISHES_AFTER_MS if publishes else None, now,
                ),
            )  # fmt: skip
            for sha256, size in digests:
                note_transfer(db, "tikflow", upload_id, sha256, size, now)
        return tikflow.success({"uploadId": upload_id, "status": "pending", "message": "Upload queued"}, 202)

    async def _keep(self, file: UploadFile) -> tuple[str, int]:
        with self._world.store.receive() as receipt:
            while chunk := await file.read(_CHUNK):
                receipt.write(chunk)
            return receipt.keep(), receipt.size


def _texts(form: FormData) -> JsonObject:
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _files(form: FormData, name: str, *, most: int) -> list[UploadFile]:
    files = [part for part in form.getlist(name) if isinstance(part, UploadFile)]
    if not 1 <= len(files) <= most:
        raise invalid(name, f"1 to {most} files")
    return files


def _chosen_account(db: sqlite3.Connection, wanted: Json) -> str:
    """Check the account, or pick the only one where none is named."""
    if wanted is None:
        rows = db.execute("SELECT id FROM accounts WHERE service = 'tikflow'").fetchall()
        if len(rows) != 1:
            raise invalid("tiktokAccountId", "required unless exactly one account is connected")
        return str(rows[0]["id"])
    if tikflow.find_account(db, str(wanted)) is None:
        raise Refusal(404, "NOT_FOUND", "TikTok account not found")
    return str(wanted)


def _number(request: Request, name: str, default: int, *, least: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise invalid(name, f"a whole number from {least} to {most}")
    return int(text)


def _entry(row: sqlite3.Row) -> JsonObject:
    published = row["published_ms"]
    # What TikTok's Direct Post returns for a file; the digits are the upload's own.
    video_id = None if published is None else f"v_pub_file~v2-1.{UUID(row['id']).int % 10**19:019}"
    return {
        "id": row["id"],
        "tiktokVideoId": video_id,
        "title": row["title"],
        "description": row["description"],
        "status": row["status"],
        "uploadProgress": 100,
        "mediaType": row["media_type"],
        "tiktokAccount": {
            "id": row["account_id"], "username": row["username"], "displayName": row["display_name"],
        },
        "createdAt": iso(row["created_ms"]),
        "publishedAt": None if published is None else iso(published),
        "error": row["error"],
    }  # fmt: skip
