"""The store contract: bytes in, bytes out; all meaning lives in `recorded`. How to add one: implement `Store`.

A store keeps one snapshot and the journal entries written since. An append is durable when it returns and costs
O(1) whatever the size of the state. What is written `lazy` may wait where a write is dear: it is durable, in its
order, once an append that is not lazy has returned, or the hold has ended. `expecting` is the token of the last read or write: when somebody else has
written since, nothing is written and StateConflict is raised. `append`, `write` and `keep` are for whoever holds the
store, else they raise StateError; reading takes no lock and always sees a snapshot that its entries fit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NewType, Protocol, TypeAlias

from calsync.errors import StateConflict, StateError, StateLocked

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
    actor: str | None = None
    """Who started it, where that is known."""
    commit: str | None = None
    """The commit of the calendars that are applied, where there is one."""


Waiting: TypeAlias = Callable[["Holder | None"], None]
"""Is told who is waited for; None where it is not known."""


def unheard(holder: Holder | None) -> None:
    """Nobody is told who is waited for."""


class Store(Protocol):
    """A place for state."""

    where: str
    """For messages: the path relative to the project, or an address without secrets."""

    earlier: str
    """For messages: where the version before the last run is found."""

    batch: int
    """How many intents are worth one write; 1 where writes are cheap."""

    def read(self) -> Blob | None:
        """What is there; None when there is nothing. A torn last journal entry is left out.

        Raises StateUnreadable."""
        ...

    def append(self, entry: bytes, *, expecting: Token, lazy: bool = False, note: str = "") -> Token:
        """Add one journal entry (no newline in it), durably unless `lazy`. `note`: what it says, for a history.

        Raises StateConflict, StateError."""
        ...

    def confirm(self) -> None:
        """Make sure that this run is the one writer still; cheap. For what goes out long after it was written down.

        Raises StateConflict, StateError."""
        ...

    def write(self, snapshot: bytes, *, expecting: Token | None, lazy: bool = False, note: str = "") -> Token:
        """Replace the snapshot and empty the journal, durably unless `lazy`. `expecting` None: there is nothing yet;
        `note`: as for `append`.

        Raises StateConflict, StateError."""
        ...

    def keep(self) -> None:
        """Keep the present snapshot as the last good version before the current run (`.bak`)."""
        ...

    def backup(self) -> bytes | None:
        """What `keep` kept last; None where there is nothing, or nothing that can be read. Needs no lock."""
        ...

    def hold(
        self, who: Holder, *, timeout: float, waiting: Waiting = unheard
    ) -> AbstractContextManager[None]:
        """Be the one writer; waits up to `timeout` seconds. Raises StateLocked naming the holder.

        `waiting` is told once of each holder that is waited for; None where it is not known."""
        ...

    def holder(self) -> Holder | None:
        """Who holds it now, as far as is known; None when nobody does. Takes no lock and waits for none."""
        ...

    def unlock(self, who: Holder) -> Holder | None:
        """Clear a lock that nobody can be shown to hold; returns whose it was, None when there was none.

        Raises StateLocked where its holder is certainly alive."""
        ...


def locked(where: str, holder: Holder | None) -> StateLocked:
    """The error for a second writer, naming the first where it is known."""
    if holder is None:
        return StateLocked(
            f"{where} is locked by another process", hint="wait for it with --lock-timeout, for example 10m"
        )
    run = f", {holder.run}" if holder.run else ""
    return StateLocked(
        f"{where} is locked by pid {holder.pid} on {holder.host} since {holder.since}{run}",
        hint="wait for it with --lock-timeout, for example 10m; the lock is gone as soon as that process is",
    )


def conflict(where: str) -> StateConflict:
    """The error for a state that changed since it was read."""
    return StateConflict(
        f"{where} was changed by somebody else during this run; nothing was overwritten",
        hint="look at who else writes it, then run the command again: it goes on from what is there",
    )


def not_held(where: str) -> StateError:
    """The error for writing without being the one writer."""
    return StateError(f"{where} is written by whoever holds it, and this process does not")
