"""A JSON Schema that somebody else wrote -> one that is safe to use: finite, small, without references and patterns.

What is left out makes it take more, never less: alternatives that exclude each other become alternatives, a denial
is kept only where all of it is understood.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from calsync.model import Json

Schema: TypeAlias = "dict[str, Any]"
"""A JSON Schema (2020-12) of the keywords that are kept; `type` is a list."""

MAX_NODES = 2_000
"""Schemas, names and values that are kept of one description."""
MAX_DEPTH = 12
_MAX_TEXT = 1_000
_MAX_REFERENCES = 16
_LARGEST = 10**15

_TYPES = ("string", "boolean", "integer", "number", "array", "object", "null")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def pruned(described: Mapping[str, Json]) -> Schema:
    """What can be used of a schema."""
    return _Pruner(described).schema(dict(described), 0)


def kinds(schema: Schema) -> frozenset[str]:
    """The types that a pruned schema names at its own level; none: any."""
    return frozenset(schema.get("type", ()))


class _Pruner:
    """Copies a schema within bounds."""

    def __init__(self, root: Mapping[str, Json]) -> None:
        self.root = root
        self.left = MAX_NODES

    def schema(self, node: Json, depth: int) -> Schema:
        """One schema; {}, which takes all, for what is none, for a reference that leads nowhere, and beyond the bounds."""
        node = self._followed(node)
        self.left -= 1
        if not isinstance(node, dict) or depth > MAX_DEPTH or self.left < 0:
            return {}
        kept: Schema = {}
        self._plain(node, kept)
        properties = node.get("properties")
        if isinstance(properties, dict):
            kept["properties"] = self._named(properties, depth)
        required = node.get("required")
        if isinstance(required, list):
            names = {each for each in required if isinstance(each, str) and _named(each)}
            kept["required"] = sorted(names & kept.get("properties", {}).keys())
        if isinstance(node.get("items"), dict):
            kept["items"] = self.schema(node["items"], depth + 1)
        rest = node.get("additionalProperties")
        if isinstance(properties, dict) and len(kept["properties"]) < sum(
            each[:2] != "__" for each in properties
        ):
            rest = True  # Which names there are is not known to the end.
        if isinstance(rest, bool):
            kept["additionalProperties"] = rest or bool(node.get("patternProperties"))
        elif isinstance(rest, dict):
            kept["additionalProperties"] = self.schema(rest, depth + 1)
        self._combined(node, kept, depth)
        return kept

    def _followed(self, node: Json) -> Json:
        """Where a chain of references leads; None where that is nowhere inside this schema."""
        for _ in range(_MAX_REFERENCES):
            if not isinstance(node, dict) or "$ref" not in node:
                return node
            reference = node["$ref"]
            if not isinstance(reference, str) or not reference.startswith("#"):
                return None
            node = dict(self.root)
            for part in reference[1:].split("/")[1:]:
                name = part.replace("~1", "/").replace("~0", "~")
                node = node.get(name) if isinstance(node, dict) else None
        return None

    def _plain(self, node: dict[str, Json], kept: Schema) -> None:
        """The keywords that hold no schemas."""
        said = node.get("type")
        types = [each for each in (said if isinstance(said, list) else [said]) if each in _TYPES]
        if types:
            kept["type"] = [*types, *(["null"] if node.get("nullable") is True else [])]
        values = [node["const"]] if "const" in node else node.get("enum")
        if isinstance(values, list) and values and all(map(_scalar, values)) and len(values) <= self.left:
            self.left -= len(values)
            kept["enum"] = values
        for name in _COUNTS:
            count = node.get(name)
            if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _LARGEST:
                kept[name] = count
        for name in _NUMBERS:
            number = node.get(name)
            if isinstance(number, int | float) and not isinstance(number, bool) and _scalar(number):
                kept[name] = number
        if node.get("uniqueItems") is True:
            kept["uniqueItems"] = True

    def _named(self, properties: dict[str, Json], depth: int) -> dict[str, Schema]:
        found: dict[str, Schema] = {}
        for name, each in properties.items():
            if _named(name) and self.left > 0:
                found[name] = self.schema(each, depth + 1)
        return found

    def _combined(self, node: dict[str, Json], kept: Schema, depth: int) -> None:
        """Alternatives and conjunctions; what they say of names counts for the whole."""
        for word, name in (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf")):
            parts = node.get(word)
            if name in kept or not isinstance(parts, list) or not parts or len(parts) > max(self.left, 0):
                continue
            schemas = [self.schema(each, depth + 1) for each in parts]
            kept[name] = schemas
            names = [each["properties"] for each in schemas if "properties" in each]
            if names and (name == "allOf" or "properties" in kept or len(names) == len(schemas)):
                own = kept.setdefault("properties", {})
                for each in names:
                    # An alternative judges its own options; the whole only learns their names.
                    own.update({key: {} for key in each if key not in own})
        denied = node.get("not")
        if isinstance(denied, dict) and list(denied) == ["type"] and denied["type"] in _TYPES:
            kept["not"] = {"type": [denied["type"]]}


def _named(name: str) -> bool:
    """Whether a name can be an option's: those that begin with two underscores are the service's own business."""
    return 0 < len(name) <= 100 and not name.startswith("__")


def _scalar(value: Json) -> bool:
    """A value of moderate size that holds no others."""
    if isinstance(value, str):
        return len(value) <= _MAX_TEXT
    if isinstance(value, bool) or value is None:
        return True
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= _LARGEST
