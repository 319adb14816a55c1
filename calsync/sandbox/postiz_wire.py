"""How Postiz reads requests and words its refusals, of which it has four shapes.

The shapes are measured: ``{message, error, statusCode}`` (``message`` a text or a list of them), ``{msg}``,
``{statusCode, provider, name, message}`` (the rule of a network) and ``{statusCode, message}``. The words of
most messages are the sandbox's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from calsync.sandbox.wire import Json, JsonObject, Refusal, to_ms

MOST_BODY = 100 * 1024
"""The longest JSON body in bytes; measured between 101 and 103 kB."""

_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)


def envelope(refusal: Refusal) -> Response:
    """Answer an error: the body that a refusal brings, or one of the framework's own."""
    if refusal.details is not None:
        return JSONResponse(refusal.details, refusal.status, refusal.headers)
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        body: JsonObject = {"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}
    elif refusal.code == "INTERNAL_ERROR":
        body = {"statusCode": refusal.status, "message": refusal.message}
    else:
        body = _framed(refusal.status, refusal.message)
    return JSONResponse(body, refusal.status, refusal.headers)


def invalid_body(messages: Sequence[str]) -> Refusal:
    """Refuse a body whose form is wrong, with all that is wrong with it."""
    return _refusal(_framed(400, list(messages)), 400)


def bad_request(message: str) -> Refusal:
    """Refuse with 400 and one text."""
    return _refusal(_framed(400, message), 400)


def not_found(message: str) -> Refusal:
    """Refuse with 404 and one text."""
    return _refusal(_framed(404, message), 404)


def said(status: int, msg: str) -> Refusal:
    """Refuse in the shape ``{msg}``."""
    return _refusal({"msg": msg}, status)


def provider_rule(network: str, name: str, message: str) -> Refusal:
    """Refuse because a network would not take it; ``name`` is the channel's."""
    return _refusal({"statusCode": 400, "provider": network, "name": name, "message": message}, 400)


def plain(status: int, message: str) -> Refusal:
    """Refuse in the shape ``{statusCode, message}``."""
    return _refusal({"statusCode": status, "message": message}, status)


def broken() -> Refusal:
    """Answer as a server does that fell over its own feet: 500."""
    return plain(500, "Internal server error")


def _framed(status: int, message: Json | list[str]) -> JsonObject:
    words: Json = [*message] if isinstance(message, list) else message
    return {"message": words, "error": HTTPStatus(status).phrase, "statusCode": status}


def _refusal(body: JsonObject, status: int) -> Refusal:
    return Refusal(status, "POSTIZ", json.dumps(body), details=body)


def parse_date(text: Json) -> int | None:
    """Read a date: an offset counts, no zone is UTC, no time is midnight, digits below a millisecond are cut."""
    if not isinstance(text, str) or not _DATE.fullmatch(text):
        return None
    try:
        read = datetime.fromisoformat(text)
        return to_ms(read if read.tzinfo else read.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


async def body_of(request: Request) -> JsonObject:
    """Read a JSON object of at most 100 KiB; what is no object is an empty one, whose fields are missing."""
    data = await request.body()
    if len(data) > MOST_BODY:
        raise plain(413, "request entity too large")
    try:
        value: Json = json.loads(data) if data else {}
    except ValueError:
        raise bad_request("Unexpected token in JSON") from None
    return value if isinstance(value, dict) else {}
