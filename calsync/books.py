"""The books: the state in memory, and the two forms it has as bytes, a snapshot and a journal of changes.

Writing is deterministic, one line per item, so that a diff of two states reads like a list of changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, NamedTuple, Protocol, TypeVar

from calsync.model import Address, Json, Open, Record, Recorded, RemoteId, Unfinished, UploadKey
from calsync.statefile import (
    count,
    fields,
    line,
    note_in,
    open_in,
    open_out,
    parse,
    record_in,
    record_out,
    text,
    texts,
    upload_in,
    upload_out,
)

FORMAT_VERSION = 1

K = TypeVar("K")
V = TypeVar("V")


class NewerFormat(ValueError):
    """The document has a format version that this calsync does not know."""


@dataclass(frozen=True, slots=True)
class Op:
    """One change of one item: `value` None deletes it."""

    section: str
    key: str
    value: Json

    def to_json(self) -> Json:
        """`["put", section, key, value]` or `["del", section, key]`."""
        return (
            ["del", self.section, self.key]
            if self.value is None
            else ["put", self.section, self.key, self.value]
        )

    @classmethod
    def from_json(cls, value: Json) -> Op:
        """Read what `to_json` wrote. Raises ValueError."""
        match value:
            case ["put", str(section), str(key), content] if content is not None:
                return cls(section, key, content)
            case ["del", str(section), str(key)]:
                return cls(section, key, None)
        raise ValueError("not a change")


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is known to be readable again, and what makes it in memory."""

    op: Op
    make: Callable[[], None]


class Section(Protocol):
    """What the document and the journal need of a shelf, whatever stands on it."""

    name: str

    def apply(self, name: str, value: Json) -> None:
        """Replay one change. Raises ValueError."""

    def lines(self) -> Iterator[str]:
        """The items as lines of a document, sorted by name."""


@dataclass(slots=True)
class Shelf(Generic[K, V]):
    """One section of the state: its items, and how keys and values are spelled.

    A view that was handed out never changes: the next change copies the items first.
    """

    name: str
    key_out: Callable[[K], str]
    key_in: Callable[[str], K]
    value_out: Callable[[V], Json]
    value_in: Callable[[K, Json], V]
    items: dict[K, V] = field(default_factory=dict)
    lent: bool = False

    def view(self) -> Mapping[K, V]:
        """The items as they are now, for good."""
        self.lent = True
        return MappingProxyType(self.items)

    def change(self, key: K, value: V | None) -> Change | None:
        """The change that puts (or, with None, deletes) an item; None where it is so already.

        Raises ValueError for what could not be read again.
        """
        name = self.key_out(key)
        if self.key_in(name) != key:
            raise ValueError(f"a name that is not one: {name!r}")
        present = self.items.get(key)
        before = None if present is None else self.value_out(present)
        after = None if value is None else self.value_out(value)
        if line(before) == line(after):
            return None
        read = None if after is None else self.value_in(key, after)
        return Change(Op(self.name, name, after), lambda: self._set(key, read))

    def apply(self, name: str, value: Json) -> None:
        """Replay one change. Raises ValueError."""
        key = self.key_in(name)
        if self.key_out(key) != name:
            raise ValueError(f"not its usual spelling: {name!r}")
        self._set(key, None if value is None else self.value_in(key, value))

    def _set(self, key: K, value: V | None) -> None:
        if self.lent:
            self.items, self.lent = dict(self.items), False
        if value is None:
            self.items.pop(key, None)
        else:
            self.items[key] = value

    def lines(self) -> Iterator[str]:
        """The items as lines of a document, sorted by name."""
        spelled = sorted((self.key_out(key), value) for key, value in self.items.items())
        for name, value in spelled:
            yield f"{line(name)}: {line(self.value_out(value))}"


class Head(NamedTuple):
    """What a snapshot begins with."""

    lineage: str
    serial: int


_HEAD = re.compile(
    rb'\{\n  "format_version": \d+,\n  "lineage": ("(?:[^"\\\n]|\\.)*"),\n  "serial": (\d{1,30}),\n'
)


def head(data: bytes | None) -> Head | None:
    """The lineage and serial of a snapshot as `Books.dump` writes it, without reading the rest; else None."""
    found = None if data is None else _HEAD.match(data)
    if found is None:
        return None
    try:
        return Head(text(parse(found[1])), int(found[2]))
    except ValueError:
        return None


class Owners:
    """Whose a post is, by its id at its service. Told of records that may come to be, it asks the shelf for those that are."""

    def __init__(self, posts: Shelf[Address, Record]) -> None:
        self._posts = posts
        self._known: dict[tuple[str, RemoteId], tuple[Address, ...]] | None = None

    def of(self, service: str, remote_id: RemoteId) -> tuple[Address, ...]:
        """The addresses whose record is this post."""
        if self._known is None:
            self._known = {}
            for address, record in self._posts.items.items():
                self.note(address, record)
        found = ((each, self._posts.items.get(each)) for each in self._known.get((service, remote_id), ()))
        return tuple(
            address
            for address, record in found
            if record is not None and (record.account.service, record.remote_id) == (service, remote_id)
        )

    def note(self, address: Address, record: Record | None) -> None:
        """A record that is about to be written."""
        if record is not None and self._known is not None:
            key = record.account.service, record.remote_id
            known = self._known.get(key, ())
            if address not in known:
                self._known[key] = (*known, address)


