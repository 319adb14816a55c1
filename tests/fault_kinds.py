"""Every kind of fault, and the places in an apply that each can hit.

The statuses and codes are the documented ones: Postqued's skills and reference (B1 to B2 of its description have 400,
401, 402, 403, 404, 409, 429 and 5xx with `{"error", "code"}`), TikFlow's overview and scheduling pages (400 to 500 with
`{"success", "error"}`), an object store's XML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fault_worlds import service_of

HTML = "<!DOCTYPE html><html><body><h1>We are down for maintenance</h1></body></html>"


@dataclass(frozen=True)
class Place:
    """Requests of one kind that an apply makes; `skip`: which of them."""

    name: str
    match: Mapping[str, Any]
    sends: str = "read"
    """read, write (it makes or changes a post) or upload (it makes none)."""
    fields: tuple[str, ...] = ()
    """What its documented answer holds."""
    for_a_person: bool = False
    """No list shows what came of it and no key protects a second try: a lost answer is for a person to find out."""


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    script: Mapping[str, Any]
    lies: bool = False
    """The service says that something was done that was not: nobody can tell in this very run."""
    silent: bool = False
    """It makes the client wait for its time-outs."""


@dataclass(frozen=True)
class Case:
    """A fault at a place in a world."""

    world: str
    place: Place
    kind: Kind

    def __str__(self) -> str:
        return f"{self.world}-{self.place.name}-{self.kind.name}"

    def script(self) -> dict[str, Any]:
        """The arguments of `Sandbox.fault`."""
        return {**self.place.match, **self.kind.script}


ALWAYS: dict[str, Any] = {"times": None}


def _get(name: str, path: str, *fields: str, **match: Any) -> Place:
    return Place(name, {"method": "GET", "path": path, **match}, fields=fields)


_ACCOUNT = ("accounts", "id", "platform", "username", "displayName")
_UPLOAD = ("contentId", "upload", "url", "method", "headers", "Content-Type")
_POST = ("id", "status", "targets", "platform")
_ROW = ("posts", "id", "content", "publishDate", "state", "group", "integration", "intervalInDays")
STORAGE = Place("storage", {"service": "storage", "method": "PUT"}, "upload")

PLACES: dict[str, tuple[Place, ...]] = {
    "v1": (
        _get("ping", "/v2/ping"),
        _get("accounts", "/v1/platform-accounts", *_ACCOUNT),
        _get("status", "/v1/content/publish/*", *_POST),
        Place("announce", {"method": "POST", "path": "/v1/content/upload"}, "upload", _UPLOAD),
        STORAGE,
        Place("complete", {"method": "POST", "path": "/v1/content/upload/complete"}, "upload", ("content", "id")),
        Place("image", {"method": "POST", "path": "/v1/content/upload-image"}, "upload", ("content", "id")),
        Place("publish", {"method": "POST", "path": "/v1/content/publish"}, "write", _POST),
    ),
    "v1-conflict": (
        Place("publish", {"method": "POST", "path": "/v1/content/publish"}, "write", _POST, for_a_person=True),
    ),
    "v2": (
        _get("ping", "/v2/ping", "pong"),
        _get("context", "/v2/mcp/context", "organizations", "workspaces", "id"),
        _get("accounts", "/v2/integrations", *_ACCOUNT, "accountStatus"),
        _get("creator", "/v2/integrations/*/creator-info", "privacy_level_options", "duet_disabled"),
        _get("list", "/v2/publish", *_POST, "publishes", "contentIds", "dispatchAt", "accountId", "caption", "intent",
             "options"),
        _get("list-dated", "/v2/publish", *_POST, skip=1),
        Place("announce", {"method": "POST", "path": "/v2/content/upload"}, "upload", (*_UPLOAD, "key")),
        STORAGE,
        Place("complete", {"method": "POST", "path": "/v2/content/upload/complete"}, "upload", ("content", "id", "status")),
        Place("dry-run", {"method": "POST", "path": "/v2/publish", "request_class": "check"}, fields=("valid", "errors")),
        Place("publish", {"method": "POST", "path": "/v2/publish", "request_class": "publish"}, "write", _POST),
        Place("move", {"method": "PATCH", "path": "/v2/publish/target/*"}, "write", ("success", "target", "id", "status")),
        Place("cancel", {"method": "POST", "path": "/v2/publish/target/*/cancel"}, "write",
              ("success", "target", "id", "status")),
        Place("replace", {"method": "POST", "path": "/v2/publish/target/*/cancel", "skip": 1}, "write", ("target",)),
    ),
    "tikflow": (
        _get("list", "/api/v1/schedule/scheduled-videos", "success", "data", "id", "scheduledPublishTime", "status",
             "video", "tiktokAccount", "title", "description"),
        _get("history", "/api/v1/upload/history", "success", "data", "id", "status", "pagination", "hasMore"),
        _get("usage", "/api/v1/subscription/usage", "success", "data", "scheduledPostsUsed", "scheduledPostsLimit"),
        Place("create", {"method": "POST", "path": "/api/v1/schedule/create"}, "write",
              ("success", "data", "scheduleId", "scheduledTime", "status", "createdAt")),
        Place("cancel", {"method": "PUT", "path": "/api/v1/schedule/*"}, "write", ("success", "data", "status")),
        Place("move", {"method": "PUT", "path": "/api/v1/schedule/*", "skip": 1}, "write", ("data", "scheduledTime")),
        Place("replace", {"method": "PUT", "path": "/api/v1/schedule/*", "skip": 2}, "write", ("data", "status")),
    ),
    "tikflow-upload": (
        Place("upload", {"method": "POST", "path": "/api/v1/upload/video"}, "upload", ("data", "uploadId", "status"),
              for_a_person=True),
        Place("create", {"method": "POST", "path": "/api/v1/schedule/create"}, "write", ("data", "scheduleId"),
              for_a_person=True),
    ),
    "postiz": (
        _get("channels", "/public/v1/integrations", "id", "identifier", "name", "profile", "disabled"),
        _get("settings", "/public/v1/integration-settings/*", "output", "settings", "maxLength"),
        _get("list", "/public/v1/posts", *_ROW),
        _get("looks", "/public/v1/posts", *_ROW, skip=1),
        _get("looks-late", "/public/v1/posts", *_ROW, skip=5),
        Place("upload", {"method": "POST", "path": "/public/v1/upload"}, "upload", ("id", "path")),
        Place("cancel", {"method": "DELETE", "path": "/public/v1/posts/*"}, "write", ("error",)),
        Place("change", {"method": "POST", "path": "/public/v1/posts"}, "write", ("postId", "integration")),
        Place("create", {"method": "POST", "path": "/public/v1/posts", "skip": 2}, "write", ("postId", "integration")),
    ),
}  # fmt: skip
"""Every endpoint that an apply of each world asks, and what is documented of its answer."""


def _answer(
    name: str, status: int, body: Any = None, *, after: bool = False, lies: bool = False, **more: Any
) -> Kind:
    kind = "answer_after" if after else "answer"
    return Kind(name, {"kind": kind, "status": status, "body": body, **more}, lies)


def _broken() -> Iterator[Kind]:
    """The wire and whatever stands before the service: the same everywhere."""
    for kind in ("reset_before", "reset_after", "truncate", "cut"):
        yield Kind(kind, {"kind": kind})
        yield Kind(f"{kind}-always", {"kind": kind, **ALWAYS})
    yield Kind("refuse", {"kind": "refuse"})
    yield Kind("stall_before", {"kind": "stall_before"}, silent=True)
    yield Kind("stall_after", {"kind": "stall_after"}, silent=True)
    yield Kind("stall_after-always", {"kind": "stall_after", **ALWAYS}, silent=True)
    yield Kind("stall_body", {"kind": "stall_body"}, silent=True)
    yield Kind("drip", {"kind": "drip", "seconds": 0.0})
    yield Kind("drip-slow", {"kind": "drip", "seconds": 0.1}, silent=True)
    for status in (408, 500, 502, 503, 504):
        yield _answer(f"{status}", status, HTML)
        yield _answer(f"{status}-after", status, HTML, after=True)
    yield _answer("503-always", 503, HTML, **ALWAYS)
    yield _answer("500-after-always", 500, HTML, after=True, **ALWAYS)
    yield _answer("redirect", 302, "", headers={"Location": "https://example.com/"}, **ALWAYS)
    yield _answer("page", 200, HTML, **ALWAYS)
    yield _answer("page-after", 200, HTML, after=True)
    yield _answer("text-after", 200, "OK", after=True)
    yield _answer("nothing-after", 204, "", after=True)
    yield _answer("null", 200, None, lies=True)
    yield _answer("list", 200, [], lies=True)
    yield _answer("object", 200, {}, lies=True)
    yield _answer("object-after", 200, {}, after=True)


RETRY_AFTER: dict[str, dict[str, str]] = {
    "none": {},
    "seconds": {"Retry-After": "2"},
    "date": {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"},
    "garbage": {"Retry-After": "soon, \u00e9"},
    "negative": {"Retry-After": "-5"},
    "absurd": {"Retry-After": "999999999"},
    "absurd-date": {"Retry-After": "Sat, 01 Jan 2999 00:00:00 GMT"},
    "limit": {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0"},
    "reset-delta": {"X-RateLimit-Reset": "3", "X-RateLimit-Remaining": "0"},
    "reset-epoch": {"X-RateLimit-Reset": "1500000000"},
    "reset-epoch-ms": {"X-RateLimit-Reset": "1500000000000"},
    "reset-absurd": {"X-RateLimit-Reset": "99999999999999"},
    "reset-garbage": {"X-RateLimit-Reset": "tomorrow"},
    "hour": {"Retry-After": "3600"},
}
"""Each way to say how long to wait, or not to."""


def _postqued(status: int, code: str) -> Any:
    return {"error": f"The request was refused ({code})", "code": code}


def _tikflow(status: int, code: str) -> Any:
    return {"success": False, "error": {"code": code, "message": "It was refused", "details": {"field": "x"}}}


def _postiz(status: int, code: str) -> Any:
    shapes: dict[str, Any] = {
        "list": {
            "message": ["date must be a date", "tags must be an array"],
            "error": "x",
            "statusCode": status,
        },
        "text": {"message": "Integration not found", "error": "Bad Request", "statusCode": status},
        "msg": {"msg": "Invalid API key"},
        "rule": {"statusCode": status, "provider": "mastodon", "name": "Brand", "message": "Too long"},
    }
    return shapes.get(code, {"statusCode": status, "message": "ThrottlerException: Too Many Requests"})


_ENVELOPES = {"postqued": _postqued, "tikflow": _tikflow, "postiz": _postiz}
_CODES = {
    "postiz": ((400, "list"), (400, "text"), (400, "msg"), (400, "rule"), (401, "msg"), (404, "text"), (413, "plain"),
               (500, "plain")),
    "postqued": ((400, "VALIDATION_ERROR"), (400, "MISSING_IDEMPOTENCY_KEY"), (400, "ACCOUNT_NOT_CONNECTED"),
                 (401, "UNAUTHORIZED"), (402, "SUBSCRIPTION_REQUIRED"), (403, "FORBIDDEN"), (404, "NOT_FOUND"),
                 (404, "CONTENT_NOT_FOUND"), (409, "IDEMPOTENCY_CONFLICT"), (409, "INVALID_STATE"), (500, "INTERNAL_ERROR")),
    "tikflow": ((400, "VALIDATION_ERROR"), (401, "UNAUTHORIZED"), (403, "FORBIDDEN"), (403, "SCHEDULING_LIMIT_EXCEEDED"),
                (404, "NOT_FOUND"), (409, "CONFLICT"), (422, "UNPROCESSABLE_ENTITY"), (500, "INTERNAL_ERROR")),
}  # fmt: skip
"""Every status and code that a service documents."""


def _refusals(service: str) -> Iterator[Kind]:
    envelope = _ENVELOPES[service]
    for status, code in _CODES[service]:
        yield _answer(f"{status}-{code}", status, envelope(status, code), **ALWAYS)
    for name, headers in RETRY_AFTER.items():
        yield _answer(f"429-{name}", 429, envelope(429, "RATE_LIMITED"), headers=headers)
    yield _answer("429-always", 429, envelope(429, "RATE_LIMITED"), headers={"Retry-After": "1"}, **ALWAYS)


_EXPIRED = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
_OBJECT_STORE = (
    _answer("expired", 403, _EXPIRED),
    _answer("expired-always", 403, _EXPIRED, **ALWAYS),
    _answer("400-expired", 400, _EXPIRED.replace("AccessDenied", "ExpiredToken")),
    _answer("411", 411, "<Error><Code>MissingContentLength</Code></Error>", **ALWAYS),
    _answer("500-xml", 500, "<Error><Code>InternalError</Code></Error>"),
    _answer("503-xml", 503, "<Error><Code>SlowDown</Code></Error>", headers={"Retry-After": "1"}),
    Kind("store_short", {"kind": "store_short"}),
    Kind("store_short-always", {"kind": "store_short", **ALWAYS}),
    Kind("store_short_reset", {"kind": "store_short_reset"}),
)


def kinds(world: str, place: Place) -> Iterator[Kind]:
    """Every kind of fault for a place."""
    yield from _broken()
    if place is STORAGE:
        yield from _OBJECT_STORE
        return
    yield from _refusals(service_of(world))
    for kind in ("extra_fields", "unknown_status", "duplicate"):
        yield Kind(kind, {"kind": kind, **ALWAYS})
    for name in place.fields:
        yield Kind(f"without-{name}", {"kind": "drop_field", "field": name, **ALWAYS})


def cases() -> list[Case]:
    """The whole matrix."""
    return [
        Case(world, place, kind)
        for world, places in PLACES.items()
        for place in places
        for kind in kinds(world, place)
    ]
