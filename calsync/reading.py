"""A document held against a model: every problem reported at its own line, and the rest goes on.

What was wrong is taken out of the data (`Map.spoiled`), so that one run shows all there is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from types import NoneType
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin

from pydantic import BaseModel

from calsync.document import Map, Node, Null, Seq
from calsync.fields import Fault, Kind, Reader, found, suggestion
from calsync.model import Json
from calsync.options import PLATFORMS, spellings
from calsync.textfile import shown

Report = Callable[[str, int, str, "str | None"], None]
"""Takes a problem: code, place, message, hint."""

MAX_PROBLEMS = 100
"""Of one mapping: a file may hold hundreds of thousands, and suggestions take their time."""

M = TypeVar("M", bound=BaseModel)

_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}")
_DEEPEST = 4
_MOST_VALUES = 500

_SECRET = (
    "keys and addresses come from the environment only, such as POSTQUED_API_KEY and CALSYNC_POSTQUED_URL"  # noqa: S105
)
_SECRET_WORDS = (
    "key",
    "token",
    "secret",
    "password",
    "bearer",
    "auth",
    "url",
    "host",
    "endpoint",
    "address",
    "credential",
)
_ELSEWHERE = {
    "at": "every post has its own at, so defaults cannot set it",
    "id": "an id belongs to the post itself",
    "previously": "previously belongs to the post itself, or to the calendar",
    "accounts": "accounts belong to the post or to defaults",
    "overrides": "overrides belong to the post or to defaults",
    "privacy": "did you mean privacy_level, under options?",
}


def read(model: type[M], node: Map, report: Report, *, secrets: bool = False) -> M:
    """Hold a mapping against a model. Problems go to `report`, and what has one is taken out (`Map.spoiled`).

    The models declare; their kinds are called from here, since pydantic's own way to them and back takes three
    times as long, and its errors would have to be led back to their lines. It says the same of every value.
    """
    return _read(model, node, _Teller(node, report, secrets=secrets))


class _Teller:
    """Reports what is wrong in one mapping and all inside it, up to a limit."""

    def __init__(self, node: Map, report: Report, *, secrets: bool = False) -> None:
        self.node = node
        self.report = report
        self.secrets = secrets
        self.told = 0

    def full(self) -> bool:
        """Whether nothing more is told, which is told itself; suggestions cost time."""
        self.told += 1
        if self.told == MAX_PROBLEMS + 1:
            message = f"more than {MAX_PROBLEMS} problems here; the rest is not shown"
            self.report("too-many", self.node.at, message, None)
        return self.told > MAX_PROBLEMS

    def unknown(self, holder: Map, key: str, known: Sequence[str]) -> None:
        """A key that is no field."""
        if not self.full():
            hint = suggestion(key, known)
            if self.secrets and any(word in key.casefold() for word in _SECRET_WORDS):
                hint = _SECRET
            elif key in _ELSEWHERE:
                hint = _ELSEWHERE[key]
            hint = hint or (f"known here: {', '.join(known)}" if known else None)
            self.report("unknown-key", holder.key_at[key], f"{shown(key)} is no field here", hint)
        holder.spoil(key)

    def no_mapping(self, holder: Map, key: str) -> None:
        """A value that should be a mapping."""
        if not self.full():
            value = holder[key]
            hint = "delete the line, or write {}" if isinstance(value, Null) else None
            message = f"{shown(key)}: expected a mapping (KEY: VALUE lines), found {found(value)}"
            self.report("wrong-type", holder.place(key), message, hint)
        holder.spoil(key)

    def wrong(self, holder: Map, key: str, error: Fault) -> None:
        """A value that its kind does not take."""
        if not self.full():
            context = error.context or {}
            at = context.get("at") or holder.place(key)
            self.report(error.type, at, context["message"], context.get("hint"))
        holder.spoil(key)


class _Shape(NamedTuple):
    """A model, ready to be read by: a reader for each field that is a value, and the model of one that is a mapping.

    `keyed`: fields that are mappings of any keys, to a model or a reader.
    """

    blank: dict[str, None]
    values: Mapping[str, Reader]
    models: Mapping[str, type[BaseModel]]
    keyed: Mapping[str, type[BaseModel] | Reader]


@cache
def _shape(model: type[BaseModel]) -> _Shape:
    values: dict[str, Reader] = {}
    models: dict[str, type[BaseModel]] = {}
    keyed: dict[str, type[BaseModel] | Reader] = {}
    for name, field in model.model_fields.items():
        kinds = [each.read for each in field.metadata if isinstance(each, Kind)]
        kind = kinds[0] if kinds else _kind(field.annotation)
        if isinstance(kind, dict):
            keyed[name] = kind["each"]
        elif isinstance(kind, type):
            models[name] = kind
        else:
            values[name] = kind
    return _Shape(dict.fromkeys(model.model_fields), values, models, keyed)


def _kind(annotation: Any) -> Any:
    """What reads a value of this type: a reader, a model, or `{"each": ...}` for a mapping of any keys."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is dict:
        return {"each": _kind(get_args(annotation)[1])}
    if get_origin(annotation) is Annotated:
        return next(each.read for each in get_args(annotation) if isinstance(each, Kind))
    return next(_kind(each) for each in get_args(annotation) if each is not NoneType)


