"""The log of requests: what a client really sent, for tests to judge it by."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from typing import Literal, TypeAlias, TypedDict

from calsync.sandbox.wire import Json

RequestClass: TypeAlias = Literal["upload", "read", "publish", "delete", "check", "other"]
ServiceName: TypeAlias = Literal["postqued", "tikflow", "postiz", "storage"]


class RequestEntry(TypedDict):
    """One request as it arrived and how it was answered."""

    n: int
    """Its position in the order of arrival, from 0."""
    at: str
    """When it arrived by the sandbox's clock, ISO 8601 UTC."""
    elapsed: float
    """When it arrived in real seconds since the log began."""
    service: ServiceName
    request_class: RequestClass
    """``publish`` is what makes a post; a change of one is ``other`` (at Postiz ``publish``), a dry run ``check``."""
    write: bool
    """Whether it can change anything: all but GET, HEAD and dry runs. An ``upload`` can, though no post."""
    method: str
    path: str
    query: dict[str, str]
    body: Json
    """The JSON body; None for none, for multipart and for bytes."""
    key_ok: bool
    """Whether it carried the right key; the key itself is never kept."""
    idempotency_key: str | None
    status: int | None
    """What was answered, or would have been but for ``reset_after``; None while under way or not handled."""
    fault: str | None
    """The kind of the scripted fault that hit it."""


Moment: TypeAlias = Literal["before", "after"]
"""Of a request: when it has arrived and nothing was done, and when it is carried out and nothing answered."""

Watcher: TypeAlias = Callable[[Moment, RequestEntry], bool]
"""Is told of both moments of every request, from the serving threads; False breaks the connection there."""


class RequestLog:
    """Requests in the order in which they came, in memory: a log belongs to one run."""

    def __init__(self) -> None:
        """Begin an empty log that nobody watches."""
        self.watcher: Watcher | None = None
        self._lock = threading.Lock()
        self.clear()

    def begin(self, entry: RequestEntry) -> RequestEntry:
        """Add a request that has arrived; its ``n`` and ``elapsed`` are filled in here."""
        with self._lock:
            entry["n"] = len(self._entries)
            entry["elapsed"] = time.monotonic() - self._start
            self._entries.append(entry)
        return entry

    def tell(self, moment: Moment, entry: RequestEntry) -> bool:
        """Tell the watcher, if there is one, and whether the request goes on."""
        return self.watcher is None or self.watcher(moment, entry)

    def entries(self) -> list[RequestEntry]:
        """Copy the log."""
        with self._lock:
            return copy.deepcopy(self._entries)

    def clear(self) -> None:
        """Begin anew."""
        with self._lock:
            self._entries: list[RequestEntry] = []
            self._start = time.monotonic()
