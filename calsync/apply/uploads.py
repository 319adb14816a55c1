"""Uploads: once per content, service and workspace, whatever number of posts use it and whatever run made it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from calsync.errors import CalsyncError, Interrupted, Uncertain
from calsync.interrupts import StopSign
from calsync.media import HashingReader, open_for_upload
from calsync.model import (
    Capabilities,
    IntentKind,
    MediaFile,
    Open,
    Post,
    RemoteMedia,
    UploadKey,
    UploadUnit,
    upload_units,
)
from calsync.providers.base import Provider, Scope, Submission
from calsync.recorded import Ledger

Progress = Callable[[str, int, int], None]
"""Called with a file's path, the bytes sent of it so far, and its size."""


@dataclass(frozen=True, slots=True)
class FilePayload:
    """A file of the project on its way up; every retry reads it anew and compares its sha256 with the plan's."""

    media: MediaFile
    root: Path
    progress: Progress

    def chunks(self) -> Iterator[bytes]:
        """The bytes, 256 KiB at a time. Raises MediaProblem when they are not what was planned."""
        sent = 0
        with open_for_upload(self.root / self.media.path, self.root) as raw:
            for chunk in HashingReader(raw, expect=self.media):
                yield chunk
                sent += len(chunk)
                self.progress(self.media.path, sent, self.media.size)


def submission(post: Post, assets: tuple[str, ...]) -> Submission:
    """What goes out for a post once its assets are known."""
    return Submission(
        scope=Scope(post.account.key, post.account.workspace),
        platform=post.account.platform,
        content=post.content,
        assets=assets,
    )


class Uploads:
    """The uploads of one apply: each unit is begun once, in a thread of its own pool, and waited for by its posts."""

    def __init__(
        self,
        ledger: Ledger,
        root: Path,
        progress: Progress,
        now: Callable[[], datetime],
        stop: StopSign,
        *,
        workers: int = 4,
    ) -> None:
        self._ledger = ledger
        self._root = root
        self._progress = progress
        self._now = now
        self.stop = stop
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="upload")
        self._lock = threading.Lock()
        self._running: dict[UploadKey, Future[str]] = {}

    def __enter__(self) -> Uploads:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def begin(self, post: Post, provider: Provider) -> None:
        """Start the uploads that a post needs, unless they are made or under way; shared ones only.

        An upload that belongs to one post may publish at once, so it is left to the post's own turn.
        """
        if provider.capabilities.one_schedule_per_asset:
            return
        for unit in upload_units(post, provider.capabilities):
            self._start(unit, post, provider)

    def ready(self, post: Post, provider: Provider, seconds: float) -> bool:
        """Whether the uploads of a post are over, or will be within so many seconds; begins those that are shared."""
        if provider.capabilities.one_schedule_per_asset:
            return False
        units = upload_units(post, provider.capabilities)
        running = [self._start(unit, post, provider) for unit in units]
        return not wait(running, timeout=max(0.0, seconds)).not_done

    def assets(self, post: Post, provider: Provider) -> tuple[str, ...]:
        """The asset ids of a post, uploading what is missing. Raises ProviderError and MediaProblem."""
        ids = tuple(each.id for each in post.entry.media if isinstance(each, RemoteMedia))
        units = upload_units(post, provider.capabilities)
        return ids + tuple(self._start(unit, post, provider).result() for unit in units)

    def again(self, post: Post, abilities: Capabilities) -> None:
        """Forget the uploads of a post: the service no longer knows them."""
        with self._lock:
            for unit in upload_units(post, abilities):
                self._running.pop(unit.key, None)
                self._ledger.forget_upload(unit.key)

    def _start(self, unit: UploadUnit, post: Post, provider: Provider) -> Future[str]:
        with self._lock:
            known = self._ledger.asset(unit.key)
            if known is not None:
                done: Future[str] = Future()
                done.set_result(known)
                return done
            running = self._running.get(unit.key)
            if running is None:
                running = self._pool.submit(self._upload, unit, post, provider)
                self._running[unit.key] = running
            return running

    def _upload(self, unit: UploadUnit, post: Post, provider: Provider) -> str:
        if self.stop.is_set():  # it waited for its turn, and now nothing more is begun
            raise Interrupted("interrupted before its upload began")
        alone = provider.capabilities.one_schedule_per_asset
        left = self._ledger.opened(post.address)
        if alone:
            # Such an upload may publish at once: if its answer is lost, it may never be made again unasked.
            self._ledger.begin(self.opening(post, provider))
        payloads = [FilePayload(each, self._root, self._progress) for each in unit.files]
        try:
            asset = provider.upload(payloads, submission(post, ()))
        except Uncertain:
            raise
        except CalsyncError:
            if alone and left is not None:
                self._ledger.step(left)
            elif alone:
                self._ledger.abandon(post.address)
            raise
        self._ledger.uploaded(unit.key, asset, lazy=not alone)
        return asset

    def opening(self, post: Post, provider: Provider) -> Open:
        """The intent of an upload that belongs to one post; it takes over what a half-done replace left."""
        left = self._ledger.opened(post.address)
        return Open(
            kind=IntentKind.UPLOAD,
            address=post.address,
            account=post.account.key,
            content=post.content,
            begun=self._now(),
            api=provider.capabilities.api,
            workspace=post.account.workspace,
            platform=post.account.platform,
            previous=self._ledger.record(post.address),
            cleared=left is not None and left.cleared,
        )
