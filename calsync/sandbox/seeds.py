"""What a fresh sandbox holds: accounts, and media that are ready to be named by id in a calendar."""

from __future__ import annotations

import sqlite3

from calsync.sandbox import people

POSTQUED_ACCOUNTS = (
    ("660e8400-e29b-41d4-a716-446655440001", "@brand", "Brand"),
    ("660e8400-e29b-41d4-a716-446655440002", "@second", "Second"),
)
"""Id, username and display name; the first id is the guide's."""

TIKFLOW_ACCOUNTS = (
    ("123e4567-e89b-12d3-a456-426614174000", "my_tiktok_handle", "My TikTok Name"),
    ("123e4567-e89b-12d3-a456-426614174001", "my_other_handle", "My Other Name"),
)
"""Id, username and display name; the first is the scheduling page's."""

TIKFLOW_UPLOADS = tuple(f"550e8400-e29b-41d4-a716-{446655440000 + number}" for number in range(10))
"""Ready to be scheduled, all on the first account; the first id is the scheduling page's."""

POSTQUED_CONTENTS = tuple(f"550e8400-e29b-41d4-a716-{446655440000 + number}" for number in range(3))
"""Videos in Postqued's library; the first id is the guide's."""


def plant(db: sqlite3.Connection, now: int) -> None:
    """Fill an empty database; one that has accounts is left as it is."""
    if db.execute("SELECT 1 FROM accounts").fetchone() is not None:
        return
    for service, accounts in (("postqued", POSTQUED_ACCOUNTS), ("tikflow", TIKFLOW_ACCOUNTS)):
        for account_id, username, display_name in accounts:
            add_account(db, service, account_id, username, display_name)
    for content_id in POSTQUED_CONTENTS:
        people.add_content(db, now, content_id=content_id)
    for number, upload_id in enumerate(TIKFLOW_UPLOADS, 1):
        people.add_upload(
            db,
            now,
            account_id=TIKFLOW_ACCOUNTS[0][0],
            upload_id=upload_id,
            title=f"Video {number}",
            description=f"Description of video {number}",
        )


def add_account(
    db: sqlite3.Connection, service: str, account_id: str, username: str, name: str, platform: str = "tiktok"
) -> None:
    """Connect an account, or change the one with that id."""
    if service not in ("postqued", "tikflow"):
        raise ValueError(f"there is no service {service}")
    db.execute(
        "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?)",
        (service, account_id, platform, username, name),
    )
