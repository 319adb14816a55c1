"""TikFlow's scheduling and subscription API, from its scheduling page and its generated reference pages."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import get_args
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calsync.sandbox.gate import Service
from calsync.sandbox.limits import Verdict
from calsync.sandbox.log import RequestClass
from calsync.sandbox.wire import (
    Json,
    JsonObject,
    Refusal,
    invalid,
    iso,
    json_object,
    parse_instant,
    to_datetime,
    to_ms,
    uuid_field,
)
from calsync.sandbox.world import World

KEY = "sk_live_sandbox"
ROOT = "/api/v1"
LEAD_MS = 15 * 60 * 1000
"""The scheduling page's advice, taken as the cut-off of its 422: at least 15 minutes ahead."""
UPLOADS_A_MONTH = 100
"""The Professional plan's number of uploads."""
PROFILES = 5
"""The Professional plan's number of TikTok accounts."""


def envelope(refusal: Refusal) -> Response:
    """Answer an error in TikFlow's shape: ``{"success": false, "error": {code, message, details}}``."""
    error: JsonObject = {"code": refusal.code, "message": refusal.message}
    if refusal.details is not None:
        error["details"] = refusal.details
    return JSONResponse({"success": False, "error": error}, refusal.status, refusal.headers)


def success(data: Json, status: int = 200) -> Response:
    """Answer data in TikFlow's shape."""
    return JSONResponse({"success": True, "data": data}, status)


def _classify(method: str, path: str, _body: Json) -> RequestClass:
    if method in ("GET", "HEAD"):
        return "read"
    if method == "DELETE":
        return "delete"
    if path.startswith(f"{ROOT}/upload/"):
        return "upload"
    return "publish" if path == f"{ROOT}/schedule/create" else "other"


def _headers(verdict: Verdict) -> dict[str, str]:
    # No word on when the limit ends: the overview page is known only up to there.
    return {"X-RateLimit-Limit": str(verdict.limit), "X-RateLimit-Remaining": str(verdict.remaining)}


SERVICE = Service(
    name="tikflow",
    key=KEY,
    public=frozenset({f"{ROOT}/schedule/upcoming"}),
    classify=_classify,
    limits=dict.fromkeys(get_args(RequestClass), "tikflow"),
    envelope=envelope,
    headers=_headers,
)

_LISTED = (
    "SELECT schedules.id, at_ms, schedules.status, upload_id, title, description, schedules.account_id,"
    " username, display_name FROM schedules JOIN uploads ON uploads.id = upload_id"
    " JOIN accounts ON service = 'tikflow' AND accounts.id = schedules.account_id WHERE NOT deleted"
)


