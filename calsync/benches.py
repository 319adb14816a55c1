"""What the contract suite works on: a service on a bench, and files to upload there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calsync.model import Content, Intent, MediaFile, MediaKind, MediaRef, Options, RemoteId, Sighting
from calsync.providers.base import Provider, Scope, Submission, Window


@dataclass
class File:
    """A file on its way up, from memory."""

    data: bytes
    media: MediaFile

    def chunks(self) -> Iterator[bytes]:
        """The bytes, as `Payload` has them."""
        for start in range(0, len(self.data), 256 * 1024):
            yield self.data[start : start + 256 * 1024]


def video(data: bytes = b"moving" * 1000, name: str = "media/My teaser.mp4") -> File:
    """Something that goes for a video where nobody looks inside."""
    return _file(data, name, MediaKind.VIDEO, "video/mp4")


def image(data: bytes = b"still" * 1000, name: str = "media/1.jpg") -> File:
    """Something that goes for an image where nobody looks inside."""
    return _file(data, name, MediaKind.IMAGE, "image/jpeg")


def _file(data: bytes, name: str, kind: MediaKind, mime: str) -> File:
    sha256 = hashlib.sha256(data).hexdigest()
    return File(data, MediaFile(path=name, sha256=sha256, size=len(data), kind=kind, mime=mime))


class Bench:
    """One service with two accounts and no posts, the provider for it, and what happens there besides.

    `provider` and `scope` are needed; each of the rest that is not written makes its tests be skipped.
    """

    provider: Provider
    platform = "tiktok"

    def scope(self, number: int = 0) -> Scope:
        """Account 0 or 1."""
        raise NotImplementedError

    def clock(self) -> datetime:
        """The service's time."""
        return datetime.now(UTC)

    def advance(self, span: timedelta) -> None:
        """Let time pass at the service, which publishes what is due."""
        pytest.skip("its time cannot be moved")

    def stop(self, remote_id: RemoteId) -> None:
        """Cancel a post by hand."""
        pytest.skip("nobody can stop a post by hand")

    def delete(self, remote_id: RemoteId) -> None:
        """Delete a post by hand, so that it shows no more."""
        pytest.skip("nobody can delete a post by hand")

    def fail(self, remote_id: RemoteId, reason: str) -> None:
        """Let a post fail when its time comes."""
        pytest.skip("no post can be made to fail")

    def times_published(self) -> list[int] | None:
        """How many times each post went out, in the order in which they were made; None: nobody knows."""
        return None

    def requests(self) -> int:
        """How many requests the service has had so far; where nobody counts, always 0."""
        return 0

    def now(self) -> datetime:
        """The service's time, in whole seconds."""
        return self.clock().replace(microsecond=0)

    def content(self, **changes: Any) -> Content:
        """A post of tomorrow, as the reconciler would hand it on: in the provider's normal form."""
        facts: dict[str, Any] = {
            "at": self.now() + timedelta(days=1),
            "caption": "Something is coming. #launch\nStay tuned 🚀",
            "intent": Intent.PUBLISH,
            "media": (MediaRef.of(video().media),),
            "options": Options({"privacy_level": "SELF_ONLY", "disable_duet": True}),
        }
        return self.provider.normalize(Content(**(facts | changes)), self.platform)

    def uploaded(self, *, number: int = 0, data: bytes = b"moving" * 1000, **changes: Any) -> Submission:
        """A submission whose file has been uploaded."""
        bare = Submission(
            scope=self.scope(number), platform=self.platform, content=self.content(**changes), assets=()
        )
        return replace(bare, assets=(self.provider.upload([video(data)], bare),))

    def seen(self, remote_id: RemoteId, number: int = 0) -> Sighting | None:
        """One post as the service shows it."""
        return self.provider.get_post(remote_id, self.scope(number))

    def listed(self, *numbers: int) -> dict[RemoteId, Sighting]:
        """What the service lists of these accounts, of both by default."""
        window = Window(self.now() - timedelta(days=7), self.now() + timedelta(days=30))
        scopes = [self.scope(each) for each in numbers or (0, 1)]
        return {each.remote_id: each for each in self.provider.list_posts(scopes, window)}
