"""Answers as a service that is not quite the documented one would give them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from calsync.sandbox.faults import FaultKind
from calsync.sandbox.wire import Json, JsonObject

STRANGE = "simmering"
"""A status that no document knows."""

_EXTRA: JsonObject = {"futureFlag": True, "futureList": [{"id": "x"}, None], "futureText": "\u202eüb\u0000"}


def changed(kind: FaultKind, value: Json, field: str, before: Sequence[Json]) -> Json:
    """Change a JSON body as a fault of this kind does; ``before``: the entries of the last list that was shown."""
    if kind == "duplicate":
        return _doubled(value, before)
    if isinstance(value, list):
        return [changed(kind, each, field, ()) for each in value]
    if not isinstance(value, dict):
        return value
    inner = {name: changed(kind, each, field, ()) for name, each in value.items()}
    if kind == "unknown_status":
        return {
            name: STRANGE if name in ("status", "state") and isinstance(each, str) else each
            for name, each in inner.items()
        }
    if kind == "extra_fields":
        return {**_EXTRA, **inner}
    return {name: each for name, each in inner.items() if name != field}


def entries(value: Json) -> list[Json]:
    """The objects of the list that an answer shows, if it shows one."""
    if isinstance(value, list):
        return [each for each in value if isinstance(each, dict)]
    held = value.values() if isinstance(value, dict) else ()
    return next((found for each in held if isinstance(each, list) and (found := entries(each))), [])


def _doubled(value: Json, before: Sequence[Json]) -> Json:
    if isinstance(value, list):
        listed = [each for each in value if isinstance(each, dict)]
        return [*before, *value, *listed]
    if not isinstance(value, dict):
        return value
    return {name: _doubled(each, before) if isinstance(each, list) else each for name, each in value.items()}
