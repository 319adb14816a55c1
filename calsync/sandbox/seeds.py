"""What a fresh sandbox holds: accounts, and media that are ready to be named by id in a calendar."""

from __future__ import annotations

import sqlite3
from uuid import NAMESPACE_URL, uuid5

from calsync.sandbox import people
from calsync.sandbox.store import MAIN_WORKSPACE

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

POSTQUED_V2_ACCOUNTS = (
    ("660e8400-e29b-41d4-a716-446655440003", "@brand.pictures", "Brand Pictures", "instagram"),
    ("660e8400-e29b-41d4-a716-446655440004", "@brand.films", "Brand Films", "youtube"),
)
"""Id, username, display name and platform of accounts that Postqued v1 does not show."""

ORGANIZATION = ("880e8400-e29b-41d4-a716-446655440000", "Sandbox")
"""Id and name of the organization to which the key belongs."""

MAIN_NAME = "Main"
"""The name of the workspace that is there from the start."""

POSTQUED_CONTENTS = tuple(f"550e8400-e29b-41d4-a716-{446655440000 + number}" for number in range(3))
"""Videos in Postqued's library; the first id is the guide's."""


def plant(db: sqlite3.Connection, now: int) -> None:
    """Fill an empty database; one that has accounts keeps those it has."""
    if db.execute("SELECT 1 FROM workspaces").fetchone() is None:
        add_workspace(db, MAIN_WORKSPACE, MAIN_NAME)
    if db.execute("SELECT 1 FROM accounts").fetchone() is not None:
        return
    for service, accounts in (("postqued", POSTQUED_ACCOUNTS), ("tikflow", TIKFLOW_ACCOUNTS)):
        for account_id, username, display_name in accounts:
            add_account(db, service, account_id, username, display_name, now=now)
    for account_id, username, display_name, platform in POSTQUED_V2_ACCOUNTS:
        add_account(db, "postqued", account_id, username, display_name, platform, v2_only=True, now=now)
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
    db: sqlite3.Connection,
    service: str,
    account_id: str,
    username: str,
    name: str,
    platform: str = "tiktok",
    *,
    workspace_id: str = MAIN_WORKSPACE,
    v2_only: bool = False,
    now: int = 0,
) -> None:
    """Connect an account, or change the one with that id."""
    if service not in ("postqued", "tikflow"):
        raise ValueError(f"there is no service {service}")
    check_workspace(db, workspace_id)
    db.execute(
        "INSERT OR REPLACE INTO accounts (service, id, platform, username, display_name, workspace_id,"
        " v2_only, connected_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (service, account_id, platform, username, name, workspace_id, v2_only, now),
    )


def add_workspace(
    db: sqlite3.Connection, workspace_id: str, name: str, *, organization: str | None = None
) -> None:
    """Open a workspace in the key's organization, or in another one, which the key does not reach."""
    of = ORGANIZATION
    if organization not in (None, ORGANIZATION[1]):
        of = (str(uuid5(NAMESPACE_URL, f"organization:{organization}")), str(organization))
    db.execute("INSERT OR REPLACE INTO workspaces VALUES (?, ?, ?, ?)", (workspace_id, name, *of))


def check_workspace(db: sqlite3.Connection, workspace_id: str) -> None:
    """Refuse a workspace that does not exist."""
    if db.execute("SELECT 1 FROM workspaces WHERE id = ?", (workspace_id,)).fetchone() is None:
        raise ValueError(f"postqued has no workspace {workspace_id}")
