"""The promises of a store, told once and kept by every one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from gits import bare, branch, clone

from calsync.errors import StateConflict, StateError, StateLocked
from calsync.stores import KINDS, open_store
from calsync.stores.base import Holder, Store

WHO = Holder(host="runner-1", pid=4711, since="2026-03-01T09:00:00Z", run="https://ci.example/runs/7")
OTHER = Holder(host="runner-2", pid=12, since="2026-03-01T09:05:00Z")

Opener = Callable[[], Store]


@pytest.fixture(params=KINDS)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Each call is another process's view of the same state."""
    if request.param == "git":
        remote = bare(tmp_path / "remote.git")
        here = clone(tmp_path / "clone", remote.as_uri())
        return lambda: open_store("git", path=Path("unused"), root=here, branch=branch(here))
    if request.param == "file":
        return lambda: open_store("file", path=Path(".calsync/state.json"), root=tmp_path)
    shared = open_store(request.param, path=Path("unused"), root=tmp_path)
    return lambda: shared


def test_a_state_from_its_first_write_to_its_second_run(opener: Opener) -> None:
    """What was written is there, in order, for every reader, and a new snapshot empties the journal."""
    store, reader = opener(), opener()
    assert store.read() is None
    with store.hold(WHO, timeout=0):
        assert store.read() is None
        first = store.write(b"snapshot 1", expecting=None)
        seen = reader.read()
        assert seen is not None
        assert (seen.snapshot, seen.entries, seen.token) == (b"snapshot 1", (), first)
        second = store.append(b"one", expecting=first)
        third = store.append("zwei \u00e9\u2028".encode(), expecting=second)
        seen = reader.read()
        assert seen is not None
        assert (seen.snapshot, seen.entries) == (b"snapshot 1", (b"one", "zwei \u00e9\u2028".encode()))
        assert seen.token == third
        assert len({first, second, third}) == 3
    with opener().hold(OTHER, timeout=0):
        late = opener()
        with pytest.raises(StateLocked), late.hold(WHO, timeout=0):
            raise AssertionError
    with store.hold(WHO, timeout=0):
        seen = store.read()
        assert seen is not None
        assert seen.token == third
        fourth = store.write(b"snapshot 2", expecting=third)
        seen = reader.read()
        assert seen is not None
        assert (seen.snapshot, seen.entries, seen.token) == (b"snapshot 2", (), fourth)
        store.keep()
        store.write(b"", expecting=fourth)
        seen = reader.read()
        assert seen is not None
        assert seen.snapshot == b"", "an empty document is not an absent one"


def test_an_old_token_changes_nothing(opener: Opener) -> None:
    """Who read before somebody else wrote is refused, and what is there stays."""
    store = opener()
    with store.hold(WHO, timeout=0):
        old = store.write(b"snapshot", expecting=None)
        new = store.append(b"one", expecting=old)
        before = store.read()
        with pytest.raises(StateConflict):
            store.append(b"two", expecting=old)
        for stale in (old, None):
            with pytest.raises(StateConflict):
                store.write(b"other", expecting=stale)
        assert store.read() == before
        store.append(b"two", expecting=new)


def test_writing_without_holding_is_refused(opener: Opener) -> None:
    """There is no way around the lock, neither before a hold nor after it."""
    store = opener()
    with pytest.raises(StateError):
        store.write(b"snapshot", expecting=None)
    assert store.read() is None
    with store.hold(WHO, timeout=0):
        token = store.write(b"snapshot", expecting=None)
    with pytest.raises(StateError):
        store.append(b"one", expecting=token)
    with pytest.raises(StateError):
        store.write(b"other", expecting=token)
    with pytest.raises(StateError):
        store.keep()
    seen = store.read()
    assert seen is not None
    assert (seen.snapshot, seen.entries) == (b"snapshot", ())


def test_a_second_writer_is_told_who_the_first_is(opener: Opener) -> None:
    """The message names host, pid, since and the CI run, and the name is gone with the lock."""
    store, other = opener(), opener()
    assert other.holder() is None
    with store.hold(WHO, timeout=0):
        assert other.holder() == WHO
        with pytest.raises(StateLocked) as caught, other.hold(OTHER, timeout=0):
            raise AssertionError
        assert all(
            word in caught.value.message for word in ("runner-1", "4711", "09:00:00Z", "ci.example/runs/7")
        )
        assert caught.value.hint is not None
    assert other.holder() is None
    with other.hold(OTHER, timeout=0):
        assert store.holder() == OTHER


def test_a_lock_is_let_go_by_an_exception(opener: Opener) -> None:
    """A run that breaks off leaves no lock behind."""
    store = opener()
    with pytest.raises(KeyboardInterrupt), store.hold(WHO, timeout=0):
        raise KeyboardInterrupt
    with opener().hold(OTHER, timeout=0):
        assert store.holder() == OTHER


def test_a_patient_writer_gets_its_turn(opener: Opener) -> None:
    """With a timeout, the second writer begins when the first has ended."""
    store, other = opener(), opener()
    order: list[str] = []

    def second() -> None:
        with other.hold(OTHER, timeout=60):
            order.append("second")

    with store.hold(WHO, timeout=0):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        order.append("first")
    waiting.join(60)
    assert order == ["first", "second"]


def test_an_entry_is_one_line(opener: Opener) -> None:
    """A newline inside an entry would make it two."""
    store = opener()
    with store.hold(WHO, timeout=0):
        token = store.write(b"snapshot", expecting=None)
        with pytest.raises(ValueError, match="one line"):
            store.append(b"one\ntwo", expecting=token)


def test_an_unknown_kind_of_store_is_an_error(tmp_path: Path) -> None:
    """The message names the kinds there are."""
    with pytest.raises(StateError) as caught:
        open_store("tape", path=Path("state.json"), root=tmp_path)
    assert caught.value.hint is not None
    assert "file" in caught.value.hint
