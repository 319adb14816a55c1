"""Options as written -> options as a network takes them, typed by the JSON Schema that a service has of it. Pure.

The schema is a service's and is not trusted: what is kept of it is finite and small, refers to nothing outside
itself, and holds no pattern. What is left out only means that the service judges it by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from calsync.fields import suggestion
from calsync.model import Json, Options
from calsync.schemas import Schema, kinds, pruned
from calsync.textfile import shown

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

OWN = "settings."
"""Before a name: the network's own option of that name, where the service has one for all networks too."""
MOST_PROBLEMS = 20
"""Of one post."""

_EVERYWHERE: Mapping[str, Schema] = {
    "tags": {"type": ["array"], "items": {"type": ["string"], "minLength": 1}, "minItems": 1, "uniqueItems": True},
    "short_link": {"type": ["boolean"]},
}  # fmt: skip
"""Options that posts have on every network of an open service."""

_WORDS = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,14}")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")

Path: TypeAlias = "tuple[str | int, ...]"


class Problem(NamedTuple):
    """What is wrong with an option. `path`: the option as written and what inside it, dotted; empty: one is missing."""

    code: str
    path: str
    message: str
    hint: str | None = None


@dataclass(frozen=True)
class Network:
    """A network as the service describes it. `schema`: None where nothing is known of its options."""

    name: str
    schema: Schema | None = None

    @classmethod
    def of(cls, name: str, described: Mapping[str, Json] | None) -> Network:
        """Keep what can be used of a description."""
        schema = pruned(described) if described is not None else None
        return cls(name, schema if schema is not None and "properties" in schema else None)

    def knows(self, name: str) -> bool:
        """Whether it may have an option of this name."""
        return (
            self.schema is None or name in _EVERYWHERE or name.removeprefix(OWN) in self.options or self._open
        )

    @cached_property
    def options(self) -> Mapping[str, Schema]:
        """Its own options by name; none where nothing is known of them."""
        return {} if self.schema is None else self.schema["properties"]

    @property
    def _open(self) -> bool:
        return self.schema is not None and self.schema.get("additionalProperties") not in (None, False)

    @cached_property
    def _whole(self) -> Schema:
        """What the options of a post are held against: names are judged before."""
        return {key: each for key, each in (self.schema or {}).items() if key != "additionalProperties"}

    def typed(self, written: Mapping[str, Json]) -> tuple[Options, tuple[Problem, ...]]:
        """The options with their types, as far as they could be told, and what is wrong with them.

        Where nothing is known of the network, each is the text that it was written as.
        """
        reading = _Reading(self)
        for name, value in written.items():
            reading.take(name, value)
        if self.schema is not None:
            reading.hold(self._whole, reading.settings, ())
        for name, value in reading.common.items():
            reading.hold(_EVERYWHERE[name], value, (name,))
        options = reading.common | {
            OWN + name if name in _EVERYWHERE else name: value for name, value in reading.settings.items()
        }
        return Options(options), tuple(reading.problems[:MOST_PROBLEMS])


@dataclass
class _Reading:
    """The options of one post on their way."""

    network: Network
    common: dict[str, Json] = field(default_factory=dict)
    settings: dict[str, Json] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)
    """The network's name of an option -> as it was written."""

    def take(self, name: str, value: Json) -> None:
        """Put an option where it belongs, typed."""
        if name in _EVERYWHERE:
            self.common[name] = _typed(value, _EVERYWHERE[name])
            return
        own = name.removeprefix(OWN)
        if own in self._names:
            message = f"{shown(name)} is {shown(self._names[own])}, which is set already"
            self.problems.append(Problem("duplicate-key", name, message, "keep one of them"))
            return
        if not self.network.knows(name) or not own or own.startswith("__"):
            known = {*self.network.options, *_EVERYWHERE}
            hint = suggestion(name, known) or f"known here: {_listed(known)}"
            message = f"{shown(self.network.name)} has no option {shown(name)}"
            self.problems.append(Problem("unknown-key", name, message, hint))
        self._names[own] = name
        rest = (self.network.schema or {}).get("additionalProperties")
        schema = self.network.options.get(own, rest if isinstance(rest, dict) else {})
        self.settings[own] = _typed(value, schema)

    def hold(self, schema: Schema, value: Json, path: Path) -> None:
        """Note what a schema has against a value."""
        for error in _validator(schema).iter_errors(value):
            at = (*path, *error.absolute_path)
            if at and not path:
                at = (self._names.get(str(at[0]), str(at[0])), *at[1:])
            self.problems += _objections(error, at, self.network.name)
            if len(self.problems) > MOST_PROBLEMS:
                return


