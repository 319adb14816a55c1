"""Providers connected to the sandbox or to memory, and files to upload, for the tests of providers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from loopback import Key

from calsync import providers
from calsync.model import (
    AccountKey,
    Content,
    Intent,
    MediaFile,
    MediaKind,
    MediaRef,
    Options,
    RemoteId,
    Sighting,
)
from calsync.providers.base import Link, Provider, Scope, ServiceSettings, Submission, Window
from calsync.providers.memory import Memory
from calsync.sandbox import Sandbox
from calsync.transport import Transport

KEYS = {"postqued": "pq_sandbox", "tikflow": "sk_live_sandbox"}


@dataclass
class File:
    """A file on its way up, from memory."""

    data: bytes
    media: MediaFile

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), 256 * 1024):
            yield self.data[start : start + 256 * 1024]


def video(data: bytes = b"moving" * 1000, name: str = "media/My teaser.mp4") -> File:
    return _file(data, name, MediaKind.VIDEO, "video/mp4")


def image(data: bytes = b"still" * 1000, name: str = "media/1.jpg") -> File:
    return _file(data, name, MediaKind.IMAGE, "image/jpeg")


def _file(data: bytes, name: str, kind: MediaKind, mime: str) -> File:
    sha256 = hashlib.sha256(data).hexdigest()
    return File(data, MediaFile(path=name, sha256=sha256, size=len(data), kind=kind, mime=mime))


def connected(
    service: str, url: str, now: Any, *, lines: list[str] | None = None, sleep: Any = None, **settings: Any
) -> tuple[Provider, Transport]:
    """A provider that speaks to an address; waits cost no time."""
    transport = Transport(
        url,
        Key(KEYS[service]),
        service=service,
        sleep=sleep or (lambda _: None),
        observe=lines.append if lines is not None else None,
    )
    link = Link(settings=ServiceSettings(service=service, **settings), transport=transport, now=now)
    return providers.connect(link), transport


@dataclass
class House:
    """One service with a provider for it, and what a person can do there."""

    service: str
    box: Sandbox
    provider: Provider
    accounts: tuple[str, str]

    def now(self) -> datetime:
        return self.box.now().replace(microsecond=0)

    def scope(self, number: int = 0) -> Scope:
        return Scope(AccountKey(self.service, self.accounts[number]))

    def content(self, **changes: Any) -> Content:
        """A post of tomorrow, as the reconciler would hand it on: in the provider's normal form."""
        facts: dict[str, Any] = {
            "at": self.now() + timedelta(days=1),
            "caption": "Something is coming. #launch\nStay tuned 🚀",
            "intent": Intent.PUBLISH,
            "media": (MediaRef.of(video().media),),
            "options": Options({"privacy_level": "SELF_ONLY", "disable_duet": True}),
        }
        return self.provider.normalize(Content(**(facts | changes)))

    def uploaded(self, *, number: int = 0, data: bytes = b"moving" * 1000, **changes: Any) -> Submission:
        """A submission whose file has been uploaded."""
        bare = Submission(
            scope=self.scope(number), platform="tiktok", content=self.content(**changes), assets=()
        )
        asset = self.provider.upload([video(data)], bare)
        return Submission(scope=bare.scope, platform="tiktok", content=bare.content, assets=(asset,))

    def seen(self, remote_id: RemoteId, number: int = 0) -> Sighting | None:
        return self.provider.get_post(remote_id, self.scope(number))

    def listed(self, *numbers: int) -> dict[RemoteId, Sighting]:
        window = Window(self.now() - timedelta(days=7), self.now() + timedelta(days=30))
        scopes = [self.scope(each) for each in numbers or (0, 1)]
        return {each.remote_id: each for each in self.provider.list_posts(scopes, window)}

    def stop(self, remote_id: RemoteId) -> None:
        if isinstance(self.provider, Memory):
            self.provider.stop(remote_id)
        else:
            self.box.stop_post(remote_id.id)

    def delete(self, remote_id: RemoteId) -> None:
        if isinstance(self.provider, Memory):
            self.provider.delete(remote_id)
        else:
            self.box.delete_post(remote_id.id)

    def fail(self, remote_id: RemoteId, reason: str) -> None:
        if isinstance(self.provider, Memory):
            self.provider.fail(remote_id, reason)
        else:
            self.box.fail_post(remote_id.id, reason)

    def times_published(self) -> list[int]:
        if isinstance(self.provider, Memory):
            return [each.times_published for each in self.provider.posts()]
        return [each["times_published"] for each in self.box.posts() if each["service"] == self.service]
