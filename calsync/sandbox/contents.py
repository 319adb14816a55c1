"""The first step of an upload to Postqued, in both versions: a content and the address for its bytes."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode
from uuid import uuid4

from calsync.sandbox import storage
from calsync.sandbox.store import MAIN_WORKSPACE
from calsync.sandbox.wire import JsonObject

_USER = "usr_sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What a client says that it is about to upload, checked."""

    kind: Literal["video", "image"]
    suffix: str
    filename: str
    content_type: str
    size: int | None
    workspace_id: str = MAIN_WORKSPACE


def announce(
    db: sqlite3.Connection, now: int, storage_url: str, announced: Announced, *, life: float
) -> tuple[str, JsonObject]:
    """Note a content whose bytes are to come; its id, and an address presigned for ``life`` seconds, with its key."""
    content_id, signature = str(uuid4()), uuid4().hex
    key = f"content/{_USER}/{content_id}.{announced.suffix}"
    db.execute(
        "INSERT INTO contents (id, kind, filename, content_type, declared_size, object_key, signature,"
        " url_expires_ms, status, created_ms, workspace_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?)",
        (
            content_id, announced.kind, announced.filename, announced.content_type, announced.size, key,
            signature, now + int(life * 1000), now, announced.workspace_id,
        ),
    )  # fmt: skip
    query = urlencode({"X-Expires": int(life), "X-Signature": signature})
    return content_id, {
        "url": f"{storage_url}/{storage.BUCKET}/{key}?{query}",
        "key": key,
        "method": "PUT",
        "headers": {"Content-Type": announced.content_type},
    }