def as_recorded(written: Mapping[str, Json], typed: Options, recorded: Mapping[str, Json]) -> Options:
    """The options, those that are written as they were when they were typed before with the types that they had then."""
    same = {
        name: recorded[name]
        for name in typed
        if name in recorded
        and _spelled_alike(written.get(name, written.get(name.removeprefix(OWN))), recorded[name])
    }
    return Options({**typed, **same})


def _spelled_alike(written: Json, typed: Json) -> bool:
    if isinstance(written, str):
        if isinstance(typed, bool):
            return written.casefold() == str(typed).casefold()
        if isinstance(typed, int | float):
            return _NUMBER.fullmatch(written) is not None and float(written) == typed
        return written == typed
    if isinstance(written, list) and isinstance(typed, list):
        return len(written) == len(typed) and all(map(_spelled_alike, written, typed))
    if isinstance(written, dict) and isinstance(typed, dict):
        return written.keys() == typed.keys() and all(
            _spelled_alike(each, typed[name]) for name, each in written.items()
        )
    return written is None and typed is None


def _validator(schema: Schema) -> Validator:
    # It takes a fifth of a second to import, and only who posts to a network with a schema needs it.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema)


def _typed(value: Json, schema: Schema) -> Json:
    """The value as the schema means its text; text that fits nothing stays what it is."""
    value = _own(value, schema)
    for each in schema.get("allOf", ()):
        value = _typed(value, each)
    choices: Sequence[Schema] = schema.get("anyOf", ())
    tried = [_typed(value, each) for each in choices]
    fitting = (each for each, choice in zip(tried, choices, strict=True) if _validator(choice).is_valid(each))
    return next(fitting, value)


def _own(value: Json, schema: Schema) -> Json:
    if isinstance(value, str):
        return _scalar(value, schema)
    if isinstance(value, list):
        items = schema.get("items", {})
        return [_typed(each, items) for each in value]
    if isinstance(value, dict):
        named, rest = schema.get("properties", {}), schema.get("additionalProperties")
        other: Schema = rest if isinstance(rest, dict) else {}
        return {name: _typed(each, named.get(name, other)) for name, each in value.items()}
    return value


def _scalar(text: str, schema: Schema) -> Json:
    """Text where text may stand, else the truth or number that it spells."""
    values: Sequence[Json] = schema.get("enum", ())
    if values:
        return next((each for each in values if _spelled_alike(text, each)), text)
    wanted = kinds(schema)
    if not wanted or "string" in wanted:
        return text
    if "boolean" in wanted and text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    if wanted & {"integer", "number"} and _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if "number" in wanted and _NUMBER.fullmatch(text) else text


