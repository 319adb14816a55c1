"""What both services need to read requests and write answers: JSON values, instants, refusals.

Instants are whole milliseconds since 1970 in UTC inside the sandbox, and ISO 8601 with a ``Z`` outside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from starlette.requests import Request

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
JsonObject: TypeAlias = "dict[str, Json]"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)

PRIVACY_LEVELS = ("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY")
"""TikTok's four, the same at both services."""


class Refusal(Exception):
    """A request that a service turns down; each service gives it its own envelope."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: JsonObject | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what the envelope needs."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = dict(headers or {})


def invalid(field: str, rule: str) -> Refusal:
    """Refuse with 400 because a field breaks a rule; both services call that ``VALIDATION_ERROR`` here.

    For Postqued v1 the code is not documented; TikFlow's overview page names code and details.
    """
    return Refusal(400, "VALIDATION_ERROR", f"{field}: {rule}", details={"field": field, "constraint": rule})


def to_ms(instant: datetime) -> int:
    """Turn an aware datetime into milliseconds; a naive one is refused, because its zone would be a guess."""
    if instant.tzinfo is None:
        raise ValueError("the sandbox takes only datetimes with a time zone")
    return (instant - _EPOCH) // _MILLISECOND


def to_datetime(ms: int) -> datetime:
    """Turn milliseconds into an aware datetime in UTC."""
    return _EPOCH + ms * _MILLISECOND


def iso(ms: int) -> str:
    """Write an instant as the services do in their examples: ``2025-01-25T14:30:00.000Z``."""
    return to_datetime(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: Json) -> int | None:
    """Read ISO 8601 with a ``Z`` or an offset; None for all else, such as ``+00:00Z`` and naive times."""
    if not isinstance(text, str) or not _INSTANT.fullmatch(text):
        return None
    try:
        return to_ms(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


async def json_object(request: Request) -> JsonObject:
    """Read a request's body, which has to be a JSON object."""
    try:
        value: Json = json.loads(await request.body())
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise invalid("body", "a JSON object is required")
    return value


def text_field(body: Mapping[str, Json], name: str, *, longest: int | None = None) -> str:
    """Read a required string of 1 to ``longest`` UTF-16 units (TikTok's measure)."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(name, "a string is required")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise invalid(name, "half a character")
    if longest is not None and utf16_length(value) > longest:
        raise invalid(name, f"at most {longest} characters")
    return value


def uuid_field(body: Mapping[str, Json], name: str) -> str:
    """Read a required UUID."""
    value = text_field(body, name)
    if not is_uuid(value):
        raise invalid(name, "a UUID is required")
    return value.lower()


def is_uuid(text: str) -> bool:
    """Tell whether a text is a UUID in its usual spelling."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def utf16_length(text: str) -> int:
    """Count UTF-16 units, which is how TikTok counts captions."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
