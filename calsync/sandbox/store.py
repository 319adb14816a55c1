"""The sandbox's data: one SQLite file, and the stored bytes beside it, named by their sha256.

Postqued: ``workspaces``, ``contents``, ``publishes`` with their ``targets``, ``keys``, ``creators`` (what
TikTok allows an account). TikFlow: ``uploads``, ``schedules``. Postiz: ``postiz_posts`` (thread replies are posts
too), ``postiz_publications`` (one row for each time that a post went out), ``postiz_media``, ``postiz_tags``,
``postiz_customers``. All: ``accounts``, ``transfers`` (one row for each time that bytes arrived whole). Times
are milliseconds, UTC.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

MAIN_WORKSPACE = "770e8400-e29b-41d4-a716-446655440000"
"""Where everything is that names no workspace, such as all that is made through Postqued v1."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS workspaces (
    id TEXT PRIMARY KEY, name TEXT, organization_id TEXT, organization_name TEXT);
CREATE TABLE IF NOT EXISTS creators (account_id TEXT PRIMARY KEY, info TEXT);
CREATE TABLE IF NOT EXISTS accounts (
    service TEXT, id TEXT, platform TEXT, username TEXT, display_name TEXT, PRIMARY KEY (service, id));
CREATE TABLE IF NOT EXISTS contents (
    id TEXT PRIMARY KEY, kind TEXT, filename TEXT, content_type TEXT, declared_size INTEGER,
    object_key TEXT UNIQUE, signature TEXT, url_expires_ms INTEGER, sha256 TEXT, size INTEGER, status TEXT,
    width INTEGER, height INTEGER, duration_ms INTEGER, created_ms INTEGER);
CREATE TABLE IF NOT EXISTS publishes (
    id TEXT PRIMARY KEY, idempotency_key TEXT, content_ids TEXT, created_ms INTEGER, made_by TEXT,
    deleted INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS targets (
    id TEXT PRIMARY KEY, publish_id TEXT, position INTEGER, platform TEXT, account_id TEXT, intent TEXT,
    caption TEXT, options TEXT, at_ms INTEGER, due_ms INTEGER, status TEXT, times_published INTEGER DEFAULT 0,
    published_ms INTEGER, error TEXT);
CREATE INDEX IF NOT EXISTS targets_due ON targets (status, due_ms);
CREATE INDEX IF NOT EXISTS targets_publish ON targets (publish_id, position);
CREATE TABLE IF NOT EXISTS keys (key TEXT PRIMARY KEY, body_sha256 TEXT, answer TEXT, created_ms INTEGER);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, account_id TEXT, title TEXT, description TEXT, media_type TEXT, status TEXT,
    sha256 TEXT, publishes_ms INTEGER, published_ms INTEGER, error TEXT, created_ms INTEGER,
    seeded INTEGER DEFAULT 0);
CREATE INDEX IF NOT EXISTS uploads_due ON uploads (status, publishes_ms);
CREATE TABLE IF NOT EXISTS schedules (
    id TEXT PRIMARY KEY, upload_id TEXT, account_id TEXT, at_ms INTEGER, status TEXT, created_ms INTEGER,
    times_published INTEGER DEFAULT 0, published_ms INTEGER, made_by TEXT, deleted INTEGER DEFAULT 0);
CREATE INDEX IF NOT EXISTS schedules_due ON schedules (status, at_ms);
CREATE INDEX IF NOT EXISTS schedules_upload ON schedules (upload_id, status);
CREATE TABLE IF NOT EXISTS transfers (
    service TEXT, content_id TEXT, sha256 TEXT, size INTEGER, at_ms INTEGER);
CREATE TABLE IF NOT EXISTS postiz_customers (id TEXT PRIMARY KEY, name TEXT);
CREATE TABLE IF NOT EXISTS postiz_tags (id TEXT PRIMARY KEY, name TEXT UNIQUE, color TEXT);
CREATE TABLE IF NOT EXISTS postiz_media (id TEXT PRIMARY KEY, path TEXT, sha256 TEXT, created_ms INTEGER);
CREATE TABLE IF NOT EXISTS postiz_posts (
    id TEXT PRIMARY KEY, channel_id TEXT, group_id TEXT, parent_id TEXT, position INTEGER, content TEXT,
    image TEXT, settings TEXT, delay INTEGER, tags TEXT DEFAULT '[]', state TEXT, at_ms INTEGER,
    job_ms INTEGER, at_once INTEGER DEFAULT 0, inter INTEGER, turn INTEGER, times_published INTEGER DEFAULT 0,
    published_ms INTEGER, release_id TEXT, release_url TEXT, error TEXT, created_ms INTEGER, made_by TEXT,
    deleted INTEGER DEFAULT 0);
