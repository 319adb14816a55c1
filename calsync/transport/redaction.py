"""What no text may carry on: the key, as it is or spelled another way, and the signed part of addresses."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from calsync.model import Json

_PART = 8
"""So many letters of a key in a row are shown nowhere; shorter ones are in ordinary words too."""
_LONGEST_WORDS = 4096
_TELLING = frozenset(
    {"code", "detail", "details", "error", "errorcode", "errormessage", "errors", "failurereason"}
) | {"message", "messages", "reason", "warning", "warnings"}
"""Fields in which a service speaks in its own words, by lower-case name."""

_SIGNED = re.compile(r"""((?:https?|s3|gs):(?:\\?/){2}[^\s?"'<>]*)\?[^\s"'<>]+""", re.IGNORECASE)
_SIGNATURE = re.compile(
    r"""\b(x-(?:amz|goog|ms)-[a-z-]+|signature|sig|token|access_token|awsaccesskeyid|key-pair-id|policy)=[^\s&"'<>]+""",
    re.IGNORECASE,
)


class Redactor:
    """Blots out one key wherever a service might echo it; None: there is no key."""

    def __init__(self, key: str | None) -> None:
        self._whole: re.Pattern[str] | None = None
        self._parts: re.Pattern[str] | None = None
        self._escaped: re.Pattern[bytes] | None = None
        self._needles: tuple[bytes, ...] = ()
        if not key:
            return
        spelled = [_any_spelling(key), *map(re.escape, _encoded(key))]
        self._whole = re.compile("|".join(spelled), re.IGNORECASE)
        parts = [_any_spelling(each) for each in _windows(key)]
        parts += [re.escape(each) for text in _encoded(key) for each in _windows(text)]
        self._parts = re.compile(f"(?=({'|'.join(parts)}))", re.IGNORECASE) if parts else None
        if len(key) >= _PART:
            # In data, a short key would be found in words that are none of it.
            named = (*_windows(key), quote(key, safe=""), *_encoded(key))
            self._needles = tuple(each.lower().encode() for each in named)
            self._escaped = re.compile(rb"\\(?:u00[2-7]|[/\"\\])|%[2-7][0-9a-f]", re.IGNORECASE)

    def words(self, text: str) -> str:
        """A service's own words: without the key or a part of it, and without what makes addresses secret."""
        text = without_queries(text)
        if self._whole is not None:
            text = self._whole.sub("[key]", text)
        if self._parts is None:
            return text
        pieces, end = [], 0
        for start, stop in _merged((found.start(), found.end(1)) for found in self._parts.finditer(text)):
            pieces += [text[end:start], "[key]"]
            end = stop
        return "".join([*pieces, text[end:]])

    def needed(self, raw: bytes) -> bool:
        """Whether an answer may hold the key: most do not, and need no second look."""
        if not self._needles:
            return False
        low = raw.lower()
        return any(each in low for each in self._needles) or (
            self._escaped is not None and self._escaped.search(low) is not None
        )

    def data(self, value: Json, name: str = "") -> Json:
        """An answer without the key in any text of it, names of fields included."""
        if isinstance(value, dict):
            return {self._plain(each): self.data(inner, each) for each, inner in value.items()}
        if isinstance(value, list):
            return [self.data(each, name) for each in value]
        if isinstance(value, str):
            return self.words(value[:_LONGEST_WORDS]) if name.lower() in _TELLING else self._plain(value)
        return value

    def _plain(self, text: str) -> str:
        return self._whole.sub("[key]", text) if self._whole is not None else text


def without_queries(text: str) -> str:
    """A text whose addresses have lost their queries: that of a presigned one opens it to whoever reads it."""
    if "=" not in text and "?" not in text:
        return text
    return _SIGNATURE.sub(r"\1=…", _SIGNED.sub(r"\1?…", text))


def _any_spelling(text: str) -> str:
    """A pattern for a text whose letters may be percent-encoded, one by one."""
    return "".join(f"(?:{re.escape(each)}|%{ord(each):02x})" for each in text)


def _windows(text: str) -> list[str]:
    return [text[start : start + _PART] for start in range(len(text) - _PART + 1)]


def _encoded(key: str) -> list[str]:
    """The key in hexadecimal, and in base64 wherever in a longer text it may begin."""
    raw = key.encode()
    found = [raw.hex()] if len(raw) >= _PART // 2 else []
    for before in range(3):
        text = b64encode(b"\0" * before + raw).decode()
        # Letters at the edges depend on what stands beside the key.
        padding = text.count("=")
        whole = text[(0, 2, 3)[before] : len(text) - (padding + 1 if padding else 0)]
        if len(whole) >= _PART:
            found += [whole, whole.replace("+", "-").replace("/", "_")]
    return list(dict.fromkeys(found))


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans in order of their starts, those that touch as one."""
    start = end = -1
    for first, last in spans:
        if first > end:
            if end >= 0:
                yield start, end
            start = first
        end = max(end, last)
    if end >= 0:
        yield start, end
