"""The ledger: what it wrote is what is read, whatever happened in between."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from state_values import (
    BRAND,
    PROJECT,
    WHO,
    Killed,
    Tally,
    address,
    bytes_of,
    held,
    killed,
    opening,
    record,
    relaxed,
    there,
)
from state_values import addresses as any_address
from state_values import texts as any_text

from calsync.books import Books
from calsync.errors import Interrupted, StateConflict, StateError
from calsync.model import Address, Open, Options, Record, Recorded, RemoteId, Unfinished, UploadKey
from calsync.recorded import Ledger, read, token
from calsync.stores.memory import MemoryStore

KEY = UploadKey("postqued", None, "ab" * 32)


# Changes


A, B, C = address("a"), address("b"), address("c")


class Model:
    """The state as a test would keep it: the plain meaning of every change."""

    def __init__(self) -> None:
        self.records: dict[Address, Record] = {}
        self.generations: dict[Address, int] = {}
        self.opens: dict[Address, Open] = {}
        self.uploads: dict[UploadKey, str] = {}
        self.commit: str | None = None
        self.unfinished: Unfinished | None = None

    def seen(self) -> tuple[object, ...]:
        return tuple(
            dict(each) if isinstance(each, dict) else each
            for each in (
                self.records,
                self.generations,
                self.opens,
                self.uploads,
                self.commit,
                self.unfinished,
            )
        )


def contents_of(state: Recorded) -> tuple[object, ...]:
    return (
        dict(state.records),
        dict(state.generations),
        dict(state.opens),
        dict(state.uploads),
        state.commit,
        state.unfinished,
    )


def change(ledger: Ledger, model: Model, data: st.DataObject) -> None:
    """One change drawn at random, made in the ledger and in the model."""
    at = data.draw(st.sampled_from([A, B, C]))
    post = record(
        at.post, caption=data.draw(st.sampled_from("xyz")), remote=data.draw(st.sampled_from(["r-1", "r-2"]))
    )
    match data.draw(st.integers(0, 10)):
        case 0 | 1:
            intent = opening(
                at.post,
                generation=data.draw(st.integers(1, 3)),
                token=data.draw(st.sampled_from([None, "key"])),
            )
            ledger.begin(intent)
            model.opens[at] = intent
            if intent.token is not None:
                model.generations[at] = max(intent.generation, model.generations.get(at, 0))
        case 2:
            result = data.draw(st.sampled_from([None, post]))
            old = data.draw(st.sampled_from([None, A, B, C]))
            ledger.settle(at, record=result, previous_address=old)
            model.opens.pop(at, None)
            for gone in (old, at):
                model.records.pop(gone or at, None)
            if result is not None:
                model.records[at] = result
        case 3:
            ledger.abandon(at)
            model.opens.pop(at, None)
        case 4:
            ledger.put(post)
            model.records[at] = post
        case 5:
            ledger.remove(at)
            model.records.pop(at, None)
        case 6:
            old = data.draw(st.sampled_from([A, B, C]))
            ledger.move(old, post)
            model.records.pop(old, None)
            model.records[at] = post
        case 7:
            ledger.rename([(A, replace(post, address=B)), (B, replace(post, address=A))])
            model.records |= {A: replace(post, address=A), B: replace(post, address=B)}
        case 8:
            asset = data.draw(st.sampled_from("12"))
            ledger.uploaded(KEY, asset)
            model.uploads[KEY] = asset
        case 9:
            ledger.forget_upload(KEY)
            model.uploads.pop(KEY, None)
        case _:
            digest = data.draw(st.sampled_from([None, "d1", "d2"]))
            ledger.note_commit(digest)
            model.commit = digest
            if digest is None:
                ledger.finished()
                model.unfinished = None
            else:
                ledger.unfinished(digest, ["line"])
                model.unfinished = Unfinished(digest=digest, lines=("line",))


@relaxed
@given(st.data())
def test_the_journal_says_what_was_done(data: st.DataObject) -> None:
    """After every change the stored bytes mean what the change means, before and after the folding."""
    store, model = Tally(), Model()
    for _ in range(data.draw(st.integers(1, 3))):
        with suppress(Killed), held(store) as ledger:
            for _ in range(data.draw(st.integers(0, 6))):
                before, serial = model.seen(), ledger.recorded.serial
                change(ledger, model, data)
                state = ledger.recorded
                assert contents_of(state) == model.seen()
                assert (state.serial > serial) == (model.seen() != before), (
                    "the serial rises when content changes"
                )
                assert state.lineage == PROJECT
                for remote_id in (RemoteId("r-1"), RemoteId("r-2")):
                    owners = {at for at, each in model.records.items() if each.remote_id == remote_id}
                    assert set(ledger.owners(BRAND.service, remote_id)) == owners
                if state.serial:
                    assert read(store, project=PROJECT) == state
            if data.draw(st.booleans()):
                store.dead = True
                raise Killed
        store.dead = False
    end = read(store, project=PROJECT)
    assert contents_of(end or Recorded(lineage=PROJECT)) == model.seen()


def test_one_change_raises_the_serial_by_one() -> None:
    """A change of several items is one change; what is so already is none and reaches no store."""
    store = Tally()
    with held(store) as ledger:
        ledger.begin(opening())
        assert ledger.recorded.serial == 1
        ledger.settle(address(), record=record())
        assert ledger.recorded.serial == 2
        calls = list(store.calls)
        ledger.put(record())
        ledger.settle(address(), record=record())
        ledger.abandon(address())
        ledger.remove(address("unknown"))
        ledger.forget_upload(KEY)
        ledger.finished()
        ledger.put()
        ledger.rename([])
        assert ledger.recorded.serial == 2
        assert store.calls == calls
        ledger.note_policy({"max_cancels": 1})
        ledger.note_policy({"max_cancels": True})
        assert ledger.recorded.serial == 4, "true is not 1, whatever Python says"
    assert there(read(store, project=PROJECT)).policy == {"max_cancels": True}


def test_a_record_costs_the_same_in_any_state() -> None:
    """The bytes written by an action do not depend on the number of posts that are there."""

    def cost(posts: int) -> list[int]:
        store = Tally()
        with held(store) as ledger:
            ledger.put(*(record(f"other-{number}") for number in range(posts)))
            # The same serial width for both, so that only the state's size differs.
            while ledger.recorded.serial < 10:
                ledger.note_commit(str(ledger.recorded.serial))
            store.written.clear()
            ledger.begin(opening())
            ledger.uploaded(KEY, "asset-1")
            ledger.settle(address(), record=record())
            return list(store.written)

    assert len(cost(1)) == 3
    assert cost(1) == cost(3000)


def test_generations_outlive_their_records_and_never_go_back() -> None:
    """No later create of an address can repeat a number, and with it a key."""
    store = MemoryStore()
    with held(store) as ledger:
        assert ledger.generation(address()) == 0
        ledger.begin(opening(generation=2))
        ledger.settle(address(), record=record())
        ledger.move(address(), record("renamed"))
        ledger.remove(address("renamed"))
        assert ledger.generation(address()) == 2
        ledger.begin(opening(generation=1))
        assert ledger.generation(address()) == 2
        ledger.begin(opening("canceled", token=None))
        assert ledger.generation(address("canceled")) == 0
    assert there(read(store, project=PROJECT)).generations == {address(): 2}


def test_two_posts_can_swap_their_addresses() -> None:
    """Renaming is one change: no moment has only one of the two."""
    store = Tally()
    with held(store) as ledger:
        ledger.put(record("a", remote="r-a"), record("b", remote="r-b"))
        before = ledger.recorded.serial
        ledger.rename([(A, record("b", remote="r-a")), (B, record("a", remote="r-b"))])
        assert ledger.recorded.serial == before + 1
    names = {
        str(each): str(post.remote_id) for each, post in there(read(store, project=None)).records.items()
    }
    assert names == {"spring/a@brand": "r-b", "spring/b@brand": "r-a"}


def test_a_step_needs_an_open_intent() -> None:
    """How far something has come can only be said of what was begun."""
    with held(MemoryStore()) as ledger:
        with pytest.raises(StateError):
            ledger.step(opening())
        ledger.begin(opening())
        ledger.step(replace(opening(), cleared=True))
        intent = ledger.opened(address())
        assert intent is not None
        assert intent.cleared


def test_a_state_that_was_handed_out_never_changes() -> None:
    """A plan made from a state stays what it was while apply goes on."""
    with held(MemoryStore()) as ledger:
        ledger.put(record("a"))
        before = ledger.recorded
        ledger.put(record("b"))
        ledger.begin(opening())
        assert list(before.records) == [A]
        assert before.opens == {}
        assert (before.serial, ledger.recorded.serial) == (1, 3)
        with pytest.raises(TypeError):
            before.records[A] = record("c")  # type: ignore[index]


def test_threads_write_one_after_the_other() -> None:
    """No change is lost and no serial is used twice, whatever number of threads there are."""
    store = MemoryStore(before=lambda _: time.sleep(0.0002))

    def work(ledger: Ledger, name: int) -> None:
        for number in range(20):
            ledger.begin(opening(f"{name}-{number}"))
            ledger.settle(address(f"{name}-{number}"), record=record(f"{name}-{number}"))

    with held(store) as ledger:
        threads = [threading.Thread(target=work, args=(ledger, name)) for name in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert read(store, project=PROJECT) == ledger.recorded
    state = there(read(store, project=PROJECT))
    assert (len(state.records), len(state.opens), state.serial) == (120, 0, 240)


@pytest.mark.parametrize(
    "post",
    [
        replace(record(), content=replace(record().content, options=Options({"volume": float("inf")}))),
        replace(record(), address=Address("spring", "teaser", "a@b")),
    ],
    ids=["not a number", "not an address"],
)
def test_what_could_not_be_read_again_is_never_written(post: Record) -> None:
    """The refusal comes before anything is stored, so before anything is sent."""
    store = Tally()
    with held(store) as ledger, pytest.raises(StateError):
        ledger.put(post)
    assert store.read() is None


# Runs


def test_a_run_without_changes_writes_nothing() -> None:
    """A second apply leaves the state byte for byte and makes no backup; without a state it makes none."""
    store = Tally()
    with held(store):
        pass
    assert store.calls == ["hold", "read"]
    with held(store) as ledger:
        ledger.put(record())
    store.calls.clear()
    with held(store) as ledger:
        ledger.put(record())
    assert store.calls == ["hold", "read"]


def test_the_backup_is_the_state_before_the_run() -> None:
    """`.bak` is made once, before the first change, and stays what it was at the end of the run before."""
    store = Tally()
    with held(store) as ledger:
        ledger.put(record("a"))
        ledger.put(record("b"))
    first, _ = bytes_of(store)
    with held(store) as ledger:
        ledger.put(record("c"))
        ledger.put(record("d"))
    assert store.kept == first
    assert store.calls.count("keep") == 1


def test_a_killed_run_is_folded_in_by_the_next() -> None:
    """What was durable is there, the journal is emptied before anything new, and the backup includes it."""
    store = Tally()
    killed(store, "a", "b")
    _, entries = bytes_of(store)
    assert len(entries) == 2
    state = there(read(store, project=PROJECT))
    with held(store) as ledger:
        assert ledger.recorded == state
        folded, entries = bytes_of(store)
        assert entries == ()
        assert Books.load(folded).value() == state
        ledger.abandon(A)
    assert store.kept == folded


@pytest.mark.parametrize("error", [Interrupted("stopped"), KeyboardInterrupt(), RuntimeError("bug")])
def test_a_run_that_breaks_off_is_saved_and_its_error_passes(error: BaseException) -> None:
    """Whatever ends a run, the snapshot is written and the reason comes out unchanged."""
    store = MemoryStore()

    def run() -> None:
        with held(store) as ledger:
            ledger.put(record())
            raise error

    with pytest.raises(type(error)) as caught:
        run()
    assert caught.value is error
    _, entries = bytes_of(store)
    assert entries == ()
    assert there(read(store, project=PROJECT)).records == {address(): record()}


def test_a_ledger_ends_with_its_hold() -> None:
    """A thread that is late cannot write, not even into a next run that has found the state as it was."""
    store = MemoryStore()
    with held(store) as ledger:
        ledger.put(record("a"))
    with held(store) as ledger:
        pass
    for hold in (nullcontext(), held(store)):
        with hold, pytest.raises(StateError):
            ledger.put(record("b"))
    assert list(there(read(store, project=PROJECT)).records) == [A]


def test_a_full_disk_at_the_end_loses_nothing() -> None:
    """When the snapshot cannot be written, the journal holds the run and the run is a success."""
    full = False

    def before(name: str) -> None:
        if full and name == "write":
            raise StateError("no space left")

    store = MemoryStore(before=before)
    with held(store) as ledger:
        ledger.put(record())
        full = True
    full = False
    assert there(read(store, project=PROJECT)).records == {address(): record()}
    with held(store) as ledger:
        assert ledger.record(address()) == record()


def test_a_refused_change_leaves_the_ledger_as_it_was() -> None:
    """A failed append changes nothing in memory either, and the next one is welcome."""
    full = False

    def before(name: str) -> None:
        if full and name == "append":
            raise StateError("no space left")

    store = MemoryStore(before=before)
    with held(store) as ledger:
        ledger.put(record("a"))
        full = True
        with pytest.raises(StateError):
            ledger.put(record("b"))
        assert ledger.recorded.serial == 1
        assert ledger.record(B) is None
        full = False
        ledger.put(record("c"))
        assert ledger.recorded.serial == 2
    assert set(there(read(store, project=PROJECT)).records) == {A, C}


def test_a_lost_answer_stops_the_run() -> None:
    """Where nobody knows whether a change is durable, nothing more is written; the next run sees what is there."""
    lost = False

    def after(name: str) -> None:
        if lost and name == "append":
            raise StateError("connection reset")

    store = MemoryStore(after=after)
    with ExitStack() as run:
        ledger = run.enter_context(held(store))
        ledger.put(record("a"))
        lost = True
        with pytest.raises(StateError):
            ledger.put(record("b"))
        lost = False
        with pytest.raises(StateConflict):
            ledger.put(record("c"))
        with pytest.raises(StateConflict):
            run.close()
    state = there(read(store, project=PROJECT))
    assert (set(state.records), state.serial) == ({A, B}, 2)
    with held(store) as ledger:
        assert ledger.recorded == state


# Beginnings and keys


def test_an_empty_state_is_made_once() -> None:
    """`state init` writes serial 0 under the project's lineage, and never over a state."""
    store = MemoryStore()
    made = Ledger.init(store, WHO, project=PROJECT)
    assert made == Recorded(lineage=PROJECT)
    assert read(store, project=PROJECT) == made
    before = store.read()
    with pytest.raises(StateError):
        Ledger.init(store, WHO, project=PROJECT)
    assert store.read() == before
    fresh = Ledger.init(MemoryStore(), WHO, project=None)
    assert uuid.UUID(fresh.lineage).version == 4


