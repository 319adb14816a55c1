"""What comes back: one parser for both services' error envelopes, for waits that they ask for, and for foreign text."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from calsync.model import Json

_LONGEST_MESSAGE = 300
_LONGEST_CODE = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """A service's answer: `headers` by lower-case name, `body` parsed from JSON, None where there was none."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = None


def parsed(raw: bytes) -> Json:
    """Read a JSON body; None for an empty one. Raises ValueError for anything else, nesting bombs included."""
    if not raw.strip():
        return None
    try:
        value: Json = json.loads(raw)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def refusal(body: Json, raw: bytes) -> tuple[str | None, str | None]:
    """Message and code of an error answer, in whichever envelope.

    Postqued: `{"error": "text", "code": "CODE"}`. TikFlow: `{"success": false, "error": {"code", "message",
    "details"}}`. A page that a proxy put in between is told as such.
    """
    if not isinstance(body, dict):
        page = raw[: 4 * _LONGEST_MESSAGE].decode("utf-8", "replace").strip()
        return ("a page of markup, not the API's JSON" if page.startswith("<") else page or None), None
    inner = body.get("error")
    fields: Mapping[str, Json] = inner if isinstance(inner, dict) else body
    message = inner if isinstance(inner, str) else fields.get("message")
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


def clean(text: str, *, secret: str | None = None, longest: int = _LONGEST_MESSAGE) -> str:
    """A service's words made fit for a message: the key blotted out, control characters escaped, cut to length."""
    if secret:
        text = text.replace(secret, "[key]")
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return "".join(_visible(letter) for letter in text)


def clean_code(code: str | None, *, secret: str | None = None) -> str | None:
    """A service's error code, made fit the same way."""
    return None if code is None else clean(code, secret=secret, longest=_LONGEST_CODE)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a 429 asks to wait, or None where it does not say.

    `Retry-After` as seconds or HTTP date, else `X-RateLimit-Reset` as epoch seconds, epoch milliseconds or a
    number of seconds: neither service documents which it sends.
    """
    # The service's own clock where it shows it, so that a wrong one here does not lengthen the wait.
    moment = _http_date(headers.get("date")) or now
    text = headers.get("retry-after", "").strip()
    if (number := _number(text)) is not None:
        return number
    if (date := _http_date(text)) is not None:
        return max(0.0, (date - moment).total_seconds())
    for name in ("x-ratelimit-reset", "ratelimit-reset"):
        if (number := _number(headers.get(name, "").strip())) is None:
            continue
        if number > 1e11:
            number /= 1000
        return max(0.0, number - moment.timestamp()) if number > 1e8 else number
    return None


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
