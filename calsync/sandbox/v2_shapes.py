"""How Postqued v2's answers look: fields that are named somewhere, and a few that no client has heard of."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from calsync.sandbox import postqued, seeds
from calsync.sandbox.v2_creators import Creator
from calsync.sandbox.wire import Json, JsonObject, iso
from calsync.sandbox.world import Knobs


def organizations_context(db: sqlite3.Connection) -> JsonObject:
    """Show the one organization of the key, with its first workspace as the active one."""
    organization_id, name = seeds.ORGANIZATION
    workspaces = _workspaces(db)
    organization: JsonObject = {
        "id": organization_id,
        "name": name,
        "role": "owner",
        "workspaces": [*workspaces],
    }
    return {
        "activeOrganizationId": organization_id,
        "activeWorkspaceId": workspaces[0]["id"],
        "organizations": [organization],
    }


def mcp_context(db: sqlite3.Connection, knobs: Knobs) -> JsonObject:
    """Show the principal and what it reaches."""
    organization_id, name = seeds.ORGANIZATION
    principal: JsonObject = {"type": "api_key", "id": "key_sandbox", "organizationId": organization_id}
    organization: JsonObject = {"id": organization_id, "name": name}
    workspaces: list[Json] = [*_workspaces(db)]
    if knobs["v2_context"] == "flat":
        return {"principal": principal, "organizations": [organization], "workspaces": workspaces}
    return {"principal": principal, "organizations": [{**organization, "workspaces": workspaces}]}


def _workspaces(db: sqlite3.Connection) -> list[JsonObject]:
    rows = db.execute(
        "SELECT * FROM workspaces WHERE organization_id = ? ORDER BY rowid", (seeds.ORGANIZATION[0],)
    )
    return [
        {"id": row["id"], "name": row["name"], "organizationId": row["organization_id"], "timezone": "UTC"}
        for row in rows
    ]


def account(row: sqlite3.Row) -> JsonObject:
    """Show an account in the description's shape; the only status here is ``active``."""
    return {
        "id": row["id"],
        "platform": row["platform"],
        "externalAccountId": f"{row['platform']}:{row['username'].removeprefix('@')}",
        "username": row["username"],
        "displayName": row["display_name"],
        "avatarUrl": None,
        "accountStatus": "active",
        "createdAt": iso(row["connected_ms"]),
        "workspaceId": row["workspace_id"],
    }


def creator_info(info: Creator, row: sqlite3.Row, knobs: Knobs) -> JsonObject:
    """Show what TikTok allows an account, in the shape that is set."""
    snake: JsonObject = {
        "creator_username": row["username"].removeprefix("@"),
        "creator_nickname": row["display_name"],
        "creator_avatar_url": "",
        "privacy_level_options": [*info["privacy_level_options"]],
        "comment_disabled": info["comment_disabled"],
        "duet_disabled": info["duet_disabled"],
        "stitch_disabled": info["stitch_disabled"],
        "max_video_post_duration_sec": info["max_video_post_duration_sec"],
    }
    shape = knobs["v2_creator_info"]
    if shape == "opaque":
        return {"result": "ok", "revision": 7}
    camel: JsonObject = {_camel(name): value for name, value in snake.items()}
    if shape == "wrapped":
        return {"creatorInfo": camel}
    return camel if shape == "camel" else snake


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def publish(row: sqlite3.Row, targets: Sequence[sqlite3.Row], knobs: Knobs) -> JsonObject:
    """Show a publish with its targets."""
    name = "publishId" if knobs["v2_publish_id"] == "publishId" else "id"
    return {
        name: row["id"],
        "workspaceId": row["workspace_id"],
        "status": postqued.request_status([target["status"] for target in targets]),
        "contentIds": json.loads(row["content_ids"]),
        "createdAt": iso(row["created_ms"]),
        "targets": [target(each, knobs) for each in targets],
        "labels": [],
        "approval": None,
    }


def target(row: sqlite3.Row, knobs: Knobs) -> JsonObject:
    """Show one target."""
    published = row["published_ms"]
    return {
        "id": row["id"],
        "platform": row["platform"],
        "accountId": row["account_id"],
        "intent": row["intent"],
        "caption": row["caption"],
        "options": json.loads(row["options"]),
        "dispatchAt": None if row["at_ms"] is None else iso(row["at_ms"]),
        "status": row["status"],
        "publishedAt": None if published is None else iso(published),
        "platformPostId": f"post_{row['id'][:8]}" if row["status"] == "published" else None,
        knobs["v2_error_field"]: row["error"],
        "attempts": row["times_published"],
    }


def about(shown: JsonObject, knobs: Knobs) -> JsonObject:
    """Wrap an answer about one publish as it is set."""
    return {"publish": shown} if knobs["v2_publish_id"] == "publish.id" else shown


def listed(shown: list[Json], knobs: Knobs) -> Json:
    """Wrap a list of publishes as it is set."""
    shape = knobs["v2_list_shape"]
    return shown if shape == "list" else {shape: shown, "total": len(shown)}