def _objections(error: ValidationError, at: Path, network: str) -> Iterator[Problem]:
    """One of the library's errors in our words."""
    path, value = ".".join(map(str, at)), _json(error.instance)
    name = shown(path or "this post", 80)
    limit, schema = _json(error.validator_value), error.schema
    listed = limit if isinstance(limit, list) else []
    assert isinstance(schema, dict)
    match error.validator:
        case "required":
            for each in map(str, listed):
                if not isinstance(value, dict) or each in value:
                    continue
                inner = f"{name}: " if path else ""
                message = f"{inner}{shown(network)} needs {shown(each)}, which is not set"
                yield Problem("missing-key", path, message, _hint(schema["properties"].get(each, {}), each))
        case "additionalProperties":
            known = schema.get("properties", {})
            for each in value if isinstance(value, dict) else ():
                if each not in known:
                    hint = suggestion(each, list(known)) or f"known here: {_listed(known)}"
                    message = f"{name} has no {shown(each)}"
                    yield Problem("unknown-key", f"{path}.{each}", message, hint)
        case "enum":
            words = [_spelled(each) for each in listed]
            message = f"{name}: expected {_listed(words, 'or')}, found {_found(value)}"
            yield Problem("bad-value", path, message, suggestion(str(value), words))
        case "type" | "anyOf" | "not":
            wanted = sorted({_WORDS[each] for each in _wanted(schema)})
            expected = f"expected {' or '.join(wanted)}" if wanted else "this value does not fit"
            yield Problem(
                "wrong-type", path, f"{name}: {expected}, found {_found(value)}", _mend(value, wanted)
            )
        case "maxLength" | "maxItems" as which:
            what = "characters" if which == "maxLength" else "values"
            message = f"{name} has {_size(value)} {what}; {shown(network)} takes at most {limit}"
            yield Problem("too-long", path, message)
        case "minLength" | "minItems" as which:
            what = "characters" if which == "minLength" else "values"
            message = f"{name} has {_size(value)} {what}; {shown(network)} wants at least {limit}"
            yield Problem("bad-value", path, message)
        case "uniqueItems":
            yield Problem("repeated", path, f"{name} holds a value twice", "keep one of them")
        case _:
            law = {"minimum": "at least", "maximum": "at most"}.get(
                str(error.validator), str(error.validator)
            )
            yield Problem(
                "bad-value", path, f"{name} is {_found(value)}; {shown(network)} wants {law} {limit}"
            )


def _json(instance: object) -> Json:
    """What the library looked at, which came from us as JSON."""
    if isinstance(instance, str | int | float | list | dict):
        return instance
    return None


def _size(value: Json) -> int:
    return len(value) if isinstance(value, str | list) else 0


def _wanted(schema: Schema) -> Iterable[str]:
    """The types that a schema takes at its own level."""
    found = set(kinds(schema))
    for each in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        found |= set(_wanted(each))
    return found


def _hint(schema: Schema, name: str) -> str | None:
    """What may be written for an option that is missing."""
    if "enum" in schema:
        return f"such as {shown(name)}: {shown(str(_spelled(schema['enum'][0])))}; one of {_listed(map(_spelled, schema['enum']))}"
    wanted = [_WORDS[each] for each in kinds(schema)]
    return f"{shown(name)}: {' or '.join(wanted)}" if wanted else None


def _mend(value: Json, wanted: Sequence[str]) -> str | None:
    if isinstance(value, str) and "a list" in wanted:
        return f"write [{shown(value, 40)}]"
    if (
        isinstance(value, str)
        and "true or false" in wanted
        and value.casefold() in ("yes", "on", "no", "off")
    ):
        return f"write {'true' if value.casefold() in ('yes', 'on') else 'false'}"
    return 'quote it ("null") if that text is meant' if value is None and "text" in wanted else None


def _spelled(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def _found(value: Json) -> str:
    if isinstance(value, str):
        return shown(repr(value), 50)
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    return "nothing" if value is None else shown(_spelled(value))


def _listed(words: Iterable[str], last: str = "and", most: int = 12) -> str:
    """A few words, sorted by nothing but their own order where they have one."""
    found = sorted(words) if isinstance(words, set | frozenset | Mapping) else list(words)
    more = len(found) - most
    named = [shown(each) for each in found[:most]] + ([f"{more} more"] if more > 0 else [])
    if len(named) < 2:
        return "".join(named) or "none"
    return f"{', '.join(named[:-1])} {last} {named[-1]}"
