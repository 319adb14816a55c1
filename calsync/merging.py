"""One post on one account, put together from its four levels.

A field is taken from the nearest of: the post's overrides for the account, the post, the defaults' overrides for
the account, the defaults. Options merge key by key, and null takes one back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from calsync.document import Map, Seq
from calsync.errors import Source
from calsync.model import Json, Options
from calsync.reading import OptionValues
from calsync.schema import Fields

PLACED = frozenset(Fields.model_fields) - {"caption_file"} | {"at", "accounts", "previously"}
"""Fields of an entry that have a place of their own."""


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


class Merged(NamedTuple):
    """Levels put together, the nearest first: which one each field is taken from, and the options key by key.

    `own`: the options that the post itself states. `unfit`: those of other platforms, with their places and whether
    the post itself states them. `spoiled`: something among the options was reported.
    """

    levels: tuple[Level, ...]
    fields: dict[str, Level]
    options: dict[str, Json]
    own: frozenset[str]
    unfit: tuple[tuple[str, int, bool], ...]
    spoiled: bool
    option_at: tuple[Mapping[str, int], ...]

    def over(self, level: Level, options: OptionValues) -> Merged:
        """The same under a level that is nearer."""
        values = self.options
        if options.removed or options.spoiled:
            gone = options.removed | options.spoiled
            values = {name: value for name, value in values.items() if name not in gone}
        return Merged(
            (level, *self.levels),
            self.fields | dict.fromkeys(level.node.key_at, level),
            values | options.values if options.values else values,
            self.own.union(options.values) if level.own and options.values else self.own,
            self.unfit + tuple((name, at, level.own) for name, at in options.foreign.items())
            if options.foreign
            else self.unfit,
            self.spoiled or bool(options.spoiled) or "options" in level.node.spoiled,
            (options.places, *self.option_at) if options.places else self.option_at,
        )

    def nearest(self, name: str) -> Found | None:
        """A field where it is nearest; None where no level has it."""
        level = self.fields.get(name)
        return None if level is None else Found(name, getattr(level.fields, name), level)


NOTHING = Merged((), {}, {}, frozenset(), (), False, ())
"""No level at all."""


def item_place(node: Map, name: str, index: int) -> int:
    """Where an item of a field stands: of a list its own place, else the field's."""
    value = node.get(name)
    if isinstance(value, Seq) and index < len(value.item_at):
        return value.item_at[index]
    return node.place(name)


class Places(Mapping[str, Source]):
    """Where the fields of an entry stand, made into sources only when asked for.

    `levels`: the places of each level's values, the nearest first; `options`: those of each level's options, of
    which `named` are the entry's. `more`: places that are none of these.
    """

    __slots__ = ("_file", "_levels", "_more", "_named", "_options")

    def __init__(
        self,
        file: str,
        levels: Sequence[Mapping[str, int]],
        options: Sequence[Mapping[str, int]],
        named: Options,
        more: Mapping[str, int],
    ) -> None:
        self._file = file
        self._levels = levels
        self._options = options
        self._named = named
        self._more = more

    def __getitem__(self, name: str) -> Source:
        at = self._place(name)
        return Source(file=self._file, line=max(at >> 24, 1), column=max(at & 0xFFFFFF, 1))

    def _place(self, name: str) -> int:
        if name in self._more:
            return self._more[name]
        if name.startswith("options."):
            option = name[len("options.") :]
            if option.partition(".")[0] in self._named:
                return next(each[option] for each in self._options if option in each)
        elif name in PLACED:
            for each in self._levels:
                if name in each:
                    return each[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        seen = dict.fromkeys(name for each in self._levels for name in each if name in PLACED)
        inside = dict.fromkeys(
            f"options.{name}"
            for each in self._options
            for name in each
            if name.partition(".")[0] in self._named
        )
        return iter({**seen, **inside, **self._more})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Places({dict(self)!r})"
