"""What Postqued v2 checks in a publish beyond the form of its fields.

The options of each platform are the vendor's, as data beside this file: one that is not listed is refused.
That TikTok, Instagram, YouTube and Pinterest need something to show is the sandbox's choice: the description
allows a publish without contents, and those platforms have no posts of text alone. TikTok's own limit of 2200
for captions is not checked, since v2 documents one of 63206 for all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from calsync.sandbox import postqued, v2_creators
from calsync.sandbox.described import Description, Schema
from calsync.sandbox.postqued import Target
from calsync.sandbox.v2_calls import Call
from calsync.sandbox.wire import Json, JsonObject, Refusal, invalid

_SHOWING = ("tiktok", "instagram", "youtube", "pinterest")


def _options() -> Mapping[str, Schema]:
    text = Path(__file__).with_name("postqued_v2_options.json").read_text(encoding="utf-8")
    options: Mapping[str, Schema] = json.loads(text)
    return options


OPTIONS = _options()
"""The options of a target, by platform."""
_CHECKED = Description({}, OPTIONS)


def checked(call: Call) -> tuple[list[str], list[Target]]:
    """Check contents and targets of a publish that is well-formed."""
    rows = [_content(call, content_id) for content_id in _list(call.body["contentIds"])]
    targets = [_target(call, target, index, rows) for index, target in enumerate(_list(call.body["targets"]))]
    return [row["id"] for row in rows], targets


def _content(call: Call, content_id: Json) -> sqlite3.Row:
    row: sqlite3.Row | None = call.db.execute(
        "SELECT * FROM contents WHERE id = ? AND workspace_id = ? AND status != 'deleted'",
        (str(content_id).lower(), call.workspace_id),
    ).fetchone()
    if row is None:
        raise Refusal(404, "CONTENT_NOT_FOUND", f"There is no content {content_id}")
    if row["status"] != "ready":
        raise Refusal(400, "CONTENT_NOT_READY", f"The upload of {content_id} was not completed")
    return row


def _target(call: Call, value: Json, index: int, contents: list[sqlite3.Row]) -> Target:
    said = _object(value)
    where = f"targets[{index}]"
    platform, account_id = str(said["platform"]), str(said["accountId"]).lower()
    row = call.db.execute(
        "SELECT 1 FROM accounts WHERE service = 'postqued' AND id = ? AND platform = ? AND workspace_id = ?",
        (account_id, platform, call.workspace_id),
    ).fetchone()
    if row is None:
        raise Refusal(400, "ACCOUNT_NOT_CONNECTED", f"No {platform} account {account_id} is connected")
    options = _object(said.get("options", {}))
    _CHECKED.check(OPTIONS[platform], options, f"{where}.options")
    if platform in _SHOWING and not contents:
        raise invalid("contentIds", f"{platform} needs a content")
    if platform == "tiktok":
        _check_tiktok(call, account_id, options, contents, where)
    return Target(
        platform=platform,
        account_id=account_id,
        intent=str(said["intent"]),
        caption=str(said["caption"]),
        options=options,
        at_ms=postqued.checked_time(said["dispatchAt"], call.now),
    )


def _check_tiktok(
    call: Call, account_id: str, options: JsonObject, contents: list[sqlite3.Row], where: str
) -> None:
    creator = v2_creators.creator(call.db, account_id)
    allowed = creator["privacy_level_options"]
    if "privacyLevel" in options and options["privacyLevel"] not in allowed:
        raise invalid(f"{where}.options.privacyLevel", f"the account allows {' | '.join(allowed)}")
    if len(contents) > 1 and any(row["kind"] != "image" for row in contents):
        raise invalid("contentIds", "several contents have to be images")
    longest = creator["max_video_post_duration_sec"]
    if any((row["duration_ms"] or 0) > longest * 1000 for row in contents):
        raise invalid("contentIds", f"the account allows videos of {longest} seconds")


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
