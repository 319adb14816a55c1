"""Postqued's API v2: context, integrations, publishing; requests are held to the vendor's description.

The description leaves most answers open. Those here carry the fields that it or the vendor's guides name, in
v1's spelling, and some that nobody has heard of; where a client should bear several shapes, there is a knob.
What the sandbox decides by itself:

- A workspace of another organization, or one that does not exist, is 403; a thing in another workspace than
  the one that is named is 404.
- Both ends of a range of dates belong to it, and a publish is listed whole when one of its targets is in it.
- Cancelling a publish cancels its targets that wait, and is a conflict (409) where none does. So is to cancel
  or move a target that does not wait any more, even if it was cancelled before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calsync.sandbox import postqued, v2_creators, v2_shapes, v2_targets
from calsync.sandbox.v2_calls import Call, Endpoints
from calsync.sandbox.wire import Json, JsonObject, Refusal, invalid, parse_instant
from calsync.sandbox.world import World

_WAITING = ("queued", "scheduled")


class PostquedV2(Endpoints):
    """The endpoints of v2 but for contents."""

    def __init__(self, world: World) -> None:
        """Serve one sandbox."""
        super().__init__(world)
        self._world = world

    def routes(self) -> list[Route]:
        """List the endpoints."""
        return [
            Route("/v2/ping", self.ping, methods=["GET"]),
            Route("/v2/mcp/context", self.mcp_context, methods=["GET"]),
            self.route("GET", "/v2/organizations/context", self.context, scoped=False),
            self.route("GET", "/v2/integrations", self.accounts),
            self.route("GET", "/v2/integrations/{id}/creator-info", self.creator_info),
            self.route("POST", "/v2/publish", self.publish),
            self.route("GET", "/v2/publish", self.listing),
            self.route("GET", "/v2/publish/{publishId}", self.status),
            self.route("DELETE", "/v2/publish/{publishId}", self.delete),
            self.route("POST", "/v2/publish/{publishId}/cancel", self.cancel),
            self.route("POST", "/v2/publish/target/{targetId}/cancel", self.cancel_target),
            self.route("PATCH", "/v2/publish/target/{targetId}", self.move_target),
        ]

    async def ping(self, _request: Request) -> Response:
        """Answer as the ``ping`` knob says."""
        self.check_served()
        return JSONResponse({"pong": "it worked!"})

    async def mcp_context(self, _request: Request) -> Response:
        """Tell what the key may reach; the OpenAPI description has nothing about this address."""
        self.check_served()
        with self._world.store.transaction() as db:
            return JSONResponse(v2_shapes.mcp_context(db, self._world.knobs))

    def context(self, call: Call) -> Json:
        """Tell the same in the words of the dashboard, with a workspace that is active there."""
        return v2_shapes.organizations_context(call.db)

    def accounts(self, call: Call) -> Json:
        """List the connected accounts of a workspace, whatever their platform."""
        rows = call.db.execute(
            "SELECT * FROM accounts WHERE service = 'postqued' AND workspace_id = ? ORDER BY rowid",
            (call.workspace_id,),
        ).fetchall()
        return {"accounts": [v2_shapes.account(row) for row in rows]}

    def creator_info(self, call: Call) -> Json:
        """Tell what TikTok allows an account; other platforms have no such thing."""
        row = call.db.execute(
            "SELECT username, display_name FROM accounts WHERE service = 'postqued' AND platform = 'tiktok'"
            " AND id = ? AND workspace_id = ?",
            (call.path["id"].lower(), call.workspace_id),
        ).fetchone()
        if row is None:
            raise Refusal(404, "ACCOUNT_NOT_FOUND", "There is no such TikTok account")
        info = v2_creators.creator(call.db, call.path["id"].lower())
        return v2_shapes.creator_info(info, row, self._world.knobs)

    def publish(self, call: Call) -> Json:
        """Make a publish, once for each key; a dry run makes nothing and needs none."""
        if call.body.get("dryRun") is True:
            return self._dry_run(call)
        if not call.idempotency_key:
            raise Refusal(400, "MISSING_IDEMPOTENCY_KEY", "The Idempotency-Key header is required")
        answer = postqued.recall(call.db, call.idempotency_key, call.raw, call.now, replays=True)
        if answer is not None:
            return answer
        contents, targets = v2_targets.checked(call)
        publish_id = postqued.add_publish(
            call.db, contents, targets, call.now, made_by="api", key=call.idempotency_key
        )
        made = v2_shapes.about(self._publish(call, publish_id), self._world.knobs)
        postqued.remember(call.db, call.idempotency_key, call.raw, made, call.now)
        return made

    def _dry_run(self, call: Call) -> Json:
        try:
            _, targets = v2_targets.checked(call)
        except Refusal as refusal:
            if self._world.knobs["v2_dry_run"] == "refuse":
                raise
            error: JsonObject = {"code": refusal.code, "message": refusal.message}
            return {"dryRun": True, "valid": False, "errors": [error]}
        checked: list[Json] = [
            {"platform": target.platform, "accountId": target.account_id, "valid": True} for target in targets
        ]
        return {"dryRun": True, "valid": True, "errors": [], "targets": checked}

    def listing(self, call: Call) -> Json:
        """List the publishes of a workspace, of all times or of a range of dates."""
        start, end = (parse_instant(call.query.get(name)) for name in ("startDate", "endDate"))
        if (start is None) != (end is None):
            raise invalid("startDate", "it goes together with endDate")
        if start is not None and end is not None and start > end:
            raise invalid("startDate", "it is after endDate")
        field = "due_ms" if self._world.knobs["v2_list_dates"] == "dispatch" else "created_ms"
        ids = call.db.execute(
            "SELECT DISTINCT publishes.id FROM publishes"  # noqa: S608 - one of two columns
            " JOIN targets ON publishes.id = publish_id"
            f" WHERE NOT deleted AND workspace_id = ? AND (? IS NULL OR {field} BETWEEN ? AND ?)"
            " ORDER BY publishes.rowid DESC",
            (call.workspace_id, start, start, end),
        ).fetchall()
        shown: list[Json] = [self._publish(call, row["id"]) for row in ids]
        return v2_shapes.listed(shown, self._world.knobs)

    def status(self, call: Call) -> Json:
        """Tell how a publish and its targets stand."""
        return v2_shapes.about(self._publish(call, call.path["publishId"].lower()), self._world.knobs)

    def cancel(self, call: Call) -> Json:
        """Cancel the targets of a publish that wait."""
        publish_id = call.path["publishId"].lower()
        _, targets = _found(call, publish_id)
        waiting = [target for target in targets if target["status"] in _WAITING]
        if not waiting:
            raise _too_late("publish", ", ".join(sorted({target["status"] for target in targets})))
        for target in waiting:
            _stop(call.db, target["id"])
        return {"success": True, **v2_shapes.about(self._publish(call, publish_id), self._world.knobs)}

    def cancel_target(self, call: Call) -> Json:
        """Cancel one target that waits."""
        target = _found_target(call)
        if target["status"] not in _WAITING:
            raise _too_late("target", target["status"])
        _stop(call.db, target["id"])
        return {"success": True, "target": v2_shapes.target(_found_target(call), self._world.knobs)}

    def move_target(self, call: Call) -> Json:
        """Give one scheduled target another time; null is now."""
        target = _found_target(call)
        at_ms = postqued.checked_time(call.body["dispatchAt"], call.now)
        if target["status"] != "scheduled":
            raise _too_late("target", target["status"])
        call.db.execute(
            "UPDATE targets SET at_ms = ?, due_ms = ?, status = ? WHERE id = ?",
            (
                at_ms,
                call.now if at_ms is None else at_ms,
                "queued" if at_ms is None else "scheduled",
                target["id"],
            ),
        )
        return {"success": True, "target": v2_shapes.target(_found_target(call), self._world.knobs)}

    def delete(self, call: Call) -> Json:
        """Take a publish out of the calendar; whether it still goes out then is a knob."""
        publish_id = call.path["publishId"].lower()
        _, targets = _found(call, publish_id)
        call.db.execute("UPDATE publishes SET deleted = 1 WHERE id = ?", (publish_id,))
        if self._world.knobs["v2_delete_cancels"]:
            for target in targets:
                if target["status"] in _WAITING:
                    _stop(call.db, target["id"])
        return {"success": True}

    def _publish(self, call: Call, publish_id: str) -> JsonObject:
        return v2_shapes.publish(*_found(call, publish_id), self._world.knobs)


def _found(call: Call, publish_id: str) -> tuple[sqlite3.Row, Sequence[sqlite3.Row]]:
    publish = call.db.execute(
        "SELECT * FROM publishes WHERE id = ? AND workspace_id = ? AND NOT deleted",
        (publish_id, call.workspace_id),
    ).fetchone()
    if publish is None:
        raise Refusal(404, "NOT_FOUND", f"There is no publish {publish_id}")
    targets = call.db.execute("SELECT * FROM targets WHERE publish_id = ? ORDER BY position", (publish_id,))
    return publish, targets.fetchall()


def _found_target(call: Call) -> sqlite3.Row:
    target: sqlite3.Row | None = call.db.execute(
        "SELECT targets.* FROM targets JOIN publishes ON publishes.id = publish_id"
        " WHERE targets.id = ? AND workspace_id = ? AND NOT deleted",
        (call.path["targetId"].lower(), call.workspace_id),
    ).fetchone()
    if target is None:
        raise Refusal(404, "NOT_FOUND", f"There is no target {call.path['targetId']}")
    return target


def _stop(db: sqlite3.Connection, target_id: str) -> None:
    db.execute("UPDATE targets SET status = 'canceled' WHERE id = ?", (target_id,))


def _too_late(what: str, status: str) -> Refusal:
    return Refusal(409, "INVALID_STATE", f"The {what} is {status} and cannot be changed any more")
