"""What a fresh sandbox holds: accounts, and media that are ready to be named by id in a calendar."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from calsync.sandbox import people, postiz_channels
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

POSTIZ_CUSTOMERS = (("cus0sandbox00000000000001", "Client"),)
"""Id and name of the groups into which Postiz's channels can be put."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of Postiz. That it has to be connected anew is not told by its API."""

    id: str
    network: str
    name: str
    profile: str
    customer: str | None = None
    disabled: bool = False
    refresh_needed: bool = False


POSTIZ_CHANNELS = (
    Channel("cm0sandbox000000000000001", "x", "Brand", "brand"),
    Channel("cm0sandbox000000000000002", "mastodon", "Brand", "brand@mastodon.example"),
    Channel("cm0sandbox000000000000003", "bluesky", "Brand Sky", "brand.bsky.example"),
    Channel(
        "cm0sandbox000000000000004", "instagram", "Brand Pictures", "brand.pictures", POSTIZ_CUSTOMERS[0][0]
    ),
    Channel("cm0sandbox000000000000005", "tiktok", "Brand Clips", "brand.clips"),
    Channel("cm0sandbox000000000000006", "telegram", "News", "news_en"),
    Channel("cm0sandbox000000000000007", "telegram", "News", "news_de"),
    Channel("cm0sandbox000000000000008", "linkedin", "Old Company", "old-company", disabled=True),
    Channel("cm0sandbox000000000000009", "threads", "Brand Threads", "brand.threads", refresh_needed=True),
)
"""One name on two networks, one name twice on the same, one channel that is off, one that lost its access."""

POSTQUED_CONTENTS = tuple(f"550e8400-e29b-41d4-a716-{446655440000 + number}" for number in range(3))
"""Videos in Postqued's library; the first id is the guide's."""


def plant(db: sqlite3.Connection, now: int) -> None:
    """Fill an empty database; one that has accounts keeps those it has."""
    if db.execute("SELECT 1 FROM workspaces").fetchone() is None:
        add_workspace(db, MAIN_WORKSPACE, MAIN_NAME)
    if db.execute("SELECT 1 FROM accounts WHERE service = 'postiz'").fetchone() is None:
        _plant_postiz(db, now)
    if db.execute("SELECT 1 FROM accounts WHERE service != 'postiz'").fetchone() is not None:
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


def _plant_postiz(db: sqlite3.Connection, now: int) -> None:
    db.executemany("INSERT OR REPLACE INTO postiz_customers VALUES (?, ?)", POSTIZ_CUSTOMERS)
    for channel in POSTIZ_CHANNELS:
        add_account(db, "postiz", channel.id, channel.profile, channel.name, channel.network, now=now)
        set_channel(
            db,
            channel.id,
            disabled=channel.disabled,
            refresh_needed=channel.refresh_needed,
            customer_id=channel.customer,
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
    if service not in ("postqued", "tikflow", "postiz"):
        raise ValueError(f"there is no service {service}")
    if service == "postiz" and platform not in postiz_channels.NETWORKS:
        raise ValueError(f"postiz has no network {platform} here: {', '.join(postiz_channels.NETWORKS)}")
    check_workspace(db, workspace_id)
    db.execute(
        "INSERT OR REPLACE INTO accounts (service, id, platform, username, display_name, workspace_id,"
        " v2_only, connected_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (service, account_id, platform, username, name, workspace_id, v2_only, now),
    )


def set_channel(
    db: sqlite3.Connection,
    channel_id: str,
    *,
    disabled: bool | None = None,
    refresh_needed: bool | None = None,
    customer_id: str | None = None,
) -> None:
    """Switch a channel of Postiz off or on, have it need to be connected anew, or put it into a group."""
    check_channel(db, channel_id)
    db.execute(
        "UPDATE accounts SET disabled = coalesce(?, disabled), refresh_needed = coalesce(?, refresh_needed),"
        " customer_id = coalesce(?, customer_id) WHERE service = 'postiz' AND id = ?",
        (disabled, refresh_needed, customer_id, channel_id),
    )


def check_channel(db: sqlite3.Connection, channel_id: str) -> None:
    """Refuse a channel that Postiz does not have."""
    if postiz_channels.find(db, channel_id) is None:
        raise ValueError(f"postiz has no channel {channel_id}")


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
