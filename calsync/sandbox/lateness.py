"""Eventual consistency: for a while after a write, lists and lookups show how posts stood before it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase

from calsync.sandbox.log import RequestEntry
from calsync.sandbox.store import Store
from calsync.sandbox.world import Knobs

_SHOWING = (
    "/v1/content/publish/*",
    "/v2/publish",
    "/v2/publish/*",
    "/api/v1/schedule/scheduled-videos",
    "/api/v1/schedule/upcoming",
    "/api/v1/upload/history",
    "/public/v1/posts",
)
"""The reads that show posts."""


class Lateness:
    """Decides which reads look back, by the knobs ``late_reads`` and ``late_seconds``."""

    def __init__(self) -> None:
        """Begin with nothing written."""
        self._lock = threading.Lock()
        self._reads = 0
        self._written = 0.0

    @contextmanager
    def around(self, entry: RequestEntry, store: Store, knobs: Knobs) -> Iterator[None]:
        """Carry a request out in what it gets to see."""
        if not knobs["late_reads"] and not knobs["late_seconds"]:
            store.forget_past()
            yield
        elif entry["write"]:
            with self._lock:
                store.keep_past()
                self._reads, self._written = 0, time.monotonic()
            yield
        elif entry["method"] == "GET" and any(fnmatchcase(entry["path"], each) for each in _SHOWING):
            with self._lock:
                self._reads += 1
                over = time.monotonic() - self._written >= knobs["late_seconds"]
                if over and self._reads > knobs["late_reads"]:
                    store.forget_past()
            with store.looking_back():
                yield
        else:
            yield