class Books:
    """The state in memory, section by section. Not thread-safe; `serial` is the owner's to raise."""

    def __init__(self, lineage: str, serial: int = 0) -> None:
        self.lineage = lineage
        self.serial = serial
        self.posts: Shelf[Address, Record] = Shelf("posts", str, Address.parse, record_out, record_in)
        self.generations: Shelf[Address, int] = Shelf(
            "generations", str, Address.parse, lambda number: number, lambda _, value: count(value)
        )
        self.uploads: Shelf[UploadKey, str] = Shelf(
            "uploads", upload_out, upload_in, lambda asset: asset, lambda _, value: text(value)
        )
        self.opens: Shelf[Address, Open] = Shelf("opens", str, Address.parse, open_out, open_in)
        self.notes: Shelf[str, Json] = Shelf("notes", str, str, lambda value: value, note_in)

    @property
    def shelves(self) -> tuple[Section, ...]:
        """Every section, in the order of the document."""
        return (self.posts, self.generations, self.uploads, self.opens, self.notes)

    def value(self) -> Recorded:
        """The state as a value that no later change touches; costs nothing until that change."""
        policy, commit = self.notes.items.get("policy"), self.notes.items.get("commit")
        unfinished = None
        match self.notes.items.get("unfinished"):
            case {"digest": str(digest), "lines": list(lines)}:
                unfinished = Unfinished(digest=digest, lines=texts(lines))
        return Recorded(
            lineage=self.lineage,
            serial=self.serial,
            records=self.posts.view(),
            generations=self.generations.view(),
            uploads=self.uploads.view(),
            opens=self.opens.view(),
            policy=MappingProxyType(policy) if isinstance(policy, dict) else None,
            commit=commit if isinstance(commit, str) else None,
            unfinished=unfinished,
        )

    def dump(self) -> bytes:
        """The snapshot document."""
        sections = []
        for shelf in self.shelves:
            body = ",\n".join(f"    {each}" for each in shelf.lines())
            sections.append(f'  "{shelf.name}": {{\n{body}\n  }}' if body else f'  "{shelf.name}": {{}}')
        head = f'  "format_version": {FORMAT_VERSION},\n  "lineage": {line(self.lineage)},\n  "serial": {self.serial},\n'
        return ("{\n" + head + ",\n".join(sections) + "\n}\n").encode()

    @classmethod
    def load(cls, data: bytes) -> Books:
        """Read what `dump` wrote. Raises ValueError, NewerFormat for a version that is not ours."""
        value = parse(data)
        if not isinstance(value, dict) or "format_version" not in value:
            raise ValueError("it has no format version")
        version = value["format_version"]
        if isinstance(version, bool) or version != FORMAT_VERSION or not isinstance(version, int):
            raise NewerFormat(f"it has format version {version!r}, this calsync reads {FORMAT_VERSION}")
        books = cls("")
        found = fields(value, ("format_version", "lineage", "serial", *(each.name for each in books.shelves)))
        books.lineage, books.serial = text(found["lineage"]), count(found["serial"])
        for shelf in books.shelves:
            items = found[shelf.name]
            if not isinstance(items, dict):
                raise ValueError(f"`{shelf.name}` is not an object")
            for name, item in items.items():
                if item is None:
                    raise ValueError(f"`{shelf.name}` has nothing for {name!r}")
                try:
                    shelf.apply(name, item)
                except ValueError as error:
                    raise ValueError(f"`{shelf.name}`, {name!r}: {error}") from error
        return books

    def entry(self, changes: Iterable[Change]) -> bytes:
        """The journal entry that makes these changes the next serial."""
        ops: list[Json] = [change.op.to_json() for change in changes]
        return line({"lineage": self.lineage, "serial": self.serial + 1, "ops": ops}).encode()

    def replay(self, entries: Iterable[bytes]) -> None:
        """Apply the journal. What the snapshot holds already is skipped; a gap raises ValueError."""
        before: int | None = None
        by_name = {shelf.name: shelf for shelf in self.shelves}
        for number, data in enumerate(entries, 1):
            try:
                before = self._replay(data, before, by_name)
            except ValueError as error:
                raise ValueError(f"entry {number} of its journal: {error}") from error

    def _replay(self, data: bytes, before: int | None, by_name: Mapping[str, Section]) -> int:
        found = fields(parse(data), ("lineage", "serial", "ops"))
        serial, ops = count(found["serial"]), found["ops"]
        if found["lineage"] != self.lineage:
            raise ValueError("it belongs to another state")
        if not isinstance(ops, list):
            raise ValueError("a list was expected")
        changes = [Op.from_json(each) for each in ops]
        if any(change.section not in by_name for change in changes):
            raise ValueError("an unknown section")
        if before is not None and serial != before + 1:
            raise ValueError(f"serial {serial} after {before}")
        if serial > self.serial + 1:
            raise ValueError(f"serial {serial}, where the state has {self.serial}: the state went back")
        if serial == self.serial + 1:
            for change in changes:
                by_name[change.section].apply(change.key, change.value)
            self.serial = serial
        return serial