class TikFlow:
    """The endpoints under ``/schedule`` and ``/subscription``."""

    def __init__(self, world: World) -> None:
        """Serve one sandbox."""
        self._world = world

    def routes(self) -> list[Route]:
        """List the endpoints."""
        return [
            Route(f"{ROOT}/schedule/create", self.create, methods=["POST"]),
            Route(f"{ROOT}/schedule/scheduled-videos", self.scheduled, methods=["GET"]),
            Route(f"{ROOT}/schedule/upcoming", self.upcoming, methods=["GET"]),
            Route(f"{ROOT}/schedule/{{schedule_id}}", self.update, methods=["PUT"]),
            Route(f"{ROOT}/schedule/{{schedule_id}}", self.delete, methods=["DELETE"]),
            Route(f"{ROOT}/subscription", self.subscription, methods=["GET"]),
            Route(f"{ROOT}/subscription/usage", self.usage, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Schedule an upload; fields other than the three documented ones are ignored."""
        body = await json_object(request)
        upload_id, account_id = uuid_field(body, "videoId"), uuid_field(body, "tiktokAccountId")
        at_ms = _time_field(body)
        now = self._world.clock.now_ms()
        with self._world.store.transaction() as db:
            upload = db.execute("SELECT status FROM uploads WHERE id = ?", (upload_id,)).fetchone()
            if upload is None:
                raise Refusal(404, "NOT_FOUND", "Video not found")
            if find_account(db, account_id) is None:
                raise Refusal(404, "NOT_FOUND", "TikTok account not found")
            _check_free(upload["status"])
            _check_lead(at_ms, now)
            self._check_quota(db)
            schedule_id = add_schedule(db, upload_id, account_id, at_ms, now, made_by="api")
            return success(_summary(db, schedule_id), 201)

    async def scheduled(self, _request: Request) -> Response:
        """List all schedules of the key's owner, pages and filters there are none."""
        which = "" if self._world.knobs["tikflow_history"] else " AND schedules.status = 'pending'"
        with self._world.store.transaction() as db:
            rows = db.execute(f"{_LISTED}{which} ORDER BY schedules.rowid").fetchall()
        return success(
            [
                {
                    "id": row["id"],
                    "scheduledPublishTime": iso(row["at_ms"]),
                    "status": row["status"],
                    "video": {
                        "id": row["upload_id"], "title": row["title"], "description": row["description"],
                    },
                    "tiktokAccount": {
                        "id": row["account_id"],
                        "username": row["username"],
                        "displayName": row["display_name"],
                    },
                }
                for row in rows
            ]
        )  # fmt: skip

    async def upcoming(self, _request: Request) -> Response:
        """List what is to come; the scheduling page calls it public."""
        with self._world.store.transaction() as db:
            rows = db.execute(f"{_LISTED} AND schedules.status = 'pending' ORDER BY at_ms").fetchall()
        posts: list[Json] = [
            {"scheduleId": row["id"], "publishTime": iso(row["at_ms"]), "accountId": row["account_id"]}
            for row in rows
        ]
        return success({"upcomingPosts": posts})

    async def update(self, request: Request) -> Response:
        """Move, cancel or revive a schedule that has not been executed."""
        body = await json_object(request)
        now = self._world.clock.now_ms()
        with self._world.store.transaction() as db:
            row = _find(db, request.path_params["schedule_id"])
            status, at_ms = row["status"], row["at_ms"]
            wanted = body.get("status", status)
            if wanted not in ("pending", "cancelled"):
                raise invalid("status", "pending | cancelled")
            if "scheduledPublishTime" in body:
                at_ms = _time_field(body)
                _check_lead(at_ms, now)
            if status == "cancelled" and wanted == "pending":
                upload = db.execute("SELECT status FROM uploads WHERE id = ?", (row["upload_id"],)).fetchone()
                _check_free(upload["status"])
                _check_lead(at_ms, now)
                self._check_quota(db)
            db.execute("UPDATE schedules SET at_ms = ?, status = ? WHERE id = ?", (at_ms, wanted, row["id"]))
            if wanted != status:
                _mark_upload(db, row["upload_id"], "scheduled" if wanted == "pending" else "ready")
            return success(_summary(db, row["id"]))

    async def delete(self, request: Request) -> Response:
        """Delete a schedule that has not been executed; its upload can be scheduled again."""
        with self._world.store.transaction() as db:
            row = _find(db, request.path_params["schedule_id"])
            remove_schedule(db, row)
        if self._world.knobs["tikflow_delete_status"] == 204:
            return Response(status_code=204)
        return JSONResponse({"success": True, "message": "Scheduled post deleted"})

    async def usage(self, _request: Request) -> Response:
        """Tell how much of the plan is used."""
        first, after = _month(self._world.clock.now_ms())
        with self._world.store.transaction() as db:
            accounts = db.execute("SELECT count(*) FROM accounts WHERE service = 'tikflow'").fetchone()[0]
            used, uploads = _pending(db), uploads_since(db, first)
        features: JsonObject = {
            "hasApiAccess": True, "hasAnalytics": True, "hasScheduling": True, "hasPrioritySupport": True,
            "hasVideoUrlSupport": True, "hasPhotoUpload": True, "hasWebhooks": False,
            "hasTeamCollaboration": False,
        }  # fmt: skip
        return success(
            {
                "currentPlan": "Professional", "planId": "professional", "billingCycle": "monthly",
                "status": "active", "uploadsUsed": uploads, "uploadsLimit": UPLOADS_A_MONTH,
                "uploadsResetAt": iso(after), "tiktokProfilesUsed": accounts, "tiktokProfilesLimit": PROFILES,
                "scheduledPostsUsed": used, "scheduledPostsLimit": self._world.knobs["tikflow_quota"],
                "isAdmin": False, "features": features,
            }
        )  # fmt: skip

    async def subscription(self, _request: Request) -> Response:
        """Describe the plan."""
        first, after = _month(self._world.clock.now_ms())
        plan: JsonObject = {
            "id": "professional", "name": "Professional", "description": "For creators who schedule a lot",
            "priceMonthly": 29.99, "priceYearly": 299.99, "maxVideoUploads": UPLOADS_A_MONTH,
            "maxTiktokProfiles": PROFILES, "maxScheduledPosts": self._world.knobs["tikflow_quota"],
            "hasApiAccess": True, "hasAnalytics": True, "hasScheduling": True,
        }  # fmt: skip
        return success(
            {
                "id": "sub_sandbox", "userId": "usr_sandbox", "planId": "professional", "plan": plan,
                "status": "active", "billingCycle": "monthly", "currentPeriodStart": iso(first),
                "currentPeriodEnd": iso(after), "cancelAtPeriodEnd": False, "createdAt": iso(first),
                "updatedAt": iso(first),
            }
        )  # fmt: skip

    def _check_quota(self, db: sqlite3.Connection) -> None:
        quota = self._world.knobs["tikflow_quota"]
        if _pending(db) >= quota:
            raise Refusal(403, "SCHEDULING_LIMIT_EXCEEDED", f"Your plan allows {quota} scheduled posts")


def find_account(db: sqlite3.Connection, account_id: str) -> sqlite3.Row | None:
    """Find a connected TikTok account."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM accounts WHERE service = 'tikflow' AND id = ?", (account_id,)
    ).fetchone()
    return row


def add_schedule(
    db: sqlite3.Connection, upload_id: str, account_id: str, at_ms: int, now: int, *, made_by: str
) -> str:
    """Schedule an upload, which holds it back from being published by itself."""
    schedule_id = str(uuid4())
    db.execute(
        "INSERT INTO schedules (id, upload_id, account_id, at_ms, status, created_ms, made_by)"
        " VALUES (?, ?, ?, ?, 'pending', ?, ?)",
        (schedule_id, upload_id, account_id, at_ms, now, made_by),
    )
    _mark_upload(db, upload_id, "scheduled")
    return schedule_id


def cancel_schedule(db: sqlite3.Connection, row: sqlite3.Row) -> None:
    """Cancel a pending schedule; its upload can be scheduled again."""
    db.execute("UPDATE schedules SET status = 'cancelled' WHERE id = ?", (row["id"],))
    _mark_upload(db, row["upload_id"], "ready")


def remove_schedule(db: sqlite3.Connection, row: sqlite3.Row) -> None:
    """Take a schedule off the list and give its upload free."""
    db.execute("UPDATE schedules SET deleted = 1 WHERE id = ?", (row["id"],))
    if row["status"] == "pending":
        _mark_upload(db, row["upload_id"], "ready")


def uploads_since(db: sqlite3.Connection, start_ms: int) -> int:
    """Count the uploads made since a time."""
    query = "SELECT count(*) FROM uploads WHERE created_ms >= ? AND NOT seeded"
    return int(db.execute(query, (start_ms,)).fetchone()[0])


def month_start(now: int) -> int:
    """Find the beginning of the sandbox's month, when its uploads were last reset."""
    return _month(now)[0]


def _month(now: int) -> tuple[int, int]:
    first = to_datetime(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return to_ms(first), to_ms((first + timedelta(days=32)).replace(day=1))


def _pending(db: sqlite3.Connection) -> int:
    return int(
        db.execute("SELECT count(*) FROM schedules WHERE status = 'pending' AND NOT deleted").fetchone()[0]
    )


def _mark_upload(db: sqlite3.Connection, upload_id: str, status: str) -> None:
    """Set an upload's status, except that what failed or went out stays so."""
    db.execute(
        "UPDATE uploads SET status = ? WHERE id = ? AND status NOT IN ('published', 'failed')",
        (status, upload_id),
    )


def _find(db: sqlite3.Connection, schedule_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM schedules WHERE id = ? AND NOT deleted", (schedule_id.lower(),)
    ).fetchone()
    if row is None:
        raise Refusal(404, "NOT_FOUND", "Scheduled post not found")
    if row["status"] == "executed":
        # The page says only that an update comes before the publishing; the status code is a guess.
        raise Refusal(409, "CONFLICT", "The post has been published")
    return row


def _summary(db: sqlite3.Connection, schedule_id: str) -> JsonObject:
    row = db.execute("SELECT * FROM schedules WHERE id = ?", (schedule_id,)).fetchone()
    return {
        "scheduleId": schedule_id,
        "scheduledTime": iso(row["at_ms"]),
        "status": row["status"],
        "createdAt": iso(row["created_ms"]),
    }


def _time_field(body: JsonObject) -> int:
    value = body.get("scheduledPublishTime")
    at_ms = parse_instant(value)
    if at_ms is None or not str(value).endswith(("Z", "+00:00")):
        raise invalid("scheduledPublishTime", "an ISO 8601 time in UTC")
    return at_ms


def _check_free(upload_status: str) -> None:
    """Refuse an upload that is scheduled or published; that a failed one is refused alike is a guess."""
    if upload_status not in ("pending", "ready"):
        raise Refusal(409, "CONFLICT", f"The video is already {upload_status}")


def _check_lead(at_ms: int, now: int) -> None:
    if at_ms < now + LEAD_MS:
        raise Refusal(422, "UNPROCESSABLE_ENTITY", "The time is in the past or less than 15 minutes ahead")
