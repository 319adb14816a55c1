"""Kinds of values in a person's YAML: each turns the text as written into its type, or says what was expected.

A kind is an `Annotated` type for pydantic that carries its JSON Schema for editors.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from calsync import zones
from calsync.document import HOLE, Map, Null, Seq
from calsync.model import DriftPolicy, Intent, RemoteMedia
from calsync.textfile import forbidden, shown

IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
NETWORK = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

T = TypeVar("T")

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,9}")
_DURATION = re.compile(
    r"(?:(?P<d>[0-9]{1,4})d)?(?:(?P<h>[0-9]{1,5})h)?(?:(?P<m>[0-9]{1,6})m)?(?:(?P<s>[0-9]{1,8})s)?"
)
_PERCENT = re.compile(r"(?P<number>[0-9]{1,3}(?:\.[0-9]{1,3})?) ?%")


Fault = PydanticCustomError
"""What a reader of values raises."""
Reader: TypeAlias = Callable[[Any], Any]
"""The text as written, or a list or mapping of such -> its type. Raises Fault."""


def fault(code: str, message: str, hint: str | None = None, at: int | None = None) -> Fault:
    """A problem of a value; `at` is its place where that is inside the value."""
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint, "at": at})


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """What a misspelled name may have meant, or None. A mapping of `known` names gives what to call each."""
    meant = known if isinstance(known, Mapping) else {each: each for each in known}
    folded = {each.casefold(): meant[each] for each in sorted(meant, reverse=True)}
    near = difflib.get_close_matches(name[:80].casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[near[0]]}?" if near else None


def found(value: object) -> str:
    """What stands there, in words."""
    if isinstance(value, Null) and not value:
        return "nothing"
    if isinstance(value, str):
        return shown(repr(str(value)), 50)
    return "a list" if isinstance(value, list) else "a mapping"


def plain_text(value: object) -> str:
    """Text as it is written. Raises a fault for anything else."""
    if type(value) is str:
        return value
    if type(value) is Null:
        if value:
            return str(value)
        raise fault("empty-value", "there is no value here", 'write the value; "" is an empty text')
    hint = "quote text that starts with [ or {" if isinstance(value, (list, dict)) else None
    raise fault("wrong-type", f"expected text, found {found(value)}", hint)


def _filled(value: object) -> str:
    text = plain_text(value).strip()
    if not text:
        raise fault("empty-value", "expected some text, found none")
    bad = forbidden(text) or ("\\n" if "\n" in text else None)
    if bad:
        raise fault("wrong-type", f"expected one line of text, found {bad} in it")
    return text


def _line(value: object) -> str:
    text = plain_text(value).strip()
    if "\n" in text or "\r" in text:
        raise fault("wrong-type", "expected one line of text, found several")
    return text


def _flag(value: object) -> bool:
    word = value.casefold() if isinstance(value, str) else ""
    if word in ("true", "false"):
        return word == "true"
    raise fault("wrong-type", f"expected true or false, found {found(value)}", _flag_hint(word))


def _flag_hint(word: str) -> str | None:
    if word in ("yes", "on", "y", "1"):
        return "write true"
    return "write false" if word in ("no", "off", "n", "0") else None


def _integer(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, str) and _INTEGER.fullmatch(value) and least <= int(value) <= most:
            return int(value)
        raise fault("wrong-type", f"expected a whole number from {least} to {most}, found {found(value)}")

    return read


def _choice(*words: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if isinstance(value, str) and value in words:
            return str(value)
        hint = suggestion(value, words) if isinstance(value, str) else None
        raise fault(
            "bad-value", f"expected {', '.join(words[:-1])} or {words[-1]}, found {found(value)}", hint
        )

    return read


def _identifier(value: object) -> str:
    text = plain_text(value)
    if IDENTIFIER.fullmatch(text):
        return text
    hint = "1 to 64 of a-z, 0-9, '.', '_' and '-', starting with a letter or digit"
    plain = re.sub(r"[^a-z0-9._-]+", "-", text.casefold()).strip("-._")[:64]
    if plain and IDENTIFIER.fullmatch(plain):
        hint += f": {plain}"
    raise fault("bad-id", f"{found(text)} cannot be used as a name", hint)


def _at(value: object) -> datetime:
    try:
        return zones.parse_at(plain_text(value).strip())
    except zones.BadTime as error:
        raise fault(error.code, error.message, error.hint) from error


def _zone(value: object) -> str:
    try:
        return zones.load_zone(plain_text(value)).key
    except zones.BadTime as error:
        raise fault(error.code, error.message, error.hint) from error


def _span(value: object) -> timedelta:
    text = value if isinstance(value, str) else ""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise fault("wrong-type", f"expected a span such as 90s, 15m or 2h, found {found(value)}")
    days, hours, minutes, seconds = (int(match[unit] or 0) for unit in "dhms")
    span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if span > timedelta(days=365):
        raise fault("bad-value", f"{shown(text)} is more than a year")
    return span


def _amount(value: object) -> int | float:
    text = value if isinstance(value, str) else ""
    percent = _PERCENT.fullmatch(text)
    if percent and float(percent["number"]) <= 100:
        return float(percent["number"]) / 100
    if _INTEGER.fullmatch(text) and int(text) >= 0:
        return int(text)
    raise fault("wrong-type", f"expected a number of posts or a share such as 20%, found {found(value)}")


def items(value: object, what: str) -> list[tuple[object, int]]:
    """The items of a list with their places, those left out that were reported already."""
    if not isinstance(value, Seq):
        hint = f"write [{shown(value, 40)}]" if isinstance(value, str) and value else None
        raise fault("wrong-type", f"expected a list of {what}, found {found(value)}", hint)
    if not value:
        raise fault("empty-value", f"expected a list of {what}, found an empty one")
    return [(each, at) for each, at in zip(value, value.item_at, strict=True) if each is not HOLE]


def inside(read: Callable[[object], T], value: object, at: int) -> T:
    """Read a part of a value; its problems stand at its own place, or at that of a part of it."""
    try:
        return read(value)
    except Fault as error:
        context = dict(error.context or {})
        raise fault(error.type, context["message"], context["hint"], context["at"] or at) from error


def _each(read: Callable[[object], str], what: str) -> Callable[[object], tuple[str, ...]]:
    """A reader of a list without repetitions."""

    def whole(value: object) -> tuple[str, ...]:
        seen: dict[str, None] = {}
        for each, at in items(value, what):
            text = inside(read, each, at)
            if text in seen:
                raise fault("repeated", f"{shown(text)} is in this list twice", "keep one of them", at)
            seen[text] = None
        return tuple(seen)

    return whole


def _one_or_more(read: Callable[[object], str], what: str) -> Callable[[object], tuple[str, ...]]:
    several = _each(read, what)
    return lambda value: several(value) if isinstance(value, Seq) else (read(value),)


def _previous(value: object) -> str:
    text = plain_text(value)
    parts = text.split("/")
    if len(parts) <= 2 and all(IDENTIFIER.fullmatch(part) for part in parts):
        return text
    raise fault("bad-id", f"{found(text)} is no former name", "write an id, or calendar/id")


def media_names(value: object) -> tuple[str, ...] | RemoteMedia:
    """The names of files, or the id of content that the service has. Raises a fault for anything else."""
    if isinstance(value, Map):
        unknown = next((key for key in value if key != "id"), None)
        if unknown is not None:
            at = value.key_at[unknown]
            raise fault(
                "unknown-key",
                f"{shown(unknown)} is no field of media",
                "content the service has is {id: ...}",
                at,
            )
        if "id" not in value:
            raise fault("missing-key", "media given as a mapping needs an id", "write {id: ...}, or a path")
        return RemoteMedia(inside(_remote_id, value["id"], value.place("id")))
    if isinstance(value, Seq):
        names: list[str] = []
        for each, at in items(value, "files"):
            if isinstance(each, Map):
                hint = "content that the service has is one {id: ...}, not a list"
                raise fault("wrong-type", "a list of media holds file names only", hint, at)
            names.append(inside(_filled, each, at))
        return tuple(names)
    return (_filled(value),)


def _remote_id(value: object) -> str:
    text = _filled(value)
    if len(text) > 200 or any(each.isspace() or not each.isprintable() for each in text):
        raise fault("bad-id", f"{found(text)} is no id of a service")
    return text


def _network(value: object) -> str:
    text = _filled(value)
    if NETWORK.fullmatch(text):
        return text
    hint = "1 to 40 of a-z, 0-9 and '-', starting with a letter or digit, such as linkedin-page"
    raise fault("bad-value", f"{found(text)} is no network's name", hint)


def _mapping(value: object) -> Map:
    if isinstance(value, Map):
        return value
    raise fault("wrong-type", f"expected a mapping (KEY: VALUE lines), found {found(value)}")


class Kind:
    """Metadata of an `Annotated` type: how the value is read, and its JSON Schema for editors."""

    def __init__(self, read: Reader, **schema: Any) -> None:
        self.read = read
        self.schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return dict(self.schema)


def whole_number(least: int, most: int) -> Kind:
    """A whole number within bounds, both included."""
    return Kind(_integer(least, most), type="integer", minimum=least, maximum=most)


def one_of(*words: str) -> Kind:
    """One of a few words."""
    return Kind(_choice(*words), type="string", enum=list(words))


SCALAR = ["string", "number", "boolean"]  # an editor types scalars by YAML's rules; we take their text
_NAME = {"type": ["string", "number"]}
_SOME = {"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]}

Text = Annotated[str, Kind(plain_text, type=SCALAR)]
"""Text of any length, as written."""
Line = Annotated[str, Kind(_line, type=SCALAR)]
"""One line of text."""
Filled = Annotated[str, Kind(_filled, type=SCALAR, minLength=1)]
"""One line of text that is not empty."""
RemoteName = Annotated[str, Kind(_remote_id, **_NAME, minLength=1)]
"""An id that a service gave."""
Identifier = Annotated[str, Kind(_identifier, **_NAME, pattern=f"^{IDENTIFIER.pattern}$")]
"""Our own names: of calendars and posts."""
Network = Annotated[str, Kind(_network, type="string", pattern=f"^{NETWORK.pattern}$")]
"""A network, by whatever name a service has for it."""
Flag = Annotated[bool, Kind(_flag, type="boolean")]
At = Annotated[datetime, Kind(_at, type="string")]
Zone = Annotated[str, Kind(_zone, type="string")]
Span = Annotated[timedelta, Kind(_span, type="string", pattern="^([0-9]+[dhms])+$")]
Amount = Annotated[
    int | float,
    Kind(_amount, anyOf=[{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9.]+ ?%$"}]),
]
"""A number (int), or a share from 0 to 1 (float)."""
Names = Annotated[
    tuple[str, ...],
    Kind(_each(_filled, "names"), type="array", items=_NAME, minItems=1, uniqueItems=True),
]
OneOrMore = Annotated[tuple[str, ...], Kind(_one_or_more(_filled, "names"), **_SOME)]
Previously = Annotated[tuple[str, ...], Kind(_one_or_more(_previous, "former names"), **_SOME)]
FormerCalendars = Annotated[tuple[str, ...], Kind(_one_or_more(_identifier, "former names"), **_SOME)]
MediaNames = Annotated[
    tuple[str, ...] | RemoteMedia,
    Kind(
        media_names,
        anyOf=[
            {"type": "string", "description": "one video or one image"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 35},
            {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "description": "content that the service already has"}
                },
                "required": ["id"],
                "additionalProperties": False,
            },
        ],
    ),
]
Nested = Annotated[Map, Kind(_mapping, type="object")]
"""A mapping that is read later, once it is known what it belongs to."""
IntentWord = Annotated[str, one_of(*(each.value for each in Intent))]
DriftWord = Annotated[str, one_of(*(each.value for each in DriftPolicy))]