def _read(model: type[M], node: Map, tell: _Teller) -> M:
    blank, readers, models, keyed = _shape(model)
    values: dict[str, object] = dict(blank)
    later: list[str] = []
    wrong: dict[str, Fault] = {}
    for key, value in node.items():
        reader = readers.get(key)
        if reader is None:
            later.append(key)
            continue
        try:
            values[key] = reader(value)
        except Fault as error:
            later.append(key)
            wrong[key] = error
    for key in later:
        if key in wrong:
            tell.wrong(node, key, wrong[key])
        elif key not in blank:
            tell.unknown(node, key, tuple(blank))
        elif not isinstance(inner := node[key], Map):
            tell.no_mapping(node, key)
        elif key in models:
            values[key] = _read(models[key], inner, tell)
        else:
            values[key] = _read_each(keyed[key], inner, tell)
    return _made(model, values)


def _read_each(kind: type[BaseModel] | Reader, node: Map, tell: _Teller) -> dict[str, object]:
    """A mapping of any keys."""
    values: dict[str, object] = {}
    for key, value in list(node.items()):
        if not isinstance(kind, type):
            try:
                values[key] = kind(value)
            except Fault as error:
                tell.wrong(node, key, error)
        elif isinstance(value, Map):
            values[key] = _read(kind, value, tell)
        else:
            tell.no_mapping(node, key)
    return values


def _made(model: type[M], values: dict[str, object]) -> M:
    """An instance of what was read: `model_construct` without its search for aliases, a third of a post's time."""
    made = model.__new__(model)
    object.__setattr__(made, "__dict__", values)
    object.__setattr__(made, "__pydantic_fields_set__", values.keys())
    object.__setattr__(made, "__pydantic_extra__", None)
    object.__setattr__(made, "__pydantic_private__", None)
    return made


class OptionValues(NamedTuple):
    """Options of one level as typed: the values, the names taken back by null, and where each stands.

    `foreign` are names that this platform does not know but another one does, with their places; `spoiled` names
    whose values were reported.
    """

    values: dict[str, Json]
    removed: frozenset[str]
    places: dict[str, int]
    foreign: dict[str, int]
    spoiled: frozenset[str]


NO_OPTIONS = OptionValues({}, frozenset(), {}, {}, frozenset())
"""Of a level that says nothing of options."""


