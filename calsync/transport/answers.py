"""What comes back: one parser for both services' error envelopes, for waits that they ask for, and for foreign text."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from calsync.model import Json
from calsync.transport.redaction import Redactor

_LONGEST_MESSAGE = 300
_LONGEST_CODE = 64
_LONGEST_READ = 4096
_MOST_MARKS = 600_000
"""Commas and opening brackets in one answer: ten thousand posts have half as many."""
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """A service's answer: `headers` by lower-case name, `body` parsed from JSON, None where there was none."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = None


def parsed(raw: bytes) -> Json:
    """Read a JSON body; None for an empty one.

    Raises ValueError for anything else: numbers that are none, text that is not UTF-8, and what would only fill
    the memory or the stack.
    """
    if not raw.strip():
        return None
    if sum(map(raw.count, (b",", b"[", b"{"))) > _MOST_MARKS:
        raise ValueError("too many values")
    try:
        value: Json = json.loads(raw.decode("utf-8-sig"), parse_constant=_no_number, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    _require_shallow(value)
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number beyond all bounds")
    return number


def _require_shallow(value: Json) -> None:
    """Raise ValueError for what is nested more deeply than readers, which call themselves, can follow."""
    level: list[Json] = [value]
    for _ in range(_DEEPEST):
        inner: list[Json] = []
        for each in level:
            held = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
            inner += [one for one in held if isinstance(one, (dict, list))]
        if not inner:
            return
        level = inner
    raise ValueError("nested too deeply")


def refusal(body: Json, raw: bytes) -> tuple[str | None, str | None]:
    """Message and code of an error answer, in whichever envelope.

    Postqued: `{"error": "text", "code": "CODE"}`. TikFlow: `{"success": false, "error": {"code", "message",
    "details"}}`. Postiz: `{"message": "text" or ["text"], "error": "Bad Request"}`, also with `provider` and `name`
    of a channel, or `{"msg": "text"}`. A page that a proxy put in between is told as such.
    """
    if not isinstance(body, dict):
        page = raw[: 4 * _LONGEST_MESSAGE].decode("utf-8", "replace").strip()
        return ("a page of markup, not the API's JSON" if page.startswith("<") else page or None), None
    inner = body.get("error")
    fields: Mapping[str, Json] = inner if isinstance(inner, dict) else body
    said = fields.get("message", body.get("msg"))
    if isinstance(said, list):
        said = "; ".join(each for each in said if isinstance(each, str))
    # Beside a status code in the body, `error` only names that status.
    message = inner if isinstance(inner, str) and not (said and "statusCode" in body) else said
    code = fields.get("code")
    details = fields.get("details")
    text = message if isinstance(message, str) else None
    if (
        text
        and isinstance(details, dict)
        and isinstance(name := details.get("field"), str)
        and name not in text
    ):
        text = f"{text} ({name})"
    return text, code if isinstance(code, str) else None


def clean(text: str, *, redactor: Redactor | None = None, longest: int = _LONGEST_MESSAGE) -> str:
    """A service's words made fit for a message: the key blotted out, control characters escaped, cut to length."""
    text = (redactor or Redactor(None)).words(text[:_LONGEST_READ])
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return "".join(_visible(letter) for letter in text)


def clean_code(code: str | None, *, redactor: Redactor | None = None) -> str | None:
    """A service's error code, made fit the same way."""
    return None if code is None else clean(code, redactor=redactor, longest=_LONGEST_CODE)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a 429 asks to wait, or None where it does not say.

    `Retry-After` as seconds or HTTP date, and `X-RateLimit-Reset`: the shorter of both.
    """
    # The service's own clock where it shows it, so that a wrong one here does not lengthen the wait.
    moment = _http_date(headers.get("date")) or now
    text = headers.get("retry-after", "").strip()
    asked = _number(text)
    if asked is None and (date := _http_date(text)) is not None:
        asked = max(0.0, (date - moment).total_seconds())
    waits = [each for each in (asked, _reset(headers, moment)) if each is not None]
    return min(waits) if waits else None


def exhausted(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until there is room again, where an answer says that it has used up the last of it; else None."""
    left = headers.get("x-ratelimit-remaining", headers.get("ratelimit-remaining", "")).strip()
    return _reset(headers, _http_date(headers.get("date")) or now) if _number(left) == 0 else None


def _reset(headers: Mapping[str, str], moment: datetime) -> float | None:
    """`X-RateLimit-Reset` in seconds from now; services send epoch seconds, epoch milliseconds or a number of seconds."""
    for name in ("x-ratelimit-reset", "ratelimit-reset"):
        if (number := _number(headers.get(name, "").strip())) is None:
            continue
        if number > 1e11:
            number /= 1000
        return max(0.0, number - moment.timestamp()) if number > 1e8 else number
    return None


def span(seconds: float) -> str:
    """A wait in words: seconds, from two minutes on minutes, from two hours on hours, from two days on days."""
    units = ((86400, "days"), (3600, "hours"), (60, "minutes"))
    for length, name in units:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} seconds"


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text, re.ASCII) else None


def _http_date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _visible(letter: str) -> str:
    # All of Unicode's "other" classes: controls, bidirectional overrides, surrogates, private use.
    if unicodedata.category(letter).startswith("C") or letter in "\u2028\u2029":
        return letter.encode("unicode_escape").decode("ascii")
    return letter
