"""The store contract: bytes in, bytes out; all meaning lives in `recorded`. How to add one: implement `Store`.

A store keeps one snapshot and the journal entries written since. An append is durable when it returns and costs
O(1) whatever the size of the state. `expecting` is the token of the last read or write: when somebody else has
written since, nothing is written and StateConflict is raised.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NewType, Protocol

Token = NewType("Token", str)


@dataclass(frozen=True, slots=True)
class Blob:
    """What a store holds: the snapshot (None before the first), whole journal entries, and the version token."""

    snapshot: bytes | None
    entries: tuple[bytes, ...]
    token: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who writes: for the message that a second writer gets."""

    host: str
    pid: int
    since: str
    run: str | None = None
    """Address of the CI run, where there is one."""


class Store(Protocol):
    """A place for state."""

    where: str
    """For messages: the path relative to the project, or an address without secrets."""

    def read(self) -> Blob | None:
        """What is there; None when there is nothing. A torn last journal entry is left out.

        Raises StateUnreadable."""
        ...

    def append(self, entry: bytes, *, expecting: Token) -> Token:
        """Add one journal entry (no newline in it), durably. Raises StateConflict, StateError."""
        ...

    def write(self, snapshot: bytes, *, expecting: Token | None) -> Token:
        """Replace the snapshot and empty the journal, durably. `expecting` None: there is nothing yet.

        Raises StateConflict, StateError."""
        ...

    def keep(self) -> None:
        """Keep the present snapshot as the last good version before the current run (`.bak`)."""
        ...

    def hold(self, who: Holder, *, timeout: float) -> AbstractContextManager[None]:
        """Be the one writer; waits up to `timeout` seconds. Raises StateLocked naming the holder."""
        ...
