"""Postiz's posts: written, listed, deleted, and published when the time of their job has come.

A root post has a ``job``: the time at which it wakes up, kept apart from the date that is shown, since a post
that is written with type ``update`` gets a new date and keeps its job. Thread replies are rows of their own
that hang on the root and have its group.

The sandbox's choices: a post of type ``now`` gets the present as its date; an ``update`` that finds no such
post makes one that no job ever publishes; a repeating post stays PUBLISHED between its occurrences; a post on
a channel that is disabled or has to be connected anew ends as ERROR at its time; a change of the state alone
takes published posts too, in both versions, and schedules them once more; HEAD's guard of what is published
holds for every type, ``update`` too; a reply's own id is none that can be deleted.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from uuid import uuid4

from calsync.sandbox import postiz_wire
from calsync.sandbox.postiz_bodies import Entry, Value, Wanted
from calsync.sandbox.postiz_texts import sanitized
from calsync.sandbox.wire import Json, JsonObject, iso

DAY_MS = 24 * 3600 * 1000


def write(
    db: sqlite3.Connection, wanted: Wanted, now: int, *, made_by: str = "api", guarded: bool = False
) -> list[JsonObject]:
    """Make or replace a post for each entry; ``guarded``: what is published already is not to be touched."""
    for entry in wanted.entries:
        row = _row(db, entry.values[0].id)
        if guarded and not wanted.republish and row is not None and row["state"] == "PUBLISHED":
            raise postiz_wire.bad_request("The post is published already: set republish to publish it again")
    return [
        {"postId": _write(db, wanted, entry, now, made_by), "integration": entry.channel_id}
        for entry in wanted.entries
    ]


def _write(db: sqlite3.Connection, wanted: Wanted, entry: Entry, now: int, made_by: str) -> str:
    group = new_group()
    root = _put(db, entry, entry.values[0], group, None, 0, now, made_by)
    for position, value in enumerate(entry.values[1:], 1):
        _put(db, entry, value, group, root, position, now, made_by)
    if entry.group is not None:
        # What was written has its new group by now: all that is left in the named one goes, whosever it is.
        delete_group(db, entry.group)
    at_ms = now if wanted.kind == "now" else wanted.at_ms
    db.execute(
        "UPDATE postiz_posts SET at_ms = ?, inter = ?, at_once = ?, tags = ? WHERE id = ?",
        (at_ms, wanted.inter, wanted.kind == "now", json.dumps(_known_tags(db, wanted.tags)), root),
    )
    if wanted.kind == "draft":
        set_state(db, root, "DRAFT", None)
    elif wanted.kind != "update":
        set_state(db, root, "QUEUE", max(at_ms, now))
    return root


def _put(
    db: sqlite3.Connection,
    entry: Entry,
    value: Value,
    group: str,
    root_id: str | None,
    position: int,
    now: int,
    made_by: str,
) -> str:
    """Write one row, in place where the id is known, even to a row that was deleted, which it stays."""
    there = _row(db, value.id)
    post_id = f"c{uuid4().hex[:24]}" if there is None else str(there["id"])
    if there is None:
        db.execute(
            "INSERT INTO postiz_posts (id, state, created_ms, made_by) VALUES (?, 'QUEUE', ?, ?)",
            (post_id, now, made_by),
        )
    db.execute(
        "UPDATE postiz_posts SET channel_id = ?, group_id = ?, parent_id = ?, position = ?, content = ?,"
        " image = ?, settings = ?, delay = ?, error = NULL,"
        " turn = (SELECT coalesce(max(turn), 0) + 1 FROM postiz_posts) WHERE id = ?",
        (
            entry.channel_id, group, root_id, position, sanitized(value.content), json.dumps(value.image),
            json.dumps(entry.settings), value.delay, post_id,
        ),
    )  # fmt: skip
    return post_id


def put_thread(db: sqlite3.Connection, root: sqlite3.Row, thread: Sequence[Value], now: int) -> None:
    """Replace the replies under a post by others, made by a person."""
    db.execute(
        "UPDATE postiz_posts SET deleted = 1 WHERE parent_id = ? AND group_id = ?",
        (root["id"], root["group_id"]),
    )
    entry = Entry(channel_id=root["channel_id"], group=None, settings={}, values=())
    for position, value in enumerate(thread, 1):
        _put(db, entry, value, root["group_id"], root["id"], position, now, "person")


def set_state(db: sqlite3.Connection, post_id: str, state: str, job_ms: int | None) -> None:
    """Put a post into a state; its job wakes up then, or there is none."""
    db.execute("UPDATE postiz_posts SET state = ?, job_ms = ? WHERE id = ?", (state, job_ms, post_id))


def new_group() -> str:
    """Make up a group."""
    return uuid4().hex[:16]


def change_state(db: sqlite3.Connection, post_id: str, status: Json, now: int) -> JsonObject:
    """Make a post a draft, or schedule it for the date that it has."""
    if status not in ("draft", "schedule"):
        raise postiz_wire.invalid_body(["status must be one of the following values: draft, schedule"])
    row = live(db, post_id)
    if row is None:
        raise postiz_wire.bad_request("Post not found")
    state = "DRAFT" if status == "draft" else "QUEUE"
    set_state(db, post_id, state, None if status == "draft" else max(row["at_ms"], now))
    turn(db, post_id)
    return {"id": post_id, "state": state}


def merge_settings(db: sqlite3.Connection, post_id: str, settings: Json, now: int) -> JsonObject:
    """Change some settings of a post that waits; its group stays."""
    row = live(db, post_id)
    if row is None:
        raise postiz_wire.not_found("Post not found")
    if not isinstance(settings, dict):
        raise postiz_wire.invalid_body(["settings must be an object"])
    if row["state"] == "PUBLISHED" or row["at_ms"] <= now:
        raise postiz_wire.bad_request("The post is published, or its date has passed")
    merged = {**json.loads(row["settings"]), **settings}
    db.execute("UPDATE postiz_posts SET settings = ? WHERE id = ?", (json.dumps(merged), post_id))
    turn(db, post_id)
    return {"postId": post_id, "publishDate": iso(row["at_ms"])}


def delete_group(db: sqlite3.Connection, group: str) -> None:
    """Delete all that is in a group, whether anything is or not."""
    db.execute("UPDATE postiz_posts SET deleted = 1 WHERE group_id = ?", (group,))


def live(db: sqlite3.Connection, post_id: str) -> sqlite3.Row | None:
    """Find a root post that is not deleted."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM postiz_posts WHERE id = ? AND parent_id IS NULL AND NOT deleted", (post_id,)
    ).fetchone()
    return row


