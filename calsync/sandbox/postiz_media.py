"""Postiz's uploads: a library that can only be added to.

Measured: the type is told from the bytes and names the file, names are random, the same file twice is two
media, text and SVG are refused, and images over 10 MB. The limit of 1 GB for videos was read. A successful
upload from an address was not measured: here nothing is fetched, and the answer is that of an upload.
"""

from __future__ import annotations

import ipaddress
import sqlite3
from pathlib import PurePosixPath
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calsync.sandbox import postiz_wire
from calsync.sandbox.store import note_transfer
from calsync.sandbox.wire import Json, JsonObject
from calsync.sandbox.world import World

EXTENSIONS = ("png", "jpg", "jpeg", "gif", "webp", "mp4", "mov")
"""How the address of a medium has to end; which exactly is the sandbox's choice."""
MOST_IMAGE = 10 * 1024 * 1024
MOST_VIDEO = 1024 * 1024 * 1024
_VIDEOS = ("mp4", "mov")
_CHUNK = 1024 * 1024


class PostizMedia:
    """The endpoints for uploads."""

    def __init__(self, world: World, root: str) -> None:
        """Serve one sandbox under a root."""
        self._world = world
        self._root = root

    def routes(self) -> list[Route]:
        """List the endpoints."""
        return [
            Route(f"{self._root}/upload", self.upload, methods=["POST"]),
            Route(f"{self._root}/upload-from-url", self.from_url, methods=["POST"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Take one file as the part ``file``."""
        async with request.form() as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise postiz_wire.bad_request("No file provided")
            with self._world.store.receive() as receipt:
                while chunk := await file.read(_CHUNK):
                    receipt.write(chunk)
                sha256, size = receipt.keep(), receipt.size
        suffix = _sniffed(self._world.store.beginning(sha256))
        if suffix is None:
            raise postiz_wire.bad_request("Unsupported file type.")
        most = MOST_VIDEO if suffix in _VIDEOS else MOST_IMAGE
        if size > most:
            raise postiz_wire.bad_request(f"File size exceeds the maximum allowed size of {most} bytes.")
        return self._added(request, suffix, sha256, size)

    async def from_url(self, request: Request) -> Response:
        """Take a file by its public address, which is not visited."""
        url = (await postiz_wire.body_of(request)).get("url")
        suffix = suffix_of(url) if isinstance(url, str) and _public(url) else None
        if suffix is None:
            raise postiz_wire.bad_request("The url has to be a public https address of a medium")
        return self._added(request, suffix, None, None)

    def _added(self, request: Request, suffix: str, sha256: str | None, size: int | None) -> Response:
        now = self._world.clock.now_ms()
        name = f"{uuid4().hex}.{suffix}"
        path = f"{str(request.base_url).rstrip('/')}/uploads/{name}"
        with self._world.store.transaction() as db:
            media_id = add(db, now, path=path, sha256=sha256)
            if sha256 is not None and size is not None:
                note_transfer(db, "postiz", media_id, sha256, size, now)
        shown: JsonObject = {
            "id": media_id,
            "name": name,
            "originalName": None,
            "path": path,
            "thumbnail": None,
            "alt": None,
        }
        return JSONResponse(shown, 201)


def add(
    db: sqlite3.Connection, now: int, *, path: str, sha256: str | None, media_id: str | None = None
) -> str:
    """Put a medium into the library; its id."""
    media_id = media_id or str(uuid4())
    db.execute("INSERT OR REPLACE INTO postiz_media VALUES (?, ?, ?, ?)", (media_id, path, sha256, now))
    return media_id


def suffix_of(path: str) -> str | None:
    """Tell the known extension in which an address ends, if it does."""
    try:
        suffix = PurePosixPath(urlsplit(path).path).suffix.lower().removeprefix(".")
    except ValueError:
        return None
    return suffix if suffix in EXTENSIONS else None


def problems(image: Json, where: str) -> list[str]:
    """Tell what is wrong with an entry of a post's media; whether its id is known is nobody's business."""
    if not isinstance(image, dict):
        return [f"{where} must be an object"]
    path = image.get("path")
    if not isinstance(path, str):
        return [f"{where}.path must be a string"]
    if suffix_of(path) is None:
        return [f"{where}.path must have a valid extension: {', '.join(EXTENSIONS)}"]
    return [] if isinstance(image.get("id"), str) else [f"{where}.id must be a string"]


def _public(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme != "https" or ("." not in host.strip("[]") and ":" not in host):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return not host.endswith((".localhost", ".local", ".internal"))


def _sniffed(beginning: bytes) -> str | None:
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "webp"
    if beginning[4:8] == b"ftyp":
        return "mov" if beginning[8:12] == b"qt  " else "mp4"
    signatures = {b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png", b"GIF8": "gif"}
    return next((suffix for start, suffix in signatures.items() if beginning.startswith(start)), None)
