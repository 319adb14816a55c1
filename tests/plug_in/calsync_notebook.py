"""A service that is a file: what the author of a plug-in writes, and all of it.

The notebook's path is in the variable NOTEBOOK; it has two accounts, and publishes what is due when it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from calsync.errors import Rejected
from calsync.model import (
    Capabilities,
    Content,
    Limits,
    RemoteId,
    Sighting,
    Status,
    moment,
)
from calsync.providers.base import (
    Link,
    Payload,
    Plain,
    Provider,
    RemoteAccount,
    Scope,
    ServiceSettings,
    Submission,
    Window,
)

LIMITS = Limits(
    name="Notebook",
    origin="its paper",
    video_bytes=10**9,
    image_bytes=10**7,
    videos=frozenset({"video/mp4"}),
    images=frozenset({"image/jpeg"}),
)
CAPABILITIES = Capabilities(
    api="1",
    lists=True,
    finds_by_id=True,
    keeps_history=True,
    cancels=True,
    moves=True,
    updates=False,
    key_life=timedelta(days=365),
    settable=frozenset({"at", "caption", "media", "intent", "options"}),
    by_hand="with a pencil",
)


def limits(settings: ServiceSettings) -> Sequence[Limits]:
    return (LIMITS,)


def connect(link: Link) -> Provider:
    return Notebook(link, Path(os.environ["NOTEBOOK"]))


class Notebook(Plain):
    def __init__(self, link: Link, path: Path) -> None:
        self.service = link.settings.service
        self.capabilities = CAPABILITIES
        self._link = link
        self._path = path
        self._pen = threading.Lock()

    def normalize(self, content: Content, platform: str = "tiktok") -> Content:
        return replace(content, title="")

    def accounts(self) -> Sequence[RemoteAccount]:
        return [
            RemoteAccount(id=each, platform="tiktok", username=f"@{each}") for each in ("first", "second")
        ]

    def list_posts(self, scopes: Sequence[Scope], window: Window) -> Sequence[Sighting]:
        accounts = {scope.account.id for scope in scopes}
        seen = [self._sighting(name, each) for name, each in self._posts().items()]
        return [
            each
            for each in seen
            if each.account_id in accounts and each.at and window.start <= each.at <= window.end
        ]

    def get_post(self, remote_id: RemoteId, scope: Scope) -> Sighting | None:
        post = self._posts().get(remote_id.id)
        return None if post is None else self._sighting(remote_id.id, post)

    def upload(self, files: Sequence[Payload], submission: Submission) -> str:
        digest = hashlib.sha256()
        for chunk in files[0].chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def create_body(self, submission: Submission) -> bytes:
        return json.dumps(
            {
                "account": submission.scope.account.id,
                "content": submission.content.to_json(),
                "assets": submission.assets,
            }
        ).encode()

    def create(self, submission: Submission, *, token: str) -> RemoteId:
        self._link.in_time(submission.content.at)()
        # Posts are made from several threads.
        with self._pen:
            return self._created(json.loads(self.create_body(submission)), token)

    def _created(self, body: dict[str, Any], token: str) -> RemoteId:
        posts = self._posts()
        for name, each in posts.items():
            if each["token"] == token and each["body"] == body:
                return RemoteId(name)
            if each["token"] == token:
                raise Rejected("that token stands for another post", conflict=True, service=self.service)
        name = f"page-{len(posts) + 1}"
        posts[name] = {**body, "body": body, "token": token, "stopped": False}
        self._write(posts)
        return RemoteId(name)

    def reschedule(self, remote_id: RemoteId, submission: Submission) -> None:
        at = submission.content.at
        self._link.in_time(at)()
        with self._pen:
            posts = self._posts()
            content = Content.from_json(posts[remote_id.id]["content"])
            posts[remote_id.id]["content"] = replace(content, at=at).to_json()
            self._write(posts)

    def update(self, remote_id: RemoteId, submission: Submission) -> RemoteId:
        raise Rejected("ink cannot be changed", service=self.service)

    def cancel(self, remote_id: RemoteId, scope: Scope) -> None:
        seen = self.get_post(remote_id, scope)
        if seen is not None and seen.status is Status.PUBLISHED:
            raise Rejected("it is out", conflict=True, service=self.service)
        self.stop(remote_id)

    def stop(self, remote_id: RemoteId) -> None:
        with self._pen:
            posts = self._posts()
            if remote_id.id in posts:
                posts[remote_id.id]["stopped"] = True
                self._write(posts)

    def tear_out(self, remote_id: RemoteId) -> None:
        with self._pen:
            self._write({name: each for name, each in self._posts().items() if name != remote_id.id})

    def _sighting(self, name: str, post: dict[str, Any]) -> Sighting:
        content = Content.from_json(post["content"])
        due = Status.PUBLISHED if content.at <= self._link.now() else Status.SCHEDULED
        return Sighting(
            remote_id=RemoteId(name),
            account_id=post["account"],
            status=Status.CANCELED if post["stopped"] else due,
            at=moment(post["content"]["at"]),
            caption=content.caption,
            intent=content.intent,
            options=content.options,
            media=tuple(post["assets"]),
        )

    def _posts(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = (
            json.loads(self._path.read_text() or "{}") if self._path.exists() else {}
        )
        return found

    def _write(self, posts: dict[str, dict[str, Any]]) -> None:
        # Whole or not at all: somebody may be reading.
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(posts))
        fresh.replace(self._path)
