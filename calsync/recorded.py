"""The recorded state: reading it, and the ledger, its one writer.

Every change is one entry in the store's journal, durable before the call returns and O(1) whatever the number of
posts; the journal is folded into the snapshot when a run ends, or when the next one begins. So a run may be killed
at any moment: what it had written down is there.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

from calsync.books import Books, Change, Head, NewerFormat, Owners, head
from calsync.errors import (
    LineageMismatch,
    StateConflict,
    StateError,
    StateLost,
    StateUnreadable,
    StateWentBack,
)
from calsync.model import Address, Json, Open, Record, Recorded, RemoteId, UploadKey
from calsync.stores.base import Blob, Holder, Store, Token, Waiting, unheard

_NAMESPACE = uuid.UUID("3f0d7f2e-5a0c-5d0e-9a53-7c8f5b1f0a61")


def token(lineage: str, address: Address, generation: int) -> str:
    """The idempotency key of a create: the same in every process, another after a confirmed cancel.

    UUIDv5 over lineage, address and generation; a lineage that is no UUID is made into one the same way.
    """
    try:
        space = uuid.UUID(lineage)
    except ValueError:
        space = uuid.uuid5(_NAMESPACE, lineage)
    return str(uuid.uuid5(space, f"{address}\n{generation}"))


def read(store: Store, *, project: str | None) -> Recorded | None:
    """The state as it is now, for plan and status: takes no lock, writes nothing. None: there is none.

    Without a project, where only a backup is left, an empty one that goes on from it (`Recorded.gone`).
    Raises StateUnreadable, StateWentBack, LineageMismatch.
    """
    # The backup first: it is never newer than a snapshot that is read after it.
    kept = head(store.backup())
    blob = store.read()
    if blob is not None:
        return _load(blob, store, project, kept).value()
    if project is None and kept is not None:
        return replace(_empty(project, kept).value(), gone=True)
    return None


def lost_state(store: Store, project: str | None) -> StateLost:
    """The error where a state was there, by the project or by its backup, and is gone; says which states survive."""
    witness = "calsync.yaml has a `project:`" if project is not None else "a version from before is there"
    return StateLost(
        f"the state {store.where} is lost: {witness}, so it was there once, and it is not there now",
        hint=(
            f"bring it back ({store.earlier}), or start an empty one with"
            " `calsync state init`: posts that are still scheduled are then recognised and adopted, none is made"
            " twice. A state in a file survives where its directory does: on your machine, on a runner that keeps"
            " its workspace, or where the job restores .calsync/ before and saves it after; a fresh CI runner has"
            " none of these. On a branch of the remote (`state: {backend: git}`) it survives all of them"
        ),
    )


def went_back(where: str, serial: int, witness: str, newer: int, hint: str) -> StateWentBack:
    """The error for a state whose serial is smaller than one that was seen."""
    return StateWentBack(
        f"the state {where} went back: it has serial {serial}, and {witness} has {newer}; it was left alone",
        hint=hint,
    )


def _load(blob: Blob, store: Store, project: str | None, kept: Head | None) -> Books:
    where = store.where
    if blob.snapshot is None:
        raise StateUnreadable(
            f"the state {where} is gone, and the journal of its last run is still there",
            hint=f"put the file back ({store.earlier}, which the journal goes on from), or remove the journal"
            " to begin anew",
        )
    try:
        books = Books.load(blob.snapshot)
        books.replay(blob.entries)
    except NewerFormat as error:
        raise StateUnreadable(
            f"the state {where} cannot be read: {error}",
            hint="use the version of calsync that wrote it, or a newer one; it was left alone",
        ) from error
    except (ValueError, RecursionError) as error:
        raise StateUnreadable(
            f"the state {where} cannot be read: {error}",
            hint=f"it was left alone; {store.earlier}",
        ) from error
    if project is not None and books.lineage != project:
        raise LineageMismatch(
            f"the state {where} belongs to the project {books.lineage}, calsync.yaml names {project}",
            hint="correct `project:` in calsync.yaml, or name this project's own file in `state: {path: ...}`",
        )
    if kept is not None and kept.lineage == books.lineage and kept.serial > books.serial:
        hint = (
            f"bring a newer one back ({store.earlier}); if the older one is meant, move that version away: what is not"
            " recorded is looked for at the services"
        )
        raise went_back(where, books.serial, "the version before the last run", kept.serial, hint)
    return books


def _empty(project: str | None, kept: Head | None) -> Books:
    """An empty state: a new one, or the version after the lost one that a backup of its lineage tells of."""
    lineage = project or (kept.lineage if kept is not None else str(uuid.uuid4()))
    if kept is not None and kept.lineage == lineage:
        return Books(lineage, kept.serial + 1)
    return Books(lineage)


class Ledger:
    """The one writer of a state, for as long as `hold` lasts; every method may be called from any thread.

    `begin` returns when the intent is durable, before its request may go out. Every other change is durable, in its
    order, by the next `begin` or the end of the hold, and where the store's writes are cheap at once; what is lost in
    between is found out by the next run, from the open intent. Where a service could not be asked for an outcome, its
    `settle`, `step`, `abandon` and `uploaded` are not `lazy`: durable when they return. When a method raises, memory and store are as
    before (or, where the store's answer was lost, every later change raises StateConflict). What cannot be written
    down and read again is a StateError before anything is written. A change to what is so already writes nothing. At most one record and one open intent per address.
    """

    def __init__(self, store: Store, books: Books, version: Token | None, *, gone: bool = False) -> None:
        self._store = store
        self._books = books
        self._version = version
        self._gone = gone
        self._kept = False
        self._changed = False
        self._open = True
        self._guard = threading.RLock()
        self._owners = Owners(books.posts)

    @classmethod
    @contextmanager
    def hold(
        cls,
        store: Store,
        who: Holder,
        *,
        project: str | None,
        timeout: float,
        create: bool,
        waiting: Waiting = unheard,
    ) -> Iterator[Ledger]:
        """Take the lock and load the state; at the end fold the journal into the snapshot and let go.

        Where there is no state, `create` begins an empty one with the lineage `project` (or a backup's, or a fresh
        one), written with the first change. When nothing changes, no file is touched but the lock.
        Raises StateLocked, StateLost, StateUnreadable, StateWentBack, LineageMismatch.
        """
        with store.hold(who, timeout=timeout, waiting=waiting):
            kept = head(store.backup())
            blob = store.read()
            if blob is not None:
                books = _load(blob, store, project, kept)
                version = (
                    store.write(books.dump(), expecting=blob.token, lazy=True) if blob.entries else blob.token
                )
                ledger = cls(store, books, version)
            elif create:
                ledger = cls(store, _empty(project, kept), None, gone=kept is not None)
            elif project is not None or kept is not None:
                raise lost_state(store, project)
            else:
                hint = "`calsync apply` or `calsync state init` makes one"
                raise StateLost(f"there is no state {store.where} yet", hint=hint)
            try:
                yield ledger
            except BaseException:
                # What is on its way out matters more; the journal is durable and the next run folds it.
                with suppress(StateError):
                    ledger._close()
                raise
            ledger._close()

    @classmethod
    def init(cls, store: Store, who: Holder, *, project: str | None, timeout: float = 0.0) -> Recorded:
        """Write an empty state, durably. Raises StateError where there is one."""
        with store.hold(who, timeout=timeout):
            if store.read() is not None:
                hint = "`calsync state list` shows it"
                raise StateError(f"there is a state {store.where} already; it was left alone", hint=hint)
            books = _empty(project, head(store.backup()))
            store.write(books.dump(), expecting=None, note="init, an empty state")
            return books.value()

    @property
    def recorded(self) -> Recorded:
        """The state at this moment, as a value that later changes leave alone: the next one copies it, which is dear."""
        with self._guard:
            value = self._books.value()
            return replace(value, gone=True) if self._gone and self._version is None else value

    @property
    def lineage(self) -> str:
        """The birth mark of the state."""
        return self._books.lineage

    def record(self, address: Address) -> Record | None:
        """The record of an address."""
        with self._guard:
            return self._books.posts.items.get(address)

    def opened(self, address: Address) -> Open | None:
        """The open intent of an address."""
        with self._guard:
            return self._books.opens.items.get(address)

    def generation(self, address: Address) -> int:
        """The number of the last create of an address that had a key; 0 before the first."""
        with self._guard:
            return self._books.generations.items.get(address, 0)

    def asset(self, key: UploadKey) -> str | None:
        """The content id of an upload."""
        with self._guard:
            return self._books.uploads.items.get(key)

    def owners(self, service: str, remote_id: RemoteId) -> tuple[Address, ...]:
        """The addresses whose record is this post."""
        with self._guard:
            return self._owners.of(service, remote_id)

    def _post(self, address: Address, record: Record | None) -> Change | None:
        self._owners.note(address, record)
        return self._books.posts.change(address, record)

    @property
    def batch(self) -> int:
        """How many intents are worth opening with one `begin`; 1 where that is cheap."""
        return self._store.batch

    def begin(self, *openings: Open) -> None:
        """Write down what is about to be sent, before it is; a token uses up its generation."""
        with self._changing():
            serial = self._books.serial
            self._begin(openings, lazy=False)
            if self._books.serial == serial:
                self._store.confirm()  # it stands there since it was opened with others

    def step(self, opening: Open, *, lazy: bool = False) -> None:
        """Write down how far an open intent has come. Raises StateError where there is none."""
        with self._changing():
            if opening.address not in self._books.opens.items:
                raise ValueError(f"{opening.address} has no open intent")
            self._begin([opening], lazy=lazy)

    def _begin(self, openings: Iterable[Open], *, lazy: bool) -> None:
        changes: list[Change | None] = []
        words: list[str] = []
        for opening in openings:
            address = opening.address
            changes.append(self._books.opens.change(address, opening))
            words.append(f"begin {opening.kind.value} {address}")
            if opening.token is not None:
                # Never back, whatever the caller believes: a number used twice is a key used twice.
                used = max(opening.generation, self._books.generations.items.get(address, 0))
                changes.append(self._books.generations.change(address, used))
        self._commit(*changes, lazy=lazy, note="\n".join(words))

    def settle(
        self,
        address: Address,
        *,
        record: Record | None,
        previous_address: Address | None = None,
        lazy: bool = False,
    ) -> None:
        """Close the open intent of an address with its outcome: its record, or None for no post any more.

        `previous_address` is the name it had before, whose record goes. Generations stay.
        """
        if record is not None and record.address != address:
            raise ValueError(f"the record of {record.address} is not one of {address}")
        with self._changing():
            gone = previous_address if previous_address != address else None
            self._commit(
                self._books.opens.change(address, None),
                None if gone is None else self._post(gone, None),
                self._post(address, record),
                lazy=lazy,
                note=f"done {address}, no post" if record is None else f"done {address}, {record.remote_id}",
            )

    def abandon(self, address: Address, *, lazy: bool = False) -> None:
        """Close the open intent of an address where nothing has happened; its record stays as it was."""
        with self._changing():
            self._commit(self._books.opens.change(address, None), lazy=lazy, note=f"not done {address}")

    def uploaded(self, key: UploadKey, asset: str, *, lazy: bool = False) -> None:
        """Remember an upload."""
        with self._changing():
            self._commit(self._books.uploads.change(key, asset), lazy=lazy, note=f"uploaded {asset}")

    def forget_upload(self, key: UploadKey) -> None:
        """Forget an upload that the service no longer knows."""
        with self._changing():
            self._commit(self._books.uploads.change(key, None), lazy=True)

    def put(self, *records: Record) -> None:
        """Record posts without an intent (adopt, what was seen); several are one durable change."""
        with self._changing():
            by_address = {each.address: each for each in records}
            changes = (self._post(each.address, each) for each in by_address.values())
            words = f"recorded {', '.join(map(str, by_address))}"
            self._commit(*changes, lazy=True, note=words)

    def remove(self, address: Address) -> None:
        """Forget the record of an address; its generation stays."""
        with self._changing():
            self._commit(self._post(address, None), lazy=True, note=f"forgot {address}")

    def move(self, old: Address, record: Record) -> None:
        """The record of `old` passes to the address of `record`; both generations stay where they are."""
        self.rename([(old, record)])

    def rename(self, moves: Iterable[tuple[Address, Record]]) -> None:
        """Several moves as one durable change, so that two posts may swap their addresses."""
        with self._changing():
            pairs = tuple(moves)
            after: dict[Address, Record | None] = {old: None for old, _ in pairs}
            after.update((record.address, record) for _, record in pairs)
            changes = (self._post(address, record) for address, record in after.items())
            words = "\n".join(f"moved {old} to {record.address}" for old, record in pairs)
            self._commit(*changes, lazy=True, note=words)

    def note_policy(self, policy: Mapping[str, Json] | None) -> None:
        """The policy of this apply."""
        self._note("policy", None if policy is None else dict(policy))

    def note_commit(self, commit: str | None) -> None:
        """The git commit of this apply."""
        self._note("commit", commit, f"commit {commit}")

    def unfinished(self, digest: str, lines: Iterable[str]) -> None:
        """An apply begins: its digest and the digest lines that it may carry out."""
        self._note("unfinished", {"digest": digest, "lines": list(lines)}, f"plan {digest[:8]}")

    def finished(self) -> None:
        """The apply has ended."""
        self._note("unfinished", None)

    def _note(self, name: str, value: Json, words: str = "") -> None:
        with self._changing():
            self._commit(self._books.notes.change(name, value), lazy=True, note=words)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._guard:
            try:
                yield
            except (ValueError, RecursionError) as error:
                raise StateError(f"{self._store.where} cannot hold this: {error}") from error

    def _commit(self, *changes: Change | None, lazy: bool, note: str = "") -> None:
        """One entry of what really changes, then the same in memory; durable, or `lazy` on its way to be."""
        wanted = [change for change in changes if change is not None]
        if not wanted:
            return
        if not self._open:
            raise StateError(f"the state {self._store.where} is closed; this change was not written")
        entry = self._books.entry(wanted)
        if self._version is None:
            self._version = self._store.write(self._books.dump(), expecting=None, lazy=True)
        elif not self._kept:
            self._store.keep()
        self._kept = True
        self._version = self._store.append(entry, expecting=self._version, lazy=lazy, note=note)
        self._changed = True
        for change in wanted:
            change.make()
        self._books.serial += 1

    def _close(self) -> None:
        with self._guard:
            self._open = False
            if not self._changed:
                return
            try:
                self._store.write(self._books.dump(), expecting=self._version, lazy=True)
            except StateConflict:
                raise
            except StateError:
                # A full disk, say: nothing is lost, the journal holds it all and the next run folds it.
                return
