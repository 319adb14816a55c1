"""Postiz's public API, from what was measured at running servers; the knob ``postiz`` says which version.

One writes to a post by making it again under its id, and the list shows neither media nor threads nor, before
HEAD, settings. What Postiz cannot do through this API is not here either: one post by its id, a list of media.
"""

from __future__ import annotations

import sqlite3

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calsync.sandbox import postiz_bodies, postiz_channels, postiz_posts, postiz_wire
from calsync.sandbox.gate import Service
from calsync.sandbox.limits import Verdict
from calsync.sandbox.log import RequestClass
from calsync.sandbox.wire import Json, Refusal, iso
from calsync.sandbox.world import World

KEY = "pz_sandbox"
ROOT = "/public/v1"
_SLOT_MS = 10 * 60 * 1000


def _classify(method: str, path: str, _body: Json) -> RequestClass:
    if method in ("GET", "HEAD"):
        return "read"
    if method == "DELETE":
        return "delete"
    if path.startswith(f"{ROOT}/upload"):
        return "upload"
    # A change of a post too: it goes to the same address, and makes a new one where its id is unknown.
    return "publish" if path == f"{ROOT}/posts" and method == "POST" else "other"


def _headers(verdict: Verdict) -> dict[str, str]:
    if verdict.retry_after is not None:
        # The whole window, however soon a place is free.
        return {"Retry-After": str(verdict.window)}
    return {
        "X-RateLimit-Limit": str(verdict.limit),
        "X-RateLimit-Remaining": str(verdict.remaining),
        "X-RateLimit-Reset": str(verdict.reset),
    }


def _turned_away(given: str) -> Refusal:
    return postiz_wire.said(401, "Invalid API key" if given else "No API Key found")


SERVICE = Service(
    name="postiz",
    key=KEY,
    public=frozenset(),
    classify=_classify,
    limits={"publish": "postiz"},
    envelope=postiz_wire.envelope,
    headers=_headers,
    scheme="",
    turned_away=_turned_away,
)


