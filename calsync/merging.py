"""One post on one account, put together from its four levels.

A field is taken from the nearest of: the post's overrides for the account, the post, the defaults' overrides for
the account, the defaults. Options merge key by key, and null takes one back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from calsync.document import Map, Seq
from calsync.errors import Source
from calsync.model import Json
from calsync.reading import OptionValues
from calsync.schema import Fields


class Level(NamedTuple):
    """One level: what is written there, as typed, and whether it is the post's own (not the defaults')."""

    node: Map
    fields: Fields
    own: bool

    def has(self, name: str) -> bool:
        """Whether the field is written here, be its value usable or not."""
        return name in self.node.key_at


class Found(NamedTuple):
    """A field where it is nearest. `value` is None where that was reported already."""

    name: str
    value: Any
    level: Level

    @property
    def at(self) -> int:
        """Where the value stands."""
        return self.level.node.place(self.name)


def nearest(levels: tuple[Level, ...], *names: str) -> Found | None:
    """The nearest level that has one of the fields, which count as one; None where none has."""
    for level in levels:
        for name in names:
            if name in level.node.key_at:
                return Found(name, getattr(level.fields, name), level)
    return None


class Option(NamedTuple):
    """An option as merged: its value, its place, and whether the post itself says so."""

    value: Json
    at: int
    own: bool


def merge_options(levels: tuple[tuple[Level, OptionValues], ...]) -> dict[str, Option]:
    """Options of all levels, the nearest first, merged key by key."""
    merged: dict[str, Option] = {}
    for level, options in reversed(levels):
        for name in options.removed | options.spoiled:
            merged.pop(name, None)
        for name, value in options.values.items():
            merged[name] = Option(value, options.places[name], level.own)
    return merged


def item_place(node: Map, name: str, index: int) -> int:
    """Where an item of a field stands: of a list its own place, else the field's."""
    value = node.get(name)
    if isinstance(value, Seq) and index < len(value.item_at):
        return value.item_at[index]
    return node.place(name)


class Places(Mapping[str, Source]):
    """Where the fields of an entry stand, made into sources only when asked for."""

    __slots__ = ("_file", "_places")

    def __init__(self, file: str, places: Mapping[str, int]) -> None:
        self._file = file
        self._places = places

    def __getitem__(self, name: str) -> Source:
        at = self._places[name]
        return Source(file=self._file, line=max(at >> 24, 1), column=max(at & 0xFFFFFF, 1))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return f"Places({dict(self)!r})"