def listed(
    db: sqlite3.Connection, start_ms: int, end_ms: int, *, customer: str | None, settings: bool
) -> list[Json]:
    """Show the posts between two dates, both inclusive, in the order in which they were last written.

    A repeating post is shown for each time since its first, also before the start.
    """
    shown: list[Json] = []
    for row in db.execute(
        "SELECT postiz_posts.*, platform, display_name FROM postiz_posts"
        " JOIN accounts ON service = 'postiz' AND accounts.id = channel_id"
        " WHERE parent_id IS NULL AND NOT deleted AND (?1 IS NULL OR customer_id = ?1) ORDER BY turn",
        (customer,),
    ):
        if row["inter"]:
            dates = range(row["at_ms"], end_ms + 1, row["inter"] * DAY_MS) if start_ms <= end_ms else ()
            shown += [{**_item(db, row, date, settings), "actualDate": iso(row["at_ms"])} for date in dates]
        elif start_ms <= row["at_ms"] <= end_ms:
            shown.append(_item(db, row, row["at_ms"], settings))
    return shown


def pass_time(db: sqlite3.Connection, now: int) -> None:
    """Publish what is due, and note each time; a repeating post as often as its time has come."""
    due = (
        "SELECT postiz_posts.*, disabled, refresh_needed FROM postiz_posts"
        " JOIN accounts ON service = 'postiz' AND accounts.id = channel_id"
        " WHERE job_ms <= ? AND parent_id IS NULL AND NOT deleted ORDER BY job_ms"
    )
    while rows := db.execute(due, (now,)).fetchall():
        for row in rows:
            _wake(db, row)


