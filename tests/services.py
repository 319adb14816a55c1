"""Providers connected to the sandbox or to memory, for the tests of providers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from loopback import Key

from calsync import providers
from calsync.model import AccountKey, RemoteId
from calsync.providers.base import Link, Provider, Scope, ServiceSettings, Submission
from calsync.providers.memory import Memory
from calsync.sandbox import Sandbox
from calsync.testing import Bench, File, image, video
from calsync.transport import Transport

__all__ = ["KEYS", "File", "House", "connected", "due", "image", "video"]

KEYS = {"postqued": "pq_sandbox", "tikflow": "sk_live_sandbox", "postiz": "pz_sandbox"}


def connected(
    service: str,
    url: str,
    now: Any,
    *,
    lines: list[str] | None = None,
    sleep: Any = None,
    lead_time: timedelta = timedelta(),
    **settings: Any,
) -> tuple[Provider, Transport]:
    """A provider that speaks to an address; waits cost no time."""
    transport = Transport(
        url,
        Key(KEYS[service]),
        service=service,
        authorization=providers.authorization(service),
        sleep=sleep or (lambda _: None),
        observe=lines.append if lines is not None else None,
    )
    known = ServiceSettings(service=service, **settings)
    link = Link(settings=known, transport=transport, now=now, lead_time=lead_time)
    return providers.connect(link), transport


def due(submission: Submission, at: datetime) -> Submission:
    """The same post at another time."""
    return replace(submission, content=replace(submission.content, at=at))


@dataclass
class House(Bench):
    """One service with a provider for it, and what a person can do there."""

    service: str
    box: Sandbox
    provider: Provider
    accounts: tuple[str, str]

    def scope(self, number: int = 0) -> Scope:
        return Scope(AccountKey(self.service, self.accounts[number]))

    def clock(self) -> datetime:
        return self.box.now()

    def uploaded(self, *, number: int = 0, data: bytes = b"moving" * 1000, **changes: Any) -> Submission:
        """Postiz looks at how a file begins."""
        return super().uploaded(number=number, data=b"\0\0\0\x18ftypisom" + data, **changes)

    def advance(self, span: timedelta) -> None:
        self.box.advance(span)

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
        """TikFlow publishes uploads that nobody schedules: only what was scheduled counts here."""
        if isinstance(self.provider, Memory):
            return [each.times_published for each in self.provider.posts()]
        mine = [each for each in self.box.posts() if each["service"] == self.service]
        return [each["times_published"] for each in mine if each["kind"] != "upload"]

    def requests(self) -> int:
        return len(self.box.requests())
