"""What TikTok allows an account, which Postqued v2 passes on: a public account unless a test says otherwise."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import TypedDict

from calsync.sandbox.wire import PRIVACY_LEVELS


class Creator(TypedDict):
    """TikTok's own names and defaults."""

    privacy_level_options: list[str]
    comment_disabled: bool
    duet_disabled: bool
    stitch_disabled: bool
    max_video_post_duration_sec: int


PUBLIC = ("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")
"""The choices of a public account; a private one has its followers in place of everyone."""


def creator(db: sqlite3.Connection, account_id: str) -> Creator:
    """Find what an account is allowed."""
    row = db.execute("SELECT info FROM creators WHERE account_id = ?", (account_id,)).fetchone()
    if row is not None:
        info: Creator = json.loads(row["info"])
        return info
    return Creator(
        privacy_level_options=list(PUBLIC),
        comment_disabled=False,
        duet_disabled=False,
        stitch_disabled=False,
        max_video_post_duration_sec=600,
    )


def set_creator(
    db: sqlite3.Connection,
    account_id: str,
    *,
    privacy_levels: Sequence[str] | None,
    longest_seconds: int | None,
    disabled: Sequence[str],
) -> None:
    """Change what an account is allowed; ``disabled`` is of comment, duet, stitch."""
    if not {*(privacy_levels or ())} <= {*PRIVACY_LEVELS} or not {*disabled} <= {"comment", "duet", "stitch"}:
        raise ValueError(
            f"privacy levels are {', '.join(PRIVACY_LEVELS)}; comment, duet, stitch can be disabled"
        )
    info = creator(db, account_id)
    if privacy_levels is not None:
        info["privacy_level_options"] = list(privacy_levels)
    if longest_seconds is not None:
        info["max_video_post_duration_sec"] = longest_seconds
    info["comment_disabled"] = "comment" in disabled
    info["duet_disabled"] = "duet" in disabled
    info["stitch_disabled"] = "stitch" in disabled
    db.execute("INSERT OR REPLACE INTO creators VALUES (?, ?)", (account_id, json.dumps(info)))
