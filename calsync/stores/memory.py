"""State in memory, for a trial run and for tests: nothing outlives the process.

It keeps every promise of the contract; what a network would do to it is injected. `before` is called with the name
of each operation before it happens (sleep: latency; raise: it did not happen), `after` when it has happened and
before the answer (raise: a lost answer).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from calsync.stores.base import Blob, Holder, Token, Waiting, conflict, locked, not_held, unheard


def _nothing(_: str) -> None:
    pass


class MemoryStore:
    """A store that several ledgers, threads or test runs may share; `kept` is its last good version."""

    def __init__(
        self,
        where: str = "memory",
        *,
        before: Callable[[str], None] = _nothing,
        after: Callable[[str], None] = _nothing,
    ) -> None:
        self.where = where
        self.earlier = "the state before the last run is in its `kept`"
        self.batch = 1
        self.before = before
        self.after = after
        self.kept: bytes | None = None
        self._snapshot: bytes | None = None
        self._entries: list[bytes] = []
        self._version = 0
        self._guard = threading.Lock()
        self._lock = threading.Lock()
        self._holder: Holder | None = None

    def read(self) -> Blob | None:
        """What is there; None when there is nothing."""
        self.before("read")
        with self._guard:
            there = self._snapshot is not None
            blob = Blob(self._snapshot, tuple(self._entries), self._token()) if there else None
        self.after("read")
        return blob

    def append(self, entry: bytes, *, expecting: Token, lazy: bool = False, note: str = "") -> Token:
        """Add one journal entry."""
        del lazy, note  # all is written at once
        if b"\n" in entry:
            raise ValueError("an entry is one line")
        self.before("append")
        with self._guard:
            self._expect(expecting)
            self._entries.append(entry)
            self._version += 1
            token = self._token()
        self.after("append")
        return token

    def confirm(self) -> None:
        """Nothing to ask: nobody takes this lock away."""
        self._held()

    def write(self, snapshot: bytes, *, expecting: Token | None, lazy: bool = False, note: str = "") -> Token:
        """Replace the snapshot and empty the journal."""
        del lazy, note
        self.before("write")
        with self._guard:
            self._expect(expecting)
            self._snapshot, self._entries = snapshot, []
            self._version += 1
            token = self._token()
        self.after("write")
        return token

    def keep(self) -> None:
        """Keep the present snapshot in `kept`."""
        self.before("keep")
        with self._guard:
            self._held()
            self.kept = self._snapshot if self._snapshot is not None else self.kept
        self.after("keep")

    def backup(self) -> bytes | None:
        """What was kept last."""
        return self.kept

    @contextmanager
    def hold(self, who: Holder, *, timeout: float, waiting: Waiting = unheard) -> Iterator[None]:
        """Be the one writer."""
        self.before("hold")
        if not self._lock.acquire(blocking=False):
            if timeout > 0:
                waiting(self._holder)
            if not self._lock.acquire(timeout=max(0.0, timeout)):
                raise locked(self.where, self._holder)
        self._holder = who
        try:
            yield
        finally:
            self._holder = None
            self._lock.release()

    def holder(self) -> Holder | None:
        """Who holds it now."""
        return self._holder

    def unlock(self, who: Holder) -> Holder | None:
        """Make sure that nobody holds it: a lock here never outlives its run."""
        with self.hold(who, timeout=0):
            return None

    def _token(self) -> Token:
        return Token(str(self._version))

    def _held(self) -> None:
        if self._holder is None:
            raise not_held(self.where)

    def _expect(self, expecting: Token | None) -> None:
        self._held()
        present = None if self._snapshot is None else self._token()
        if present != expecting:
            raise conflict(self.where)