CREATE INDEX IF NOT EXISTS postiz_posts_due ON postiz_posts (job_ms);
CREATE INDEX IF NOT EXISTS postiz_posts_group ON postiz_posts (group_id);
CREATE INDEX IF NOT EXISTS postiz_posts_thread ON postiz_posts (parent_id);
CREATE INDEX IF NOT EXISTS postiz_posts_turn ON postiz_posts (turn);
CREATE TABLE IF NOT EXISTS postiz_publications (
    post_id TEXT, at_ms INTEGER, content TEXT, image TEXT, thread TEXT);
"""

_LATER = {
    "accounts": (
        f"workspace_id TEXT DEFAULT '{MAIN_WORKSPACE}'", "v2_only INTEGER DEFAULT 0",
        "connected_ms INTEGER DEFAULT 0", "disabled INTEGER DEFAULT 0", "refresh_needed INTEGER DEFAULT 0",
        "customer_id TEXT", "removed INTEGER DEFAULT 0",
    ),
    "contents": (f"workspace_id TEXT DEFAULT '{MAIN_WORKSPACE}'",),
    "publishes": (f"workspace_id TEXT DEFAULT '{MAIN_WORKSPACE}'",),
}  # fmt: skip
"""Columns that folders from before Postqued v2, or before Postiz, do not have yet."""

_TABLES = (
    "workspaces", "creators", "accounts", "contents", "publishes", "targets", "keys", "uploads", "schedules",
    "transfers", "postiz_customers", "postiz_tags", "postiz_media", "postiz_posts", "postiz_publications",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Copy:
    """The rows of a store at one moment."""

    rows: sqlite3.Connection


class Store:
    """The database and the bytes of one sandbox, safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Open or make ``sandbox.db`` and ``blobs/`` in a folder."""
        self._blobs = folder / "blobs"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(folder / "sandbox.db", isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        # A double may lose its last second in a power cut; waiting for the disk would slow every test.
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + _SCHEMA)
        for table, columns in _LATER.items():
            there = {row["name"] for row in self._db.execute(f"PRAGMA table_info({table})")}
            for column in columns:
                if column.split()[0] not in there:
                    self._db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")

        self._past: sqlite3.Connection | None = None
        self._back: ContextVar[bool] = ContextVar("back", default=False)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the database to one caller at a time; what it does is kept whole or not at all."""
        with self._lock:
            db = self._past if self._past is not None and self._back.get() else self._db
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def keep_past(self) -> None:
        """Keep how everything stands now, unless something older is kept."""
        with self._lock:
            if self._past is None:
                self._past = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                self._past.row_factory = sqlite3.Row
                self._db.backup(self._past)

    def forget_past(self) -> None:
        """Have nobody look back any more."""
        with self._lock:
            if self._past is not None:
                self._past.close()
                self._past = None

    @contextmanager
    def looking_back(self) -> Iterator[None]:
        """Read from the past that is kept, in this task and for so long."""
        token = self._back.set(True)
        try:
            yield
        finally:
            self._back.reset(token)

    def clear(self) -> None:
        """Forget all rows; stored bytes stay, since their names say all about them."""
        self.forget_past()
        with self.transaction() as db:
            for table in _TABLES:
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names are those above

    def copy(self) -> Copy:
        """Copy all rows; they stay readable for as long as this store's bytes are there."""
        with self._lock:
            rows = sqlite3.connect(":memory:", check_same_thread=False)
            self._db.backup(rows)
            return Copy(rows)

    def restore(self, copy: Copy) -> None:
        """Go back to the rows of a copy."""
        with self._lock:
            copy.rows.backup(self._db)

    def receive(self) -> Receipt:
        """Begin to take in bytes that arrive in chunks."""
        return Receipt(self._blobs)

    def beginning(self, sha256: str) -> bytes:
        """Read the first bytes of what was stored: enough to tell one format from another."""
        with (self._blobs / sha256).open("rb") as file:
            return file.read(16)

    def close(self) -> None:
        """Close the database."""
        self.forget_past()
        with self._lock:
            self._db.close()


def note_transfer(
    db: sqlite3.Connection, service: str, content_id: str, sha256: str, size: int, now: int
) -> None:
    """Note that bytes of a content have arrived whole."""
    db.execute("INSERT INTO transfers VALUES (?, ?, ?, ?, ?)", (service, content_id, sha256, size, now))


class Receipt:
    """Bytes on their way in: hashed and written chunk by chunk, so that 500 MB never stand in memory."""

    def __init__(self, folder: Path) -> None:
        """Open a file of its own for the bytes."""
        self._folder = folder
        self._path = folder / f"{uuid4()}.part"
        self._file = self._path.open("wb")
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Take one more chunk."""
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)

    def keep(self) -> str:
        """Store the bytes under their sha256, which is returned in hexadecimal."""
        self._file.close()
        digest = self._hash.hexdigest()
        self._path.replace(self._folder / digest)
        return digest

    def __enter__(self) -> Self:
        """Take bytes in for the length of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Throw away what was not kept."""
        self._file.close()
        self._path.unlink(missing_ok=True)