def read_options(
    node: Map, platform: str, others: Iterable[str], report: Report, *, strangers: bool = False
) -> OptionValues:
    """Type the options of one level for a platform; `others` are platforms whose options may stand here too.

    `strangers`: so may options of networks that only a service knows.
    """
    accepted, readers = spellings(platform), _shape(PLATFORMS[platform]).values
    values: dict[str, Json] = {}
    removed: set[str] = set()
    places: dict[str, int] = {}
    foreign: dict[str, int] = {}
    spoiled = {accepted[each] for each in node.spoiled if each in accepted}
    tell = _Teller(node, report)
    for written, value in node.items():
        name = accepted.get(written)
        if name is None:
            at = node.key_at[written]
            if strangers or any(written in spellings(other) for other in others):
                foreign[written] = at
                continue
            every = sorted({platform, *others})  # one message, whichever of them is asked
            known = {each: name for other in every for each, name in spellings(other).items()}
            hint = suggestion(written, known) or f"known here: {', '.join(sorted(set(known.values())))}"
            report("unknown-key", at, f"{shown(written)} is no option of {' or '.join(every)}", hint)
        elif name in places:
            message = f"{shown(written)} is {name}, which stands here already"
            report("duplicate-key", node.key_at[written], message, "keep one of them")
        else:
            places[name] = node.value_at[written]
            if type(value) is Null:
                removed.add(name)
                continue
            try:
                read = readers[name](value)
            except Fault as error:
                spoiled.add(name)
                if not tell.full():
                    context = error.context or {}
                    at = context.get("at") or node.place(written)
                    report(error.type, at, context["message"], context.get("hint"))
            else:
                values[name] = list(read) if type(read) is tuple else read
    return OptionValues(values, frozenset(removed), places, foreign, frozenset(spoiled))


def read_open_options(node: Map, report: Report) -> OptionValues:
    """Take the options of one level as they are written, to be typed once the service has said what they are.

    Null takes one back; inside an option it is null. Places of what is inside an option are by dotted name.
    """
    values: dict[str, Json] = {}
    removed: set[str] = set()
    spoiled = set(node.spoiled)
    taken = _Written(report)
    for name, value in node.items():
        at = node.key_at[name]
        if not _OPTION.fullmatch(name):
            hint = "1 to 100 letters, digits, '.', '_' and '-', starting with a letter"
            report("bad-id", at, f"{shown(name)!r} is no name of an option", hint)
            spoiled.add(name)
        elif isinstance(value, Null):
            removed.add(name)
        else:
            written = taken.read(value, name, node.value_at[name])
            if taken.wrong:
                spoiled.add(name)
                taken.wrong = False
            else:
                values[name] = written
    places = taken.places | {name: node.value_at[name] for name in values}
    return OptionValues(values, frozenset(removed), places, {}, frozenset(spoiled))


class _Written:
    """Values as written: text, lists and mappings of such; `wrong` once one cannot be taken, which is reported."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.places: dict[str, int] = {}
        self.wrong = False

    def read(self, value: Node, path: str, at: int, depth: int = 0) -> Json:
        """One value; None where it is null, or wrong."""
        self.places[path] = at
        if isinstance(value, Null) or self.wrong:
            return None
        if len(self.places) > _MOST_VALUES:
            self.report("too-many", at, f"more than {_MOST_VALUES} values among the options of a post", None)
            self.wrong = True
        elif isinstance(value, str):
            return value
        elif isinstance(value, Map | Seq) and depth == _DEEPEST:
            self.report("too-deep", at, f"{shown(path)} is nested too deeply for an option", None)
            self.wrong = True
        elif not isinstance(value, Map | Seq):
            self.wrong = True  # and was reported already
        if self.wrong or not isinstance(value, Map | Seq):
            return None
        if isinstance(value, Seq):
            items = enumerate(zip(value, value.item_at, strict=True))
            return [self.read(each, f"{path}.{index}", place, depth + 1) for index, (each, place) in items]
        self.wrong = bool(value.spoiled)
        return {
            key: self.read(each, f"{path}.{key}", value.value_at[key], depth + 1)
            for key, each in value.items()
        }
