"""State as bytes: any state survives them, and nothing that is not one gets past them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from state_values import (
    OPEN_PARTS,
    PROJECT,
    RECORD_PARTS,
    WHO,
    address,
    bytes_of,
    held,
    opening,
    record,
    relaxed,
    there,
    with_bytes,
)
from state_values import addresses as any_address
from state_values import jsons as any_json
from state_values import opens as any_open
from state_values import records as any_record
from state_values import texts as any_text
from state_values import upload_keys as any_upload

from calsync.books import Books
from calsync.errors import LineageMismatch, StateError, StateLost, StateUnreadable
from calsync.model import Json, Open, Options, Record, UploadKey, canonical
from calsync.recorded import lost_state, read
from calsync.stores.memory import MemoryStore

KEY = UploadKey("postqued", None, "ab" * 32)


# Reading and writing


def drawn_books(data: st.DataObject) -> Books:
    books = Books(data.draw(any_text), data.draw(st.integers(0, 10**20)))
    for each in data.draw(st.lists(any_record, max_size=3)):
        books.posts.items[each.address] = each
    for intent in data.draw(st.lists(any_open, max_size=3)):
        books.opens.items[intent.address] = intent
    books.generations.items.update(data.draw(st.dictionaries(any_address, st.integers(0, 99), max_size=3)))
    books.uploads.items.update(data.draw(st.dictionaries(any_upload, any_text, max_size=3)))
    notes: dict[str, Json] = {
        "policy": data.draw(st.dictionaries(any_text, any_json, max_size=2)),
        "commit": data.draw(any_text),
        "unfinished": {
            "digest": data.draw(any_text),
            "lines": list(data.draw(st.lists(any_text, max_size=2))),
        },
    }
    books.notes.items.update(
        {name: notes[name] for name in data.draw(st.sets(st.sampled_from(sorted(notes))))}
    )
    return books


@relaxed
@given(st.data())
def test_any_state_survives_the_round_trip(data: st.DataObject) -> None:
    """Bytes and back is the same state, and the same state is the same bytes."""
    books = drawn_books(data)
    written = books.dump()
    again = Books.load(written)
    assert again.value() == books.value()
    assert again.dump() == written


def test_every_field_of_a_record_and_an_intent_is_drawn() -> None:
    """A field that is added to the model cannot be forgotten in the state: the round trip would have to draw it."""
    assert {each.name for each in dataclasses.fields(Record)} == RECORD_PARTS.keys()
    assert {each.name for each in dataclasses.fields(Open)} == OPEN_PARTS.keys()


@relaxed
@given(st.lists(any_record, max_size=5, unique_by=lambda each: each.address))
def test_the_order_of_events_leaves_no_trace_in_the_snapshot(records: list[Record]) -> None:
    """Two states with the same posts have the same bytes, however they came about."""
    first, second = Books(PROJECT), Books(PROJECT)
    first.posts.items.update({each.address: each for each in records})
    second.posts.items.update({each.address: each for each in reversed(records)})
    assert first.dump() == second.dump()


GOLDEN = b"""{
  "format_version": 1,
  "lineage": "5b1e0c6a-0000-4000-8000-000000000001",
  "serial": 3,
  "posts": {
    "spring/teaser@brand": {"account_id": "660e", "api": "v1", "assets": [], "content": {"at": "2026-03-15T12:00:00Z", "caption": "Hello", "intent": "publish", "media": ["sha256:abababababababababababababababababababababababababababababababab"], "options": {}, "title": ""}, "platform": "tiktok", "reason": null, "remote_id": "r-1", "remote_part": null, "seen": "scheduled", "service": "postqued", "workspace": null}
  },
  "generations": {
    "spring/teaser@brand": 1
  },
  "uploads": {
    "postqued/*/abababababababababababababababababababababababababababababababab/*": "asset-1"
  },
  "opens": {},
  "notes": {}
}
"""


def test_the_document_is_one_line_per_item() -> None:
    """The format that is out there: what an older calsync wrote is read for ever, and a diff shows single posts."""
    store = MemoryStore()
    with held(store) as ledger:
        ledger.begin(opening())
        ledger.uploaded(KEY, "asset-1")
        ledger.settle(address(), record=record())
    assert bytes_of(store) == (GOLDEN, ())
    assert Books.load(GOLDEN).dump() == GOLDEN


# What is refused


def snapshot(serial: int = 3, lineage: str = PROJECT) -> bytes:
    books = Books(lineage, serial)
    books.posts.items[address()] = record()
    return books.dump()


def entry(serial: int, ops: Json = None, lineage: str = PROJECT) -> bytes:
    return json.dumps({"lineage": lineage, "serial": serial, "ops": ops or []}).encode()


def refused(store: MemoryStore, project: str | None = PROJECT) -> StateError:
    """Reading and holding fail alike, and nothing is touched."""
    before = store.read()
    with pytest.raises(StateError) as reading:
        read(store, project=project)
    with pytest.raises(type(reading.value)), held(store, project=project):
        raise AssertionError
    assert store.read() == before
    assert store.kept is None
    assert store.where in reading.value.message
    assert reading.value.hint
    return reading.value


def test_entries_that_the_snapshot_includes_are_skipped() -> None:
    """A crash between writing the snapshot and emptying the journal is harmless."""
    entries = tuple(entry(serial, [["del", "posts", str(address())]]) for serial in (1, 2, 3))
    state = there(read(with_bytes(snapshot(3), entries), project=PROJECT))
    assert (state.serial, list(state.records)) == (3, [address()])
    more = (*entries, entry(4, [["put", "generations", str(address()), 7]]))
    state = there(read(with_bytes(snapshot(3), more), project=PROJECT))
    assert (state.serial, state.generations) == (4, {address(): 7})


@pytest.mark.parametrize(
    "entries",
    [
        (entry(5),),
        (entry(4), entry(6)),
        (entry(4), entry(4)),
        (entry(4), entry(3)),
        (entry(1), entry(3)),
        (entry(4, lineage="another"),),
        (b"{", entry(4)),
        (b"", entry(4)),
        (entry(4)[:-1],),
        (b"[]",),
        (entry(4, "ops"),),
        (entry(4, ["put"]),),
        (entry(4, [["put", "posts", str(address()), {}]]),),
        (entry(4, [["put", "posts", str(address()), None]]),),
        (entry(4, [["put", "secrets", "key", "value"]]),),
        (entry(4, [["del", "posts", "nonsense"]]),),
        (entry(4, [["put", "generations", str(address()), -1]]),),
        (entry(4, [["put", "generations", str(address()), True]]),),
        (entry(4, [["put", "notes", "password", "x"]]),),
        (entry(4, [["put", "uploads", "postqued/*/a%2fb/*", "x"]]),),
    ],
)
def test_a_journal_that_does_not_fit_is_refused(entries: tuple[bytes, ...]) -> None:
    """A gap, a serial that went back, another lineage or a broken line stop a run and leave the file alone."""
    assert isinstance(refused(with_bytes(snapshot(3), entries)), StateUnreadable)


def test_a_state_that_went_back_is_named() -> None:
    """An older snapshot under a newer journal is recognised for what it is."""
    assert "went back" in refused(with_bytes(snapshot(3), (entry(9),))).message


@pytest.mark.parametrize("version", [2, 0, "1", True, None, 1.0, [1]])
def test_another_format_version_is_refused(version: Json) -> None:
    """A newer calsync's state is not guessed at; the hint says which calsync to use."""
    document = json.loads(snapshot())
    document["format_version"] = version
    error = refused(with_bytes(json.dumps(document).encode()))
    assert isinstance(error, StateUnreadable)
    assert "version" in error.message