class Postiz:
    """The endpoints for channels and posts."""

    def __init__(self, world: World) -> None:
        """Serve one sandbox."""
        self._world = world

    def routes(self) -> list[Route]:
        """List the endpoints."""
        return [
            Route(f"{ROOT}/is-connected", self.is_connected, methods=["GET"]),
            Route(f"{ROOT}/integrations", self.integrations, methods=["GET"]),
            Route(f"{ROOT}/integrations/{{channel_id}}", self.remove, methods=["DELETE"]),
            Route(f"{ROOT}/groups", self.groups, methods=["GET"]),
            Route(f"{ROOT}/integration-settings/{{channel_id}}", self.settings, methods=["GET"]),
            Route(f"{ROOT}/find-slot/{{channel_id}}", self.find_slot, methods=["GET"]),
            Route(f"{ROOT}/posts", self.list, methods=["GET"]),
            Route(f"{ROOT}/posts", self.create, methods=["POST"]),
            Route(f"{ROOT}/posts/{{post_id}}/status", self.change_status, methods=["PUT"]),
            Route(f"{ROOT}/posts/{{post_id}}/settings", self.change_settings, methods=["PUT"]),
            Route(f"{ROOT}/posts/group/{{group}}", self.delete_group, methods=["DELETE"]),
            Route(f"{ROOT}/posts/{{post_id}}", self.delete, methods=["DELETE"]),
        ]

    async def is_connected(self, _request: Request) -> Response:
        """Say that the key is good."""
        return JSONResponse({"connected": True})

    async def integrations(self, request: Request) -> Response:
        """List the channels, disabled ones too, of all customers or of one."""
        with self._world.store.transaction() as db:
            return JSONResponse(postiz_channels.listed(db, request.query_params.get("group")))

    async def remove(self, request: Request) -> Response:
        """Take a channel away with its posts; what is answered is the sandbox's choice."""
        with self._world.store.transaction() as db:
            channel_id = str(_channel(db, request)["id"])
            postiz_channels.remove(db, channel_id)
        return JSONResponse({"id": channel_id})

    async def groups(self, _request: Request) -> Response:
        """List the customers."""
        with self._world.store.transaction() as db:
            return JSONResponse(postiz_channels.groups(db))

    async def settings(self, request: Request) -> Response:
        """Tell what posts on a channel have to look like."""
        with self._world.store.transaction() as db:
            return JSONResponse(postiz_channels.described(_channel(db, request)))

    async def find_slot(self, request: Request) -> Response:
        """Find the next ten minutes in which a channel has no post: UTC, though the answer does not say so."""
        with self._world.store.transaction() as db:
            channel_id = _channel(db, request)["id"]
            taken = {
                row["at_ms"] // _SLOT_MS
                for row in db.execute(
                    "SELECT at_ms FROM postiz_posts WHERE channel_id = ? AND NOT deleted", (channel_id,)
                )
                if row["at_ms"] is not None
            }
        slot = self._world.clock.now_ms() // _SLOT_MS + 1
        while slot in taken:
            slot += 1
        return JSONResponse({"date": iso(slot * _SLOT_MS).removesuffix(".000Z")})

    async def list(self, request: Request) -> Response:
        """List the posts between two dates, all on one page."""
        start, end = (_date(request, name) for name in ("startDate", "endDate"))
        with self._world.store.transaction() as db:
            posts = postiz_posts.listed(
                db, start, end, customer=request.query_params.get("customer"), settings=self._at_head()
            )
        return JSONResponse({"posts": posts})

    async def create(self, request: Request) -> Response:
        """Make posts, or make those anew whose ids are named."""
        body = await postiz_wire.body_of(request)
        now = self._world.clock.now_ms()
        with self._world.store.transaction() as db:
            wanted = postiz_bodies.checked(db, body)
            return JSONResponse(postiz_posts.write(db, wanted, now, guarded=self._at_head()), 201)

    async def change_status(self, request: Request) -> Response:
        """Make a post a draft or schedule it."""
        body = await postiz_wire.body_of(request)
        now = self._world.clock.now_ms()
        with self._world.store.transaction() as db:
            post_id = request.path_params["post_id"]
            return JSONResponse(postiz_posts.change_state(db, post_id, body.get("status"), now))

    async def change_settings(self, request: Request) -> Response:
        """Change some settings of a post, which only HEAD can."""
        if not self._at_head():
            raise postiz_wire.not_found(f"Cannot {request.method} {request.url.path}")
        body = await postiz_wire.body_of(request)
        now = self._world.clock.now_ms()
        with self._world.store.transaction() as db:
            post_id = request.path_params["post_id"]
            return JSONResponse(postiz_posts.merge_settings(db, post_id, body.get("settings"), now))

    async def delete(self, request: Request) -> Response:
        """Delete a post with its whole group."""
        with self._world.store.transaction() as db:
            row = postiz_posts.live(db, request.path_params["post_id"])
            if row is None:
                raise postiz_wire.broken()
            postiz_posts.delete_group(db, row["group_id"])
        return _deleted()

    async def delete_group(self, request: Request) -> Response:
        """Delete a group, be there one or not."""
        with self._world.store.transaction() as db:
            postiz_posts.delete_group(db, request.path_params["group"])
        return _deleted()

    def _at_head(self) -> bool:
        return self._world.knobs["postiz"] == "HEAD"


def _deleted() -> Response:
    # It says so where all went well.
    return JSONResponse({"error": True})


def _channel(db: sqlite3.Connection, request: Request) -> sqlite3.Row:
    row = postiz_channels.find(db, request.path_params["channel_id"])
    if row is None:
        raise postiz_wire.said(404, "Integration not found")
    return row


def _date(request: Request, name: str) -> int:
    date = postiz_wire.parse_date(request.query_params.get(name))
    if date is None:
        raise postiz_wire.invalid_body([f"{name} must be a valid ISO 8601 date string"])
    return date
