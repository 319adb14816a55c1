"""What a YAML document is made of here: text, mappings and lists, each with its place."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TypeAlias


class Null(str):
    """A plain scalar that is null where the schema admits null, and its own text elsewhere."""

    __slots__ = ()


class Hole:
    """Stands in a list where a value was that has been reported already."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "HOLE"


HOLE = Hole()


_NONE: frozenset[str] = frozenset()


class Map(dict[str, "Node"]):
    """A mapping; `at` is its place, `key_at` and `value_at` those of its keys and values (see `line_of`).

    `spoiled` names the keys that are written but whose values were reported already, so that they are neither
    here nor missing.
    """

    __slots__ = ("at", "key_at", "spoiled", "value_at")

    def __init__(self, at: int = 0) -> None:
        super().__init__()
        self.at = at
        self.key_at: dict[str, int] = {}
        self.value_at: dict[str, int] = {}
        self.spoiled: AbstractSet[str] = _NONE

    def spoil(self, key: str) -> None:
        """Take a value out that has been reported."""
        self.pop(key, None)
        if not isinstance(self.spoiled, set):
            self.spoiled = set()
        self.spoiled.add(key)

    def place(self, key: str) -> int:
        """Where the value of a key stands, or its key, or the mapping itself."""
        return self.value_at.get(key) or self.key_at.get(key) or self.at


class Seq(list["Node"]):
    """A list; `at` is its place, `item_at` those of its items."""

    __slots__ = ("at", "item_at")

    def __init__(self, at: int = 0) -> None:
        super().__init__()
        self.at = at
        self.item_at: list[int] = []


Node: TypeAlias = "str | Map | Seq | Hole"

FIRST = 1 << 24 | 1  # what is added to a line and a column that count from 0
SHIFT = 24  # a place is one small integer, line << 24 | column: files end long before column 16,777,216


def pack(line: int, column: int) -> int:
    """A place from a line and a column, both from 1."""
    return line << SHIFT | column


def line_of(at: int) -> tuple[int, int]:
    """Line and column, both from 1, of a place."""
    return at >> SHIFT, at & ((1 << SHIFT) - 1)
