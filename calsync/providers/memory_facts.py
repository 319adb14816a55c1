"""What the service in memory is like where nobody says otherwise."""

from __future__ import annotations

from datetime import timedelta

from calsync.model import Capabilities, Limits
from calsync.providers.base import RemoteAccount

_FIELDS = frozenset({"at", "caption", "title", "media", "intent", "options", "thread"})
CAPABILITIES = Capabilities(
    api="1",
    lists=True,
    finds_by_id=True,
    keeps_history=True,
    cancels=True,
    moves=True,
    updates=True,
    key_life=timedelta(hours=24),
    settable=_FIELDS,
    settable_by_id=_FIELDS,
    by_hand="in the test",
)
LIMITS = Limits(
    name="Memory",
    origin="calsync's own double",
    video_bytes=1 << 32,
    image_bytes=1 << 25,
    videos=frozenset({"video/mp4", "video/quicktime", "video/webm"}),
    images=frozenset({"image/jpeg", "image/webp"}),
    thread=True,
)
ACCOUNTS = (
    RemoteAccount(id="memory-1", platform="tiktok", username="@first", name="First"),
    RemoteAccount(id="memory-2", platform="tiktok", username="@second", name="Second"),
)
