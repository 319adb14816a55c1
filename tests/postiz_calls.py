"""Calls to the sandbox's Postiz, as short as tests want them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from calsync.sandbox import Sandbox

KEY = "pz_sandbox"
X, MASTODON, BLUESKY, INSTAGRAM, TIKTOK, NEWS, NOUVELLES, OFF, LOST = (
    f"cm0sandbox00000000000000{number}" for number in range(1, 10)
)
"""The seeded channels: ``OFF`` is disabled, ``LOST`` has to be connected anew, two are called News."""

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
IMAGE = {"id": "made up", "path": "https://media.example/a.png"}
EVER = ("2000-01-01", "2100-01-01")


@dataclass(frozen=True)
class Caller:
    """A client of one sandbox."""

    box: Sandbox
    http: httpx.Client

    def ahead(self, minutes: float = 60) -> str:
        """Spell a time so many minutes ahead of the sandbox's clock, in whole seconds."""
        return (self.box.now() + timedelta(minutes=minutes)).replace(microsecond=0).isoformat()

    def body(
        self,
        *contents: str,
        channel: str = MASTODON,
        kind: str = "schedule",
        at: str | None = None,
        ids: Sequence[str | None] = (),
        image: Sequence[Any] = (),
        **more: Any,
    ) -> dict[str, Any]:
        """Spell a post with its thread; ``group`` and ``settings`` belong to its entry, all else to the body."""
        values: list[dict[str, Any]] = [{"content": each, "image": list(image)} for each in contents]
        for value, post_id in zip(values, ids, strict=False):
            if post_id is not None:
                value["id"] = post_id
        entry: dict[str, Any] = {"integration": {"id": channel}, "value": values}
        entry |= {name: more.pop(name) for name in ("group", "settings") if name in more}
        if channel == X:
            entry.setdefault("settings", {"who_can_reply_post": "everyone"})
        head = {"type": kind, "date": at or self.ahead(), "shortLink": False, "tags": []}
        return {**head, "posts": [entry], **more}

    def post(self, *contents: str, **more: Any) -> httpx.Response:
        """Make or change a post."""
        return self.http.post("/posts", json=self.body(*(contents or ("Hello",)), **more))

    def made(self, *contents: str, **more: Any) -> str:
        """Make or change a post that has to be taken; the id that is answered."""
        answer = self.post(*contents, **more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()[0]["postId"])

    def list(self, start: str = EVER[0], end: str = EVER[1], **query: str) -> list[dict[str, Any]]:
        """List posts."""
        answer = self.http.get("/posts", params={"startDate": start, "endDate": end, **query})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["posts"])

    def shown(self, post_id: str) -> dict[str, Any]:
        """Find a post in the list."""
        [found] = [each for each in self.list() if each["id"] == post_id]
        return found

    def image(self, data: bytes = PNG, name: str = "a.jpg", field: str = "file") -> httpx.Response:
        """Upload a file."""
        return self.http.post("/upload", files={field: (name, data, "image/jpeg")})