def spoiled() -> Iterator[tuple[str, bytes]]:
    good = json.loads(GOLDEN)
    for name in good:
        yield (
            f"without {name}",
            json.dumps({key: value for key, value in good.items() if key != name}).encode(),
        )
        yield f"{name} is a list", json.dumps(good | {name: [1]}).encode()
    yield "more", json.dumps(good | {"more": 1}).encode()
    post = good["posts"]["spring/teaser@brand"]
    for field in post:
        less = {key: value for key, value in post.items() if key != field}
        yield f"no {field}", json.dumps(good | {"posts": {"spring/teaser@brand": less}}).encode()
        odd = post | {field: 5}
        yield f"{field} is 5", json.dumps(good | {"posts": {"spring/teaser@brand": odd}}).encode()
    for field in post["content"]:
        odd = post | {"content": post["content"] | {field: 5}}
        yield f"content {field} is 5", json.dumps(good | {"posts": {"spring/teaser@brand": odd}}).encode()
    for at in ("2026-03-15", "2026-03-15T12:00:00", "2026-03-15T12:00:00+00:00", "2026-W11-7T12:00:00Z", ""):
        odd = post | {"content": post["content"] | {"at": at}}
        yield f"at {at}", json.dumps(good | {"posts": {"spring/teaser@brand": odd}}).encode()
    yield "bad address", json.dumps(good | {"posts": {"teaser": post}}).encode()
    yield "no post", json.dumps(good | {"posts": {"spring/teaser@brand": None}}).encode()
    yield "infinity", GOLDEN.replace(b'"options": {}', b'"options": {"volume": 1e999}')
    yield "nan", GOLDEN.replace(b'"options": {}', b'"options": {"volume": NaN}')
    yield "one post twice", GOLDEN.replace(b'"serial": 3', b'"serial": 3, "serial": 4')
    yield "empty", b""
    yield "half", GOLDEN[: len(GOLDEN) // 2]
    yield "not UTF-8", GOLDEN.replace(b"Hello", b"\xff")
    yield "deep", b"[" * 100_000
    yield "long number", GOLDEN.replace(b'"serial": 3', b'"serial": ' + b"9" * 10_000)
    yield "conflict markers", b"<<<<<<< HEAD\n" + GOLDEN


@pytest.mark.parametrize("document", [each for _, each in spoiled()], ids=[name for name, _ in spoiled()])
def test_a_broken_document_is_refused(document: bytes) -> None:
    """Wrong in any one place is wrong: the error names file and backup, and the file is left alone."""
    error = refused(with_bytes(document))
    assert isinstance(error, StateUnreadable)


@relaxed
@given(
    st.binary(max_size=200),
    st.lists(st.binary(max_size=60).map(lambda each: each.replace(b"\n", b"")), max_size=3),
)
def test_garbage_is_an_error_and_never_a_crash(document: bytes, entries: list[bytes]) -> None:
    """Nothing that may stand in the files gets past the one kind of error."""
    for store in (with_bytes(document), with_bytes(snapshot(), tuple(entries))):
        with suppress(StateError):
            read(store, project=PROJECT)


@relaxed
@given(st.data())
def test_a_document_spoiled_anywhere_is_an_error_or_a_state(data: st.DataObject) -> None:
    """Any value in the place of any other is either still a state or refused, never a crash."""
    document = json.loads(drawn_books(data).dump())
    spot: dict[str, Json] = document
    while True:
        name = data.draw(st.sampled_from(sorted(spot)))
        inner = spot[name]
        if isinstance(inner, dict) and inner and data.draw(st.booleans()):
            spot = inner
            continue
        spot[name] = data.draw(any_json)
        break
    with suppress(StateError):
        read(with_bytes(json.dumps(document).encode()), project=None)


def test_a_journal_without_its_snapshot_is_refused() -> None:
    """A deleted state file is not taken for a first run while its journal is there."""

    class Beheaded(MemoryStore):
        def read(self) -> None:
            blob = super().read()
            assert blob is not None
            return replace(blob, snapshot=None)  # type: ignore[return-value]

    store = Beheaded()
    with store.hold(WHO, timeout=0):
        store.append(entry(4), expecting=store.write(b"", expecting=None))
    with pytest.raises(StateUnreadable) as caught:
        read(store, project=None)
    assert caught.value.hint is not None
    assert store.earlier in caught.value.hint


def test_another_projects_state_is_refused() -> None:
    """The lineage has to be the project's, where the project names one; entries of a killed run stay where they are."""
    store = with_bytes(snapshot(3), (entry(4),))
    assert isinstance(refused(store, project="another"), LineageMismatch)
    assert there(read(store, project=None)).lineage == PROJECT


def test_a_lost_state_is_not_a_first_run() -> None:
    """With a project's lineage and no state, a run stops and says which states survive."""
    store = MemoryStore(".calsync/state.json")
    assert read(store, project=PROJECT) is None
    with pytest.raises(StateLost) as caught, held(store, create=False):
        raise AssertionError
    assert str(caught.value) == str(lost_state(store, PROJECT))
    assert caught.value.hint is not None
    assert "state init" in caught.value.hint
    assert "runner" in caught.value.hint
    with pytest.raises(StateLost), held(store, project=None, create=False):
        raise AssertionError
    assert store.read() is None


_OPTIONS = st.dictionaries(st.sampled_from(["a", "b"]), any_json, max_size=2)


@given(_OPTIONS, _OPTIONS)
def test_options_are_equal_where_their_json_is(one: dict[str, Json], other: dict[str, Json]) -> None:
    """`true` is not 1 and 1 is not 1.0, at any depth; the order of keys means nothing, and equal ones hash alike."""
    for left, right in ((one, other), (one, dict(reversed(one.items())))):
        same = canonical(left) == canonical(right)
        assert (Options(left) == Options(right)) is same
        if same:
            assert hash(Options(left)) == hash(Options(right))


def test_options_that_python_takes_for_equal() -> None:
    """Python says True == 1 == 1.0."""
    values: list[Json] = [True, 1, 1.0, [True], [1], {"a": 1}, {"a": True}]
    assert len({Options({"a": each}) for each in values}) == len(values)
