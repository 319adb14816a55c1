"""Holds requests to an OpenAPI 3.0 description: the vendor's own about v2 is beside this file, as data.

OpenAPI 3.0's schemas are not JSON Schema (``nullable``, a boolean ``exclusiveMinimum``), so that a validator
for the latter would need translating first. This one knows the few keywords that occur here and refuses to
load a description with any other, so that a newer copy cannot go unchecked in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypedDict

from calsync.sandbox.wire import Json, JsonObject, Refusal, invalid, is_uuid, parse_instant, utf16_length

Schema = TypedDict(
    "Schema",
    {
        "$ref": str,
        "type": str,
        "nullable": bool,
        "enum": list[Json],
        "anyOf": list["Schema"],
        "format": str,
        "pattern": str,
        "minLength": int,
        "maxLength": int,
        "minimum": float,
        "maximum": float,
        "exclusiveMinimum": bool,
        "items": "Schema",
        "minItems": int,
        "maxItems": int,
        "required": list[str],
        "properties": dict[str, "Schema"],
        "additionalProperties": bool,
        "default": Json,
    },
    total=False,
)
"""The keywords that are understood."""


class _Media(TypedDict):
    schema: Schema


class _Body(TypedDict, total=False):
    required: bool
    content: dict[str, _Media]


_Parameter = TypedDict("_Parameter", {"name": str, "in": str, "required": bool, "schema": Schema})


class Operation(TypedDict, total=False):
    """One method of one path."""

    parameters: list[_Parameter]
    requestBody: _Body
    responses: dict[str, _Body]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that keeps to the description; numbers in the query are numbers, defaults are filled in."""

    path: Mapping[str, str]
    query: Mapping[str, Json]
    body: JsonObject


class Description:
    """What requests and answers have to look like."""

    def __init__(
        self, operations: Mapping[str, Mapping[str, Operation]], schemas: Mapping[str, Schema]
    ) -> None:
        """Take operations by path and method, and the schemas that they refer to."""
        self._operations = operations
        self._schemas = schemas
        for schema in self._all_schemas():
            _learn(schema)

    @classmethod
    def read(cls, name: str) -> Description:
        """Read one of the descriptions beside this file."""
        document = json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
        return cls(document["paths"], document["components"]["schemas"])

    def takes_body(self, method: str, path: str) -> bool:
        """Tell whether an operation has a body."""
        return "requestBody" in self._operations[path][method.lower()]

    def request(
        self, method: str, path: str, *, params: Mapping[str, str], query: Mapping[str, str], body: JsonObject
    ) -> Asked:
        """Hold a request to its operation; parameters that are not described are left alone."""
        operation = self._operations[path][method.lower()]
        asked: dict[str, Json] = {}
        for parameter in operation.get("parameters", ()):
            name, schema = parameter["name"], parameter["schema"]
            if parameter["in"] == "query" and name in query:
                asked[name] = _number(query[name]) if schema.get("type") == "integer" else query[name]
                self.check(schema, asked[name], name)
            elif parameter["in"] == "query" and "default" in schema:
                asked[name] = schema["default"]
            elif parameter["in"] == "path":
                self.check(schema, params[name], name)
        for media in operation.get("requestBody", _Body()).get("content", {}).values():
            self.check(media["schema"], body, "")
        return Asked(path=params, query=asked, body=body)

    def answer(self, method: str, path: str, status: int, body: Json) -> None:
        """Hold one of the sandbox's own answers to what is described of it, which is nothing for many."""
        described = self._operations[path][method.lower()].get("responses", {})[str(status)]
        for media in described.get("content", {}).values():
            try:
                self.check(media["schema"], body, "")
            except Refusal as refusal:
                raise ValueError(f"the answer is not as it is described: {refusal.message}") from refusal

    def check(self, schema: Schema, value: Json, where: str) -> None:
        """Hold a value to a schema; the first rule it breaks is refused with 400."""
        if "$ref" in schema:
            self.check(self._schemas[schema["$ref"].rpartition("/")[2]], value, where)
            return
        if value is None and schema.get("nullable"):
            return
        if "type" in schema and not _IS_A[schema["type"]](value):
            raise invalid(where or "body", f"{schema['type']} is required")
        if "enum" in schema and value not in schema["enum"]:
            raise invalid(where, " | ".join(map(str, schema["enum"])))
        if "anyOf" in schema and not any(self._fits(each, value) for each in schema["anyOf"]):
            raise invalid(where, "it is of none of the kinds that are allowed")
        if isinstance(value, str):
            _check_text(schema, value, where)
        elif isinstance(value, list):
            _check_span(len(value), schema.get("minItems"), schema.get("maxItems"), where, "items")
            for index, item in enumerate(value):
                self.check(schema.get("items", Schema()), item, f"{where}[{index}]")
        elif isinstance(value, dict):
            self._check_object(schema, value, where)
        elif isinstance(value, int | float):
            least = schema.get("minimum")
            if schema.get("exclusiveMinimum") and value == least:
                raise invalid(where, f"more than {least}")
            _check_span(value, least, schema.get("maximum"), where, "")

    def _check_object(self, schema: Schema, value: JsonObject, where: str) -> None:
        properties = schema.get("properties", {})
        prefix = f"{where}." if where else ""
        for name in schema.get("required", ()):
            if name not in value:
                raise invalid(prefix + name, "it is required")
        for name, item in value.items():
            if name in properties:
                self.check(properties[name], item, prefix + name)
            elif not schema.get("additionalProperties", True):
                raise invalid(prefix + name, "there is no such field here")

    def _fits(self, schema: Schema, value: Json) -> bool:
        try:
            self.check(schema, value, "")
        except Refusal:
            return False
        return True

    def _all_schemas(self) -> Iterable[Schema]:
        yield from self._schemas.values()
        for methods in self._operations.values():
            for operation in methods.values():
                yield from (parameter["schema"] for parameter in operation.get("parameters", ()))
                bodies = [operation.get("requestBody", _Body()), *operation.get("responses", {}).values()]
                for body in bodies:
                    yield from (media["schema"] for media in body.get("content", {}).values())


