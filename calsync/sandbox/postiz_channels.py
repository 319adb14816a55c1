"""Postiz's channels ("integrations"): which networks there are, and what a post on each has to say.

Measured: the limits of x (280) and mastodon (500); that x has to be told ``who_can_reply_post`` and instagram
``post_type`` (post or story) and shown media, drafts included; that mastodon, bluesky, threads and telegram
need nothing; that four images is x's word in ``rules`` while five are accepted. All other lengths, rules,
settings and their values are the sandbox's own, plausible and no more.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from calsync.sandbox.described import Description, Schema
from calsync.sandbox.wire import Json, JsonObject, Refusal

NO_SETTINGS = "No additional settings required"
"""What stands in place of a schema where a network takes none."""

_TEXT = Schema(type="string")
_SWITCH = Schema(type="boolean")


def _one_of(*words: str) -> Schema:
    return Schema(type="string", enum=[*words])


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What Postiz knows of a network; ``settings`` None: it takes any."""

    rules: str
    longest: int
    settings: Schema | None = None
    needs_media: bool = False


NETWORKS: Mapping[str, Network] = {
    "x": Network(
        rules="X can have maximum 4 pictures, or maximum one video, it can also be without attachments",
        longest=280,
        settings=Schema(
            type="object",
            properties={
                "who_can_reply_post": _one_of(
                    "everyone", "following", "mentionedUsers", "subscribers", "verified"
                ),
                "community": _TEXT,
            },
            required=["who_can_reply_post"],
        ),
    ),
    "instagram": Network(
        rules="Instagram should have at least one attachment, if it is a story, it can have only one picture",
        longest=2200,
        settings=Schema(
            type="object",
            properties={
                "post_type": _one_of("post", "story"),
                "collaborators": Schema(type="array", items=Schema(type="object")),
            },
            required=["post_type"],
        ),
        needs_media=True,
    ),
    "mastodon": Network(rules="Mastodon can have maximum 4 pictures", longest=500),
    "bluesky": Network(rules="Bluesky can have maximum 1 video or 4 pictures", longest=300),
    "threads": Network(rules="Threads can be with or without attachments", longest=500),
    "telegram": Network(rules="Telegram can be with or without attachments", longest=4096),
    "linkedin": Network(
        rules="LinkedIn can have maximum one attachment when selecting video",
        longest=3000,
        settings=Schema(type="object", properties={"post_as_images_carousel": _SWITCH}, required=[]),
    ),
    "tiktok": Network(
        rules="TikTok can have one video or one picture or multiple pictures, it cannot be without an attachment",
        longest=2000,
        settings=Schema(
            type="object",
            properties={
                "title": Schema(type="string", maxLength=90),
                "privacy_level": _one_of(
                    "PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY"
                ),
                "duet": _SWITCH,
                "stitch": _SWITCH,
                "comment": _SWITCH,
                "autoAddMusic": _one_of("yes", "no"),
                "brand_content_toggle": _SWITCH,
                "brand_organic_toggle": _SWITCH,
                "content_posting_method": _one_of("DIRECT_POST", "UPLOAD"),
            },
            required=["privacy_level", "content_posting_method"],
        ),
        needs_media=True,
    ),
}
_CHECKED = Description(
    {}, {name: network.settings for name, network in NETWORKS.items() if network.settings is not None}
)


def find(db: sqlite3.Connection, channel_id: str) -> sqlite3.Row | None:
    """Find a channel with its customer's name."""
    row: sqlite3.Row | None = db.execute(f"{_ROWS} AND accounts.id = ?", (channel_id,)).fetchone()
    return row


def listed(db: sqlite3.Connection, group: str | None) -> list[JsonObject]:
    """Show the channels, of one customer where one is named."""
    rows = db.execute(f"{_ROWS} AND (?1 IS NULL OR customer_id = ?1) ORDER BY accounts.rowid", (group,))
    return [_shown(row) for row in rows]


def remove(db: sqlite3.Connection, channel_id: str) -> None:
    """Take a channel away, and its posts with it."""
    db.execute("UPDATE accounts SET removed = 1 WHERE service = 'postiz' AND id = ?", (channel_id,))
    db.execute("UPDATE postiz_posts SET deleted = 1 WHERE channel_id = ?", (channel_id,))


def groups(db: sqlite3.Connection) -> list[JsonObject]:
    """Show the customers."""
    rows = db.execute("SELECT id, name FROM postiz_customers ORDER BY rowid")
    return [{"id": row["id"], "name": row["name"]} for row in rows]


def described(row: sqlite3.Row) -> JsonObject:
    """Tell what a post on a channel has to look like."""
    network = NETWORKS[row["platform"]]
    settings: Json = NO_SETTINGS if network.settings is None else json.loads(json.dumps(network.settings))
    return {
        "output": {
            "rules": network.rules,
            "maxLength": network.longest,
            "settings": settings,
            "tools": [],
        }
    }


def check_settings(row: sqlite3.Row, settings: JsonObject, where: str) -> list[str]:
    """Hold a post's settings to its network; what is wrong with them."""
    schema = NETWORKS[row["platform"]].settings
    if schema is None:
        return []
    try:
        _CHECKED.check(schema, settings, "settings")
    except Refusal as refusal:
        return [f"{where}.{refusal.message}"]
    return []


_ROWS = (
    "SELECT accounts.*, postiz_customers.name AS customer FROM accounts"
    " LEFT JOIN postiz_customers ON postiz_customers.id = customer_id WHERE service = 'postiz' AND NOT removed"
)


def _shown(row: sqlite3.Row) -> JsonObject:
    shown: JsonObject = {
        "id": row["id"],
        "name": row["display_name"],
        "identifier": row["platform"],
        "picture": f"https://pictures.example/{row['id']}.png",
        "disabled": bool(row["disabled"]),
        "profile": row["username"],
    }
    if row["customer_id"] is not None:
        shown["customer"] = {"id": row["customer_id"], "name": row["customer"]}
    return shown