def _wake(db: sqlite3.Connection, row: sqlite3.Row) -> None:
    if row["disabled"] or row["refresh_needed"]:
        set_state(db, row["id"], "ERROR", None)
        text = "The channel is disabled" if row["disabled"] else "The channel has to be connected again"
        db.execute("UPDATE postiz_posts SET error = ? WHERE id = ?", (text, row["id"]))
        return
    thread = [
        {"content": reply["content"], "image": json.loads(reply["image"])}
        for reply in replies(db, row["id"])
        if reply["group_id"] == row["group_id"]
    ]
    db.execute(
        "INSERT INTO postiz_publications VALUES (?, ?, ?, ?, ?)",
        (row["id"], row["job_ms"], row["content"], row["image"], json.dumps(thread)),
    )
    times = row["times_published"] + 1
    release = f"{row['id']}-{times}"
    db.execute(
        "UPDATE postiz_posts SET state = 'PUBLISHED', times_published = ?, published_ms = job_ms,"
        " release_id = ?, release_url = ?, job_ms = job_ms + inter * ? WHERE id = ?",
        (times, release, f"https://network.example/{release}", DAY_MS, row["id"]),
    )


def replies(db: sqlite3.Connection, post_id: str) -> Iterator[sqlite3.Row]:
    """Find the replies under a post that are not deleted, those of its former groups too."""
    yield from db.execute(
        "SELECT * FROM postiz_posts WHERE parent_id = ? AND NOT deleted ORDER BY position, rowid", (post_id,)
    )


def turn(db: sqlite3.Connection, post_id: str) -> None:
    """Have a post listed last from now on."""
    db.execute(
        "UPDATE postiz_posts SET turn = (SELECT max(turn) + 1 FROM postiz_posts) WHERE id = ?", (post_id,)
    )


def _row(db: sqlite3.Connection, post_id: str | None) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute("SELECT * FROM postiz_posts WHERE id = ?", (post_id,)).fetchone()
    return row


def _known_tags(db: sqlite3.Connection, labels: tuple[str, ...]) -> list[str]:
    """Of tags, those whose label a person has made before; the others are dropped without a word."""
    known = {row["name"] for row in db.execute("SELECT name FROM postiz_tags")}
    return [label for label in dict.fromkeys(labels) if label in known]


def _item(db: sqlite3.Connection, row: sqlite3.Row, date: int, settings: bool) -> JsonObject:
    tags: list[Json] = []
    for label in json.loads(row["tags"]):
        tag = db.execute("SELECT * FROM postiz_tags WHERE name = ?", (label,)).fetchone()
        if tag is not None:
            tags.append({"tag": {"id": tag["id"], "name": tag["name"], "color": tag["color"]}})
    item: JsonObject = {
        "id": row["id"],
        "content": row["content"],
        "publishDate": iso(date),
        "releaseURL": row["release_url"],
        "releaseId": row["release_id"],
        "state": row["state"],
        "intervalInDays": row["inter"],
        "group": row["group_id"],
        "creationMethod": "API" if row["made_by"] == "api" else "WEB",
        "tags": tags,
        "integration": {
            "id": row["channel_id"],
            "providerIdentifier": row["platform"],
            "name": row["display_name"],
            "picture": f"https://pictures.example/{row['channel_id']}.png",
        },
    }
    if settings:
        item["settings"] = row["settings"]
    return item
