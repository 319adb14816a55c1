"""What every endpoint of Postqued v2 asks: is it served, is it well-formed, whose workspace is it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calsync.sandbox import seeds
from calsync.sandbox.described import Description
from calsync.sandbox.wire import Json, JsonObject, Refusal, json_object
from calsync.sandbox.world import World

DESCRIPTION = Description.read("postqued_v2.json")
"""The operations that are served, as the vendor describes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that keeps to the description, within one transaction."""

    db: sqlite3.Connection
    now: int
    workspace_id: str
    """The workspace that it names; empty where it needs none."""
    path: Mapping[str, str]
    query: Mapping[str, Json]
    body: JsonObject
    raw: bytes
    idempotency_key: str


class Endpoints:
    """Makes routes of functions that take a ``Call``."""

    def __init__(self, world: World) -> None:
        """Serve one sandbox."""
        self._world = world

    def check_served(self) -> None:
        """Refuse as the ``ping`` knob says where v2 is not there."""
        status = self._world.knobs["ping"]
        if status != 200:
            code = {404: "NOT_FOUND", 410: "GONE", 500: "INTERNAL_ERROR"}[status]
            raise Refusal(status, code, "v2 does not answer")

    def route(self, method: str, path: str, act: Callable[[Call], Json], *, scoped: bool = True) -> Route:
        """Serve an operation of the description; a scoped one has to name a workspace, as with an API key."""

        async def endpoint(request: Request) -> Response:
            self.check_served()
            takes_body = DESCRIPTION.takes_body(method, path)
            body: JsonObject = await json_object(request) if takes_body else {}
            asked = DESCRIPTION.request(
                method, path, params=request.path_params, query=request.query_params, body=body
            )
            raw, now = await request.body(), self._world.clock.now_ms()
            named = body.get("workspaceId") if takes_body else asked.query.get("workspaceId")
            with self._world.store.transaction() as db:
                call = Call(
                    db=db,
                    now=now,
                    workspace_id=_workspace(db, named) if scoped else "",
                    path=asked.path,
                    query=asked.query,
                    body=asked.body,
                    raw=raw,
                    idempotency_key=request.headers.get("idempotency-key", "").strip(),
                )
                answer = act(call)
            DESCRIPTION.answer(method, path, 200, answer)
            return JSONResponse(answer)

        return Route(path, endpoint, methods=[method])


def _workspace(db: sqlite3.Connection, named: Json) -> str:
    if not isinstance(named, str):
        raise Refusal(400, "WORKSPACE_REQUIRED", "workspaceId is required with an API key")
    row = db.execute(
        "SELECT id FROM workspaces WHERE id = ? AND organization_id = ?",
        (named.lower(), seeds.ORGANIZATION[0]),
    ).fetchone()
    if row is None:
        raise Refusal(403, "WORKSPACE_ACCESS_DENIED", f"The key does not reach the workspace {named}")
    return str(row["id"])
