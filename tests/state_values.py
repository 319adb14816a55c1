"""Values of the recorded state for tests, strategies that draw any, and stores that watch what reaches them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from calsync.model import (
    AccountKey,
    Address,
    Content,
    Intent,
    IntentKind,
    MediaRef,
    Open,
    Options,
    Record,
    Recorded,
    RemoteId,
    Reply,
    Status,
    UploadKey,
)
from calsync.recorded import Ledger
from calsync.stores.base import Holder, Store, Token
from calsync.stores.file import FileStore
from calsync.stores.memory import MemoryStore

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""

PROJECT = "5b1e0c6a-0000-4000-8000-000000000001"
WHO = Holder(host="runner", pid=1, since="2026-03-01T09:00:00Z")
BRAND = AccountKey("postqued", "660e")
NOON = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)


def address(post: str = "teaser", account: str = "brand") -> Address:
    return Address("spring", post, account)


def content(caption: str = "Hello") -> Content:
    return Content(at=NOON, caption=caption, media=(MediaRef("sha256", "ab" * 32),))


def record(post: str = "teaser", *, caption: str = "Hello", remote: str = "r-1") -> Record:
    return Record(
        address=address(post), account=BRAND, remote_id=RemoteId(remote), content=content(caption), api="v1"
    )


def opening(post: str = "teaser", *, generation: int = 1, token: str | None = "key") -> Open:
    return Open(
        kind=IntentKind.CREATE,
        address=address(post),
        account=BRAND,
        content=content(),
        begun=NOON,
        api="v1",
        token=token,
        generation=generation,
        body="cd" * 32,
    )


texts = st.text(max_size=12) | st.sampled_from(["\ud800", "a\nb\r\u2028", "\x00\x1b[31m", '"\\', "🎬"])
"""Any text, half a surrogate pair and control characters included."""

optional = st.none() | texts
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,3}", fullmatch=True)
addresses = st.builds(Address, names | st.sampled_from(["a/b", "x@y", "ü"]), names, names)
moments = st.integers(0, 3_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
accounts = st.builds(AccountKey, texts, texts)
assets = st.lists(texts, max_size=2).map(tuple)
media = st.lists(st.builds(MediaRef, st.sampled_from(["sha256", "id"]), texts.filter(bool)), max_size=2).map(
    tuple
)
contents = st.builds(
    Content,
    at=moments,
    caption=texts,
    title=texts,
    media=media,
    intent=st.sampled_from(Intent),
    options=st.dictionaries(texts, jsons, max_size=2).map(Options),
    thread=st.just(()) | st.lists(st.builds(Reply, texts, media), max_size=2).map(tuple),
)
RECORD_PARTS: dict[str, st.SearchStrategy[object]] = {
    "address": addresses,
    "account": accounts,
    "remote_id": st.builds(RemoteId, texts, optional),
    "content": contents,
    "api": texts,
    "workspace": optional,
    "assets": assets,
    "seen": st.sampled_from(Status),
    "reason": optional,
    "platform": texts,
}
records = st.builds(Record, **RECORD_PARTS)
OPEN_PARTS: dict[str, st.SearchStrategy[object]] = {
    "kind": st.sampled_from(IntentKind),
    "address": addresses,
    "account": accounts,
    "content": contents,
    "begun": moments,
    "api": texts,
    "workspace": optional,
    "platform": texts,
    "token": optional,
    "generation": st.integers(0, 9),
    "body": optional,
    "assets": assets,
    "previous": st.none() | records,
    "cleared": st.booleans(),
}
opens = st.builds(Open, **OPEN_PARTS)
upload_keys = st.builds(UploadKey, texts, optional, texts, optional)


class Killed(BaseException):
    """The process is gone: nothing that comes after is done."""


class Tally(MemoryStore):
    """Counts what reaches it; once it is dead, no call has an effect."""

    def __init__(self) -> None:
        super().__init__(before=self._count)
        self.calls: list[str] = []
        self.written: list[int] = []
        self.dead = False

    def _count(self, name: str) -> None:
        if self.dead:
            raise Killed
        self.calls.append(name)

    def append(self, entry: bytes, *, expecting: Token, lazy: bool = False, note: str = "") -> Token:
        self.written.append(len(entry))
        return super().append(entry, expecting=expecting, lazy=lazy, note=note)

    def write(self, snapshot: bytes, *, expecting: Token | None, lazy: bool = False, note: str = "") -> Token:
        self.written.append(len(snapshot))
        return super().write(snapshot, expecting=expecting, lazy=lazy, note=note)


@contextmanager
def held(store: Store, *, project: str | None = PROJECT, create: bool = True) -> Iterator[Ledger]:
    with Ledger.hold(store, WHO, project=project, timeout=0, create=create) as ledger:
        yield ledger


def there(state: Recorded | None) -> Recorded:
    assert state is not None
    return state


def bytes_of(store: Store) -> tuple[bytes, tuple[bytes, ...]]:
    blob = store.read()
    assert blob is not None
    assert blob.snapshot is not None
    return blob.snapshot, blob.entries


def with_bytes(snapshot: bytes, entries: tuple[bytes, ...] = ()) -> MemoryStore:
    store = MemoryStore("state.json")
    with store.hold(WHO, timeout=0):
        version = store.write(snapshot, expecting=None)
        for entry in entries:
            version = store.append(entry, expecting=version)
    return store


def killed(store: Tally, *posts: str) -> None:
    """A run that begins some posts and is then killed."""
    with suppress(Killed), held(store) as ledger:
        for each in posts:
            ledger.begin(opening(each))
        store.dead = True
        raise Killed
    store.dead = False


def file_store(root: Path) -> FileStore:
    return FileStore(Path(".calsync/state.json"), root)
