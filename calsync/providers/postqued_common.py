"""What both versions of Postqued's API share: the words for statuses, refusals, and an upload in three steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Required, TypedDict
from urllib.parse import unquote, urlsplit

from calsync.errors import Rejected
from calsync.model import Json, MediaFile, Status
from calsync.providers.base import Payload
from calsync.providers.reading import fields, filename, ident, text
from calsync.transport import Answer, Form, RequestClass, Transport, clean

_TARGET = {
    "queued": Status.SCHEDULED,
    "scheduled": Status.SCHEDULED,
    "processing": Status.PROCESSING,
    # Handed to the TikTok inbox: as far as a draft goes.
    "sent": Status.PUBLISHED,
    "published": Status.PUBLISHED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELED,
}
"""The statuses of a target (v1's skill; v2's reference has the same). Any other word is no status that we know."""
_REQUEST = {
    "pending": Status.SCHEDULED,
    "processing": Status.PROCESSING,
    "completed": Status.PUBLISHED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELED,
}
"""The statuses of a request. `partial_failed` is left out: it does not say which part."""

_EXPIRED = (400, 403)
"""How object stores refuse a presigned address whose time is over."""


def status(target: str | None, request: str | None) -> Status:
    """How a target stands, or its request where the target does not say; never a guess."""
    if target is not None:
        return _TARGET.get(target.lower(), Status.UNKNOWN)
    return _REQUEST.get((request or "").lower(), Status.UNKNOWN)


def documented(body: Json) -> bool:
    """Whether an answer is an error of the API (`{"error", "code"}`) rather than of whatever stands in its place."""
    return isinstance(body, dict) and ("error" in body or "code" in body)


def names_lost_content(error: Rejected) -> bool:
    """Whether a create was refused because content that it names is not there: codes and words are not documented."""
    if error.status not in (400, 404, 410, 422):
        return False
    if re.search(
        r"(CONTENT|MEDIA|ASSET)\w*_(NOT_FOUND|NOT_READY|MISSING|DELETED|GONE|EXPIRED)",
        error.remote_code or "",
    ):
        return True
    said = error.message.partition(": ")[2]
    lost = r"not found|no (such )?content|does not exist|no longer|deleted|expired|unknown"
    return bool(re.search(r"content|media|asset", said, re.I) and re.search(lost, said, re.I))


class How(TypedDict, total=False):
    """What a request may be told besides method and path (`Transport.request`)."""

    klass: Required[RequestClass]
    json: Json
    content: bytes
    form: Form
    query: Mapping[str, str]
    headers: Mapping[str, str]
    repeatable: bool
    harmless: bool
    before: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presigned:
    """Uploads in three steps: announced, put to a presigned address, confirmed (v1's guide, step 2; v2's OpenAPI).

    An upload makes no post, so that it may be repeated whatever happened: never Uncertain.
    """

    ask: Callable[..., Answer]
    transport: Transport
    service: str
    path: str

    def upload(self, payload: Payload, more: Mapping[str, Json]) -> str:
        """Upload one file and return its content id; `more` goes with both JSON bodies."""
        place = self._announced(payload.media, more)
        try:
            self._put(place, payload)
        except Rejected as error:
            if error.status not in _EXPIRED:
                raise
            place = self._announced(payload.media, more)
            self._put(place, payload)
        self._complete(place, payload.media, more)
        return place.content_id

    def known(self, value: str | None, what: str) -> str:
        """What an upload cannot go on without. Raises Rejected rather than guessing it."""
        if value is None:
            raise Rejected(f"{self.service} began an upload without {what}", service=self.service)
        return value

    def _announced(self, media: MediaFile, more: Mapping[str, Json]) -> _Place:
        """Ask for an address ("Request Upload URL")."""
        body: Json = {
            "filename": filename(media),
            "contentType": media.mime,
            "fileSize": media.size,
            **more,
        }
        answer = self.ask("POST", self.path, klass="upload", json=body, harmless=True)
        upload = fields(answer.body, "upload")
        url = self.known(text(upload, "url"), "an upload address")
        if (text(upload, "method") or "PUT").upper() != "PUT":
            method = clean(text(upload, "method") or "", longest=20)
            raise Rejected(f"{self.service} wants a file by {method!r}", service=self.service)
        return _Place(
            content_id=self.known(ident(fields(answer.body), "contentId"), "a content id"),
            key=self.known(
                text(upload, "key") or text(fields(answer.body), "key") or _key_in(url),
                "the key of the upload",
            ),
            url=url,
            headers=fields(answer.body, "upload", "headers"),
        )

    def _put(self, place: _Place, payload: Payload) -> None:
        """Send the bytes ("Upload File")."""
        size = payload.media.size
        self.transport.put_file(place.url, headers=place.headers, source=payload, size=size)

    def _complete(self, place: _Place, media: MediaFile, more: Mapping[str, Json]) -> None:
        """Say that they are there ("Confirm Upload"); what is not known of the file is left out."""
        known = {"width": media.width, "height": media.height, "durationMs": media.duration_ms}
        body: Json = {
            "contentId": place.content_id,
            "key": place.key,
            "filename": filename(media),
            "contentType": media.mime,
            "size": media.size,
            **more,
            **{name: value for name, value in known.items() if value is not None},
        }
        self.ask("POST", f"{self.path}/complete", klass="upload", json=body, harmless=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a file goes: its content id and storage key, and the presigned address with its headers."""

    content_id: str
    key: str
    url: str
    headers: Mapping[str, Json]


def _key_in(url: str) -> str | None:
    """The storage key in a presigned address: "complete" needs it, and v1's guide never shows where it comes from.

    The guide's keys begin with `content/`; what stands before that is the name of a bucket.
    """
    try:
        path = unquote(urlsplit(url).path).lstrip("/")
    except ValueError:  # no address at all, which is for the transport to say
        return None
    inside = path.partition("/")[2]
    return next((each for each in (path, inside) if each.startswith("content/")), None)