_Test: TypeAlias = Callable[[Json], bool]


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_IS_A: Mapping[str, _Test] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _is_number,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_FORMATS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "uuid": (is_uuid, "a UUID is required"),
    "date-time": (
        lambda text: parse_instant(text) is not None,
        "an ISO 8601 time with Z or an offset is required",
    ),
}


def _check_text(schema: Schema, text: str, where: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise invalid(where, "half a character")
    # UTF-16 units, as the vendor's language counts: never fewer than JSON Schema's characters.
    _check_span(utf16_length(text), schema.get("minLength"), schema.get("maxLength"), where, "characters")
    if "pattern" in schema and not re.search(schema["pattern"], text):
        raise invalid(where, f"it does not match {schema['pattern']}")
    if "format" in schema:
        fits, rule = _FORMATS[schema["format"]]
        if not fits(text):
            raise invalid(where, rule)


def _check_span(number: float, least: float | None, most: float | None, where: str, unit: str) -> None:
    if least is not None and number < least:
        raise invalid(where, f"at least {least} {unit}".strip())
    if most is not None and number > most:
        raise invalid(where, f"at most {most} {unit}".strip())


def _number(text: str) -> Json:
    return int(text) if re.fullmatch(r"-?\d{1,9}", text, re.ASCII) else text


def _learn(schema: Schema) -> None:
    """Refuse a schema with a keyword, type or format that would not be checked."""
    strange = schema.keys() - Schema.__annotations__.keys()
    if schema.get("type", "string") not in _IS_A:
        strange |= {schema["type"]}
    if schema.get("format", "uuid") not in _FORMATS:
        strange |= {schema["format"]}
    if strange:
        raise ValueError(f"the description uses {', '.join(sorted(strange))}, which nothing here checks")
    for inner in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
        _learn(inner)
    if "items" in schema:
        _learn(schema["items"])
