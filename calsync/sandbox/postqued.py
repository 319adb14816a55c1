"""Postqued's records and rules that do not depend on the version of its API: contents, publishes, keys."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from uuid import uuid4

from starlette.responses import JSONResponse, Response

from calsync.sandbox.gate import Service
from calsync.sandbox.limits import Verdict
from calsync.sandbox.log import RequestClass
from calsync.sandbox.wire import (
    PRIVACY_LEVELS,
    Json,
    JsonObject,
    Refusal,
    invalid,
    parse_instant,
    text_field,
    utf16_length,
)

KEY = "pq_sandbox"
KEY_LIFE_MS = 24 * 3600 * 1000
"""How long an idempotency key is remembered (v1's skill file), by the sandbox's clock."""
LONGEST_CAPTION = 2200
"""TikTok's limit in UTF-16 units; TikTok's Content Posting API reference."""
MOST_IMAGES = 35
"""v1's guide: carousels of 2 to 35 images."""

_SWITCHES = (
    "disableDuet", "disableStitch", "disableComment", "autoAddMusic",
    "brandContentToggle", "brandOrganicToggle",
)  # fmt: skip


def envelope(refusal: Refusal) -> Response:
    """Answer an error in Postqued's flat shape: ``{"error": text, "code": CODE}``."""
    body = {"error": refusal.message, "code": refusal.code}
    return JSONResponse(body, refusal.status, refusal.headers)


def _classify(method: str, path: str, body: Json) -> RequestClass:
    if method in ("GET", "HEAD"):
        return "read"
    if method == "DELETE":
        return "delete"
    if path.startswith(("/v1/content/upload", "/v2/content/upload")):
        return "upload"
    if path == "/v2/publish" and isinstance(body, dict) and body.get("dryRun") is True:
        return "check"
    return "publish" if path in ("/v1/content/publish", "/v2/publish") else "other"


def _headers(verdict: Verdict) -> dict[str, str]:
    return {} if verdict.retry_after is None else {"Retry-After": str(verdict.retry_after)}


SERVICE = Service(
    name="postqued",
    key=KEY,
    public=frozenset({"/v2/ping"}),
    classify=_classify,
    # Whether dry runs count as publishes is not documented: they go to the same address, so here they do.
    limits={"upload": "upload", "read": "read", "publish": "publish", "check": "publish", "delete": "delete"},
    envelope=envelope,
    headers=_headers,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One account of a publish, checked. ``at_ms`` None is the documented "now"."""

    platform: str
    account_id: str
    intent: str
    caption: str
    options: JsonObject
    at_ms: int | None


def recall(db: sqlite3.Connection, key: str, body: bytes, now: int, *, replays: bool) -> Json:
    """Find the first answer to a key, or None; another body, or any where keys do not replay, is a conflict.

    Bodies are compared byte for byte: whether the real service compares more kindly is not documented.
    """
    db.execute("DELETE FROM keys WHERE created_ms <= ?", (now - KEY_LIFE_MS,))
    row = db.execute("SELECT body_sha256, answer FROM keys WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    if not replays or row["body_sha256"] != hashlib.sha256(body).hexdigest():
        raise Refusal(409, "IDEMPOTENCY_CONFLICT", "This idempotency key was used before")
    answer: Json = json.loads(row["answer"])
    return answer


def remember(db: sqlite3.Connection, key: str, body: bytes, answer: JsonObject, now: int) -> None:
    """Keep the first answer to a key. Refusals are not kept: they made nothing that a repeat could double."""
    row = (key, hashlib.sha256(body).hexdigest(), json.dumps(answer), now)
    db.execute("INSERT INTO keys VALUES (?, ?, ?, ?)", row)


def checked_contents(db: sqlite3.Connection, body: JsonObject) -> list[str]:
    """Read ``contentIds``: one content, or 2 to 35 images, all uploaded completely."""
    ids = body.get("contentIds")
    if not isinstance(ids, list) or not ids or len(ids) > MOST_IMAGES:
        raise invalid("contentIds", f"1 to {MOST_IMAGES} ids are required")
    found: list[str] = []
    kinds: list[str] = []
    for content_id in ids:
        row = db.execute("SELECT kind, status FROM contents WHERE id = ?", (str(content_id),)).fetchone()
        if row is None or row["status"] == "deleted":
            raise Refusal(404, "CONTENT_NOT_FOUND", f"There is no content {content_id}")
        if row["status"] != "ready":
            raise Refusal(400, "CONTENT_NOT_READY", f"The upload of {content_id} was not completed")
        found.append(str(content_id))
        kinds.append(row["kind"])
    if len(kinds) > 1 and set(kinds) != {"image"}:
        raise invalid("contentIds", "several contents have to be images")
    return found


def checked_targets(db: sqlite3.Connection, body: JsonObject, now: int) -> list[Target]:
    """Read ``targets``, at least one."""
    targets = body.get("targets")
    if not isinstance(targets, list) or not targets:
        raise invalid("targets", "at least one is required")
    return [_checked_target(db, target, now) for target in targets]


def _checked_target(db: sqlite3.Connection, target: Json, now: int) -> Target:
    if not isinstance(target, dict):
        raise invalid("targets", "an object is required")
    platform = text_field(target, "platform")
    account_id = text_field(target, "accountId")
    row = db.execute(
        "SELECT 1 FROM accounts WHERE service = 'postqued' AND id = ? AND platform = ? AND NOT v2_only",
        (account_id, platform),
    ).fetchone()
    if row is None:
        raise Refusal(400, "ACCOUNT_NOT_CONNECTED", f"No {platform} account {account_id} is connected")
    intent = text_field(target, "intent")
    if intent not in ("draft", "publish"):
        raise invalid("intent", "draft or publish")
    caption = target.get("caption", "")
    if caption:
        text_field(target, "caption")
    if not isinstance(caption, str) or utf16_length(caption) > LONGEST_CAPTION:
        raise invalid("caption", f"a text of at most {LONGEST_CAPTION} characters")
    return Target(
        platform=platform,
        account_id=account_id,
        intent=intent,
        caption=caption,
        options=_checked_options(target.get("options", {})),
        at_ms=checked_time(target.get("dispatchAt"), now),
    )


def checked_time(value: Json, now: int) -> int | None:
    """Read ``dispatchAt``: a time to come, or None for now."""
    if value is None:
        return None
    at_ms = parse_instant(value)
    if at_ms is None:
        raise invalid("dispatchAt", "an ISO 8601 time with Z or an offset, or null for now")
    if at_ms <= now:
        raise invalid("dispatchAt", "a time in the future")
    return at_ms


def _checked_options(options: Json) -> JsonObject:
    if not isinstance(options, dict):
        raise invalid("options", "an object is required")
    if options.get("privacyLevel") not in (None, *PRIVACY_LEVELS):
        raise invalid("privacyLevel", " | ".join(PRIVACY_LEVELS))
    for name in _SWITCHES:
        if not isinstance(options.get(name, False), bool):
            raise invalid(name, "true or false")
    cover = options.get("videoCoverTimestampMs", 0)
    if not isinstance(cover, int) or isinstance(cover, bool) or cover < 0:
        raise invalid("videoCoverTimestampMs", "whole milliseconds")
    return options


def add_publish(
    db: sqlite3.Connection,
    contents: list[str],
    targets: list[Target],
    now: int,
    *,
    made_by: str,
    key: str | None = None,
) -> str:
    """Make a publish of some contents to some targets; a target without a time is due at once.

    It belongs to the workspace of the first target's account.
    """
    publish_id = str(uuid4())
    db.execute(
        "INSERT INTO publishes (id, idempotency_key, content_ids, created_ms, made_by, workspace_id)"
        " SELECT ?, ?, ?, ?, ?, workspace_id FROM accounts WHERE service = 'postqued' AND id = ?",
        (publish_id, key, json.dumps(contents), now, made_by, targets[0].account_id),
    )
    for position, target in enumerate(targets):
        db.execute(
            "INSERT INTO targets (id, publish_id, position, platform, account_id, intent, caption,"
            " options, at_ms, due_ms, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                str(uuid4()), publish_id, position, target.platform, target.account_id, target.intent,
                target.caption, json.dumps(target.options), target.at_ms,
                now if target.at_ms is None else target.at_ms,
                "queued" if target.at_ms is None else "scheduled",
            ),
        )  # fmt: skip
    return publish_id


def request_status(targets: list[str]) -> str:
    """Sum up the statuses of a publish's targets in the words for requests (v1's skill file)."""
    seen = set(targets)
    if seen & {"processing"} or (seen & {"queued", "scheduled"} and seen & {"sent", "published", "failed"}):
        return "processing"
    if seen & {"queued", "scheduled"}:
        return "pending"
    if seen <= {"sent", "published", "canceled"} and seen != {"canceled"}:
        return "completed"
    if seen == {"canceled"}:
        return "canceled"
    return "partial_failed" if seen & {"sent", "published"} else "failed"
