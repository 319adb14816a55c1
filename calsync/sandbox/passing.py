"""What happens when time passes: due posts go out. Carried out lazily, before each request and each look."""

from __future__ import annotations

import sqlite3

from calsync.sandbox import postiz_posts
from calsync.sandbox.world import Knobs, World


def settle(world: World) -> int:
    """Bring all posts up to the sandbox's present, which is returned in milliseconds."""
    now = world.clock.now_ms()
    with world.store.transaction() as db:
        _postqued(db, now, world.knobs)
        _tikflow(db, now)
        if world.knobs["postiz_worker"]:
            postiz_posts.pass_time(db, now)
    return now


def _postqued(db: sqlite3.Connection, now: int, knobs: Knobs) -> None:
    """Take due targets through ``processing`` to ``sent`` (a draft, in the inbox) or ``published``.

    The scheduling guide's flow is queued, processing, sent; ``published`` is in v1's skill file.
    """
    db.execute(
        "UPDATE targets SET status = 'processing' WHERE status IN ('queued', 'scheduled') AND due_ms <= ?",
        (now,),
    )
    spent = int(knobs["processing_seconds"] * 1000)
    db.execute(
        "UPDATE targets SET status = CASE intent WHEN 'draft' THEN 'sent' ELSE 'published' END,"
        " times_published = times_published + 1, published_ms = due_ms + :spent"
        " WHERE status = 'processing' AND due_ms + :spent <= :now",
        {"spent": spent, "now": now},
    )


def _tikflow(db: sqlite3.Connection, now: int) -> None:
    """Execute due schedules and publish their uploads; publish new uploads that nobody scheduled in time.

    A failed upload keeps its schedule ``pending`` for good: TikFlow documents no status for a failed run.
    """
    due = db.execute(
        "SELECT schedules.id, upload_id, at_ms FROM schedules JOIN uploads ON uploads.id = upload_id"
        " WHERE schedules.status = 'pending' AND at_ms <= ? AND NOT deleted AND uploads.status != 'failed'",
        (now,),
    ).fetchall()
    for schedule_id, upload_id, at_ms in due:
        db.execute(
            "UPDATE schedules SET status = 'executed', published_ms = at_ms,"
            " times_published = times_published + 1 WHERE id = ?",
            (schedule_id,),
        )
        db.execute(
            "UPDATE uploads SET status = 'published', published_ms = ? WHERE id = ?",
            (at_ms, upload_id),
        )
    db.execute(
        "UPDATE uploads SET status = 'published', published_ms = publishes_ms"
        " WHERE status = 'pending' AND publishes_ms <= ?",
        (now,),
    )