def test_a_first_run_makes_its_own_lineage() -> None:
    """Without `project:` each new state is another one, and its lineage stays."""
    stores = MemoryStore(), MemoryStore()
    for store in stores:
        for post in ("a", "b"):
            with held(store, project=None) as ledger:
                ledger.put(record(post))
    lineages = {there(read(store, project=None)).lineage for store in stores}
    assert len(lineages) == 2


def test_a_key_is_the_same_for_ever() -> None:
    """A create that is repeated by a later version of calsync still carries its key."""
    assert token(PROJECT, address(), 1) == "231c884c-d701-5ba2-9fa7-e91e62db8858"
    assert token("my-project", address(), 1) == "0c7ed114-63cc-552a-b0fc-7f4005b49b2c"
    assert uuid.UUID(token(PROJECT, address(), 1)).version == 5


@relaxed
@given(any_text.filter(lambda each: each.isascii()), any_address, st.integers(0, 50))
def test_a_key_depends_on_lineage_address_and_generation(lineage: str, at: Address, number: int) -> None:
    """Equal in all three is the same key; different in one is another."""
    key = token(lineage, at, number)
    assert key == token(lineage, at, number)
    assert key != token(lineage, at, number + 1)
    assert key != token(lineage, Address(at.calendar, at.post + "x", at.account), number)
    assert key != token(lineage + "x", at, number)
